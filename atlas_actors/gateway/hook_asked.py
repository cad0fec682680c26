"""One event on its way through the gateway."""

from typing import Any

import attrs

from atlas_actors.gateway.hook_places import Where
from atlas_actors.messages.client import ClientEvent, FileTouch


@attrs.frozen(kw_only=True)
class Asked:
    """What the parts of an answer are made from."""

    raw: ClientEvent  # for the opening of files alone
    event: ClientEvent  # without secrets: for everything else
    where: Where | None
    until_s: float  # of the loop's time
    later: list[Any] = attrs.field(factory=list)  # facts for sessions, once the answer is made

    def openable(self, files: tuple[FileTouch, ...]) -> tuple[FileTouch, ...]:
        """Those whose names are no secrets: the names are kept."""
        if self.raw.tool is None:
            return ()
        real = {file.path for file in self.raw.tool.files}
        return tuple(file for file in files if file.path in real)
