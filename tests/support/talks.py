"""What a client's hooks tell of one session, as its adapter and the gateway say it."""

from collections.abc import Callable
from typing import Any

from atlas_actors.messages.client import (
    ClientEvent,
    ContextUse,
    FileTouch,
    HookHappened,
    HookNoted,
    ToolUse,
)

PROJECT = "/home/ann/shop"


class Talk:
    """One session of a client; each method is one hook, and returns what it was answered."""

    def __init__(
        self,
        ask: Callable[[Any], HookNoted],
        *,
        client: str = "claude",
        session: str = "s",
        project: str | None = PROJECT,
    ) -> None:
        self._ask = ask
        self.client, self.session, self.project = client, session, project
        self.turn_id = ""
        self._prompts = 0

    def tell(self, kind: str, *, request: str = "", **fields: Any) -> HookNoted:
        """Any event of it."""
        given = {"turn_id": self.turn_id, "cwd": self.project or "", "event": kind, **fields}
        event = ClientEvent(client=self.client, session=self.session, kind=kind, **given)
        return self._ask(HookHappened(event=event, project=self.project, request=request))

    def prompt(self, text: str = "make it faster", **fields: Any) -> HookNoted:
        """A person says something: a new turn."""
        self._prompts += 1
        self.turn_id = fields.pop("turn_id", f"p{self._prompts}")
        return self.tell("prompt", prompt=text, request=f"#{text}", **fields)

    def about_to(self, command: str, **fields: Any) -> HookNoted:
        """A command is about to run."""
        tool = ToolUse(name="Bash", kind="shell", command=command)
        return self.tell("pre_tool", tool=tool, **fields)

    def ran(self, command: str, code: int | None = 0, output: str = "", **fields: Any) -> HookNoted:
        """A command has run."""
        names = ("test", "reverts", "id", "interrupted", "failed")
        given = {name: fields.pop(name) for name in names if name in fields}
        tool = ToolUse(
            name="Bash", kind="shell", command=command, exit_code=code, output=output,
            **{"failed": bool(code), **given},
        )  # fmt: skip
        return self.tell("tool_failed" if code else "post_tool", tool=tool, **fields)

    def tested(self, code: int = 0) -> HookNoted:
        """The tests have run."""
        return self.ran("pytest -q", code, test=True)

    def edited(self, *names: str, **fields: Any) -> HookNoted:
        """Files of the project were changed."""
        files = tuple(FileTouch(path=f"{self.project}/{name}", kind="edit") for name in names)
        tool = ToolUse(name="Edit", kind="edit", files=files, failed=False)
        return self.tell("post_tool", tool=tool, **fields)

    def stop(self, **fields: Any) -> HookNoted:
        """The turn is over."""
        return self.tell("stop", **fields)

    def status(self, **use: Any) -> HookNoted:
        """A status line is wanted."""
        return self.tell("status", use=ContextUse(**use))
