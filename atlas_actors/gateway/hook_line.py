"""Pure: the line that scripts/hook sends, and the frame around what it is to print.

hook US client US deadline_ms US began_ms US event US NAME=value ... RS payload, with US (1F) and
RS (1E), which JSON has nowhere. The answer: its length in bytes as digits, a line feed, its bytes.
"""

from typing import Any, Final

import attrs

PREFIX: Final = b"hook\x1f"


@attrs.frozen(kw_only=True)
class HookCall:
    """One event of a client, as its hook has sent it."""

    client: str
    event: str  # "": the payload says which
    payload: Any
    deadline_ms: int  # the hook gives up so long after it began
    began_ms: int | None  # when the hook began, of the wall clock
    fields: dict[str, str]  # of the allow-list of variables that it forwards
