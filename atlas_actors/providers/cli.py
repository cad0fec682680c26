"""What the two command-line clients share as providers: how a run is launched and read; pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

import attrs

from atlas_actors.messages.execution import Usage
from atlas_actors.providers.trail import Trail
from atlas_actors.providers.wire import Answer, Ask, CallEnd

# The only variables of ours that a client gets; keys and CLAUDE*, CODEX*, OPENAI* are not of them.
PASSED_ON: Final = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "SHELL",
    "USER",
    "LOGNAME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
)
# Tells our own hook to be silent, and us after a crash whose client it was.
MARKER: Final = "ATLAS_EXECUTOR"
STDERR_CHARACTERS: Final = 300


@attrs.frozen(kw_only=True)
class Job:
    """One run of a client: `home` is its own, `folder` is where it works."""

    ask: Ask
    home: str
    folder: str
    writes: bool  # it may change files in `folder`
    reads: bool  # it may read files there
    session: str
    resumes: bool = False  # `session` is gone on with, and not begun
    keeps: bool = False  # it can be gone on with later: its transcript stays in `home`
    key: str = ""
    key_as: str = ""
    base_url: str = ""
    budget_usd: float | None = None
    turns_max: int = 50
    allow_commands: bool = False


@attrs.frozen(kw_only=True)
class Launch:
    """What to start: arguments, variables, what to write to its standard input, and files to put
    into its scratch folder, which {scratch} stands for in arguments and variables."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    stdin: str
    files: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Totals:
    """What a session has used since it began; clients report sums, we want differences."""

    usage: Usage = attrs.field(factory=Usage)
    cost_usd: float = 0.0

    def since(self, before: "Totals") -> "Totals":
        """What came after `before`; a sum that shrank was begun anew, and counts as it is."""
        pairs = [
            (field.name, getattr(self.usage, field.name), getattr(before.usage, field.name))
            for field in attrs.fields(Usage)
        ]
        if any(now < then for _, now, then in pairs):
            return self
        usage = Usage(**{name: now - then for name, now, then in pairs})
        return Totals(usage=usage, cost_usd=max(0.0, round(self.cost_usd - before.cost_usd, 6)))


class RunReader(Protocol):
    """Reads the JSON lines that a client prints."""

    answer: Answer
    totals: Totals
    session: str
    trail: Trail

    def read(self, line: bytes) -> Iterator[str]:
        """The new pieces of text in one line. Raises WireError when the run must be ended."""

    def end(self, code: int, stderr: str, before: Totals) -> CallEnd:
        """How the run ended; `code` is negative for a signal, `before` what its session had used
        when it began."""


class Client(Protocol):
    """One command-line client; implemented by a module in this folder."""

    COMMAND: str
    KEY_AS: str
    LOGIN_FILES: tuple[str, ...]
    TRANSCRIPTS: str  # where in its home the sessions are, and only they, as a glob
    SESSION_LOST: str  # in the error when it does not find the session, in lower case

    def launch(self, job: Job, environment: Mapping[str, str]) -> Launch:
        """What to start; `environment` is ours, of which little is passed on."""

    def run_reader(self, folder: str = "") -> RunReader:
        """For one run in this folder."""

    def totals_in(self, transcript: Iterable[bytes]) -> Totals | None:
        """What the client will count from when it goes on with this session; None when its model
        has not answered yet, and there is nothing to go on with."""


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of ours that a client may see."""
    kept = {name: environment[name] for name in PASSED_ON if name in environment}
    return {**kept, "TERM": "dumb", MARKER: "1"}


def words(stderr: str) -> str:
    """The last of what a client wrote to its standard error, on one line."""
    return " ".join(stderr.split())[-STDERR_CHARACTERS:]
