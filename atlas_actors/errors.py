"""Every error that Atlas tells somebody about.

    AtlasError                 message for people, cure, JSON-RPC code
    ├─ UsageError              a wrong command or parameter             -32602
    ├─ SettingsError           a wrong setting: file, key, valid value
    ├─ Busy                    a limit is reached, try later            -32000
    │  └─ MailboxFull
    ├─ NotFound                no such task, path, method               -32001
    ├─ Conflict                not allowed in this state                -32002
    │  └─ AlreadyRunning       another daemon holds this home
    ├─ Unavailable             a part is parked, stopped or absent      -32003
    │  └─ CannotStart          raised by on_start: park this actor
    ├─ DeadlinePassed          nobody answered in time                  -32004
    ├─ ActorCrashed            the actor failed while it handled this   -32603
    └─ AskedSelf               an actor may not wait for itself

    Ignored                    raised by on_start: do not run, no error

An AtlasError raised by a handler is an answer, not a crash; everything else is a crash.
"""


class AtlasError(Exception):
    """An error that a person can read and act on; `cure` says how, or is empty."""

    code = -32603

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.message} ({self.cure})" if self.cure else self.message


class UsageError(AtlasError):
    """The caller's words are wrong."""

    code = -32602


class SettingsError(AtlasError):
    """A setting is wrong; the message names file, key and a valid value."""


class Busy(AtlasError):
    """A limit is reached; the same request may pass after `retry_after_ms`."""

    code = -32000

    def __init__(self, message: str, *, retry_after_ms: int = 1000, cure: str = "") -> None:
        super().__init__(message, cure=cure)
        self.retry_after_ms = retry_after_ms


class MailboxFull(Busy):
    """An actor has as much mail as it may have."""


class NotFound(AtlasError):
    """There is no such thing."""

    code = -32001


class Conflict(AtlasError):
    """The thing exists, and its state forbids this."""

    code = -32002


class AlreadyRunning(Conflict):
    """Another daemon holds this home."""

    def __init__(self, home: object, pid: object) -> None:
        super().__init__(
            f"an Atlas daemon runs already on {home}: pid {pid}",
            cure="atlas status talks to it, atlas stop ends it",
        )


class Unavailable(AtlasError):
    """A part of Atlas is not working; `retry_at_ms` (UTC) is its next try, None for no try."""

    code = -32003

    def __init__(
        self, message: str, *, cure: str = "", part: str = "", retry_at_ms: int | None = None
    ) -> None:
        super().__init__(message, cure=cure)
        self.part = part
        self.retry_at_ms = retry_at_ms


class CannotStart(Unavailable):
    """Raised by on_start when something outside is missing: parked at once, tried again later."""


class DeadlinePassed(AtlasError):
    """No answer came in time."""

    code = -32004


class ActorCrashed(AtlasError):
    """The actor failed while it handled this message; `__cause__` is the failure."""


class AskedSelf(AtlasError):
    """An actor that waits for its own answer would wait for ever."""


class Ignored(Exception):
    """Raised by on_start: this actor is not wanted now, and nothing is wrong."""
