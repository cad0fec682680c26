"""A check while it goes on: what it has come to so far, and who waits for more."""

from typing import Final

import attrs

from atlas_actors.errors import AtlasError
from atlas_actors.mailbox import Reply
from atlas_actors.messages.mcp import CheckSeen, ConfigProblem, ServerHealth, ServersChecked

KEPT_MAX: Final = 20  # that are over, for whoever follows them


@attrs.define(kw_only=True)
class Check:
    """One check."""

    id: str
    names: tuple[str, ...] = ()
    problems: tuple[ConfigProblem, ...] = ()
    results: list[ServerHealth] = attrs.field(factory=list)
    done: bool = False
    error: AtlasError | None = None
    _whole: list[Reply] = attrs.field(factory=list)  # who waits for its end
    _followers: list[tuple[int, Reply]] = attrs.field(factory=list)  # (seen, who)

    def wait_for_end(self, reply: Reply) -> None:
        """Answer this one when it is over."""
        self._whole.append(reply)
        self._answer()

    def follow(self, seen: int, reply: Reply) -> None:
        """Answer this one when there are more results than `seen`, or it is over."""
        self._followers.append((seen, reply))
        self._answer()

    def add(self, health: ServerHealth) -> None:
        """A server has been looked at."""
        self.results.append(health)
        self._answer()

    def end(self, error: AtlasError | None = None) -> None:
        """All have been looked at, or it cannot go on."""
        self.done, self.error = True, error
        self._answer()

    def _answer(self) -> None:
        ready = [one for one in self._followers if self.done or len(self.results) > one[0]]
        self._followers = [one for one in self._followers if one not in ready]
        for seen, reply in ready:
            self._give(reply, self._seen(seen))
        if self.done:
            whole, self._whole = self._whole, []
            checked = ServersChecked(results=tuple(self.results), problems=self.problems)
            for reply in whole:
                self._give(reply, checked)

    def _give(self, reply: Reply, answer: CheckSeen | ServersChecked) -> None:
        if self.error is not None:
            reply.set_exception(self.error)
        else:
            reply.set(answer)

    def _seen(self, seen: int) -> CheckSeen:
        return CheckSeen(
            names=self.names,
            results=tuple(self.results[seen:]),
            problems=self.problems,
            done=self.done,
        )
