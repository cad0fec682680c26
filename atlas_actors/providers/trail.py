"""How far a run of a client has come, as its lines tell it: steps, files, open steps, words."""

from collections import deque
from pathlib import PurePath
from typing import Any, Final

from atlas_actors.providers.wire import whole

STEPS_MAX: Final = 50
FILES_MAX: Final = 100
STEP_CHARACTERS: Final = 200
FILE_CHARACTERS: Final = 1_000
SAID_CHARACTERS: Final = 2_000


class Trail:
    """What one run has done; bounded. `changes` grows with each thing that it learns."""

    def __init__(self, folder: str = "") -> None:
        self._folder = folder
        self._done: deque[str] = deque(maxlen=STEPS_MAX)
        self._begun: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._files: dict[str, None] = {}
        self._plan: tuple[str, ...] | None = None
        self._paused = False
        self.said = ""
        self.changes = 0

    @property
    def done(self) -> tuple[str, ...]:
        """The steps, oldest first; those that have begun and not ended say so."""
        begun = [f"{step} (begun, its end is not known)" for step, _ in self._begun.values()]
        return (*self._done, *begun)[-STEPS_MAX:]

    @property
    def files(self) -> tuple[str, ...]:
        """What was changed, relative to the folder where it is inside."""
        return tuple(self._files)

    @property
    def next_steps(self) -> tuple[str, ...] | None:
        """The open steps of its plan; None where it has said none."""
        return self._plan

    def place(self, path: str) -> str:
        """A path as a step names it."""
        name = PurePath(path)
        inside = self._folder and name.is_relative_to(self._folder)
        return (str(name.relative_to(self._folder)) if inside else path)[:FILE_CHARACTERS]

    def begin(self, id: str, step: str, files: tuple[str, ...] = ()) -> None:
        """A step that will end, or be cut."""
        known = (_line(step), files)
        if self._begun.get(id) == known:
            return
        if len(self._begun) == STEPS_MAX:
            del self._begun[next(iter(self._begun))]
        self._begun[id] = known
        self.changes += 1

    def end(self, id: str, *, failed: bool = False) -> None:
        """The step that began under this id is over; of another nothing is known."""
        known = self._begun.pop(id, None)
        if known is None:
            return
        step, files = known
        self._done.append(f"{step} (failed)" if failed else step)
        for file in () if failed else files:
            self._files.pop(file, None)
            self._files[file] = None
            if len(self._files) > FILES_MAX:
                del self._files[next(iter(self._files))]
        self.changes += 1

    def plan(self, steps: list[str]) -> None:
        """Its own list of what is still to be done replaces the one before."""
        self._plan = tuple(filter(None, map(_line, steps)))[:STEPS_MAX]
        self.changes += 1

    def pause(self) -> None:
        """What it says next is another text."""
        self._paused = True

    def say(self, text: str) -> None:
        """More of what it says; the end of its last text is kept."""
        self.said = (text if self._paused else self.said + text)[-SAID_CHARACTERS:]
        self._paused = False
        self.changes += 1


def text_of(value: Any) -> str:
    """A text as a client writes it; anything else is none."""
    return whole(value) if isinstance(value, str) else ""


def _line(step: str) -> str:
    """The first line with words in it."""
    return (step.strip().splitlines() or [""])[0][:STEP_CHARACTERS]
