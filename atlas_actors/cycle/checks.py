"""Pure: what a failing check says, told apart from what is new each time, as proposed work."""

import hashlib
import re
import shlex
from typing import Final

from atlas_actors.cycle.prompt import as_data, storable, within
from atlas_actors.messages.proposal import Propose
from atlas_actors.settings import CheckSettings

OUTPUT_BYTES_MAX: Final = 65_536  # the end of the output that is kept of a run
SHOWN_CHARACTERS: Final = 8_000
COMMAND_BYTES_MAX: Final = 6_000  # of a proposal's evidence, which may have 20,000
_TERMINAL: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# Addresses, ids and names of temporary files; then numbers, dates and times among them.
_HEXADECIMAL: Final = re.compile(r"\b(?:0x)?[0-9a-fA-F]{7,}\b|\b0x[0-9a-fA-F]+\b")
_TEMPORARY: Final = re.compile(r"\btmp[0-9A-Za-z_]{6,}\b")
_NUMBER: Final = re.compile(r"[0-9]+")


def subject_of(name: str) -> str:
    """One proposal at a time for each check."""
    return f"check:{name}"


def output_of(data: bytes) -> str:
    """The end of an output as text, without colours; a line that was cut is left out."""
    text = _TERMINAL.sub("", data.decode("utf-8", "replace"))
    if len(data) >= OUTPUT_BYTES_MAX and "\n" in text:
        text = text.partition("\n")[2]
    return text.strip()


def normalised(output: str) -> str:
    """What does not change from one failing run to the next: the set of its lines, in order,
    without numbers, addresses and times."""
    lines = set()
    for line in output.splitlines():
        plain = _TEMPORARY.sub("tmp", _HEXADECIMAL.sub("#", line))
        lines.add(" ".join(_NUMBER.sub("#", plain).split()))
    return "\n".join(sorted(lines - {""}))


def fingerprint(name: str, output: str) -> str:
    """The same check failing in the same way."""
    whole = f"{name}\0{normalised(output)}"
    return f"check:{hashlib.sha256(whole.encode('utf-8', 'replace')).hexdigest()[:40]}"


def proposal_of(check: CheckSettings, cwd: str | None, code: int, output: str) -> Propose:
    """To mend what makes it fail. In a directory, the command itself proves the work."""
    command, mark = shlex.join(check.command), fingerprint(check.name, output)
    asked = check.prompt or (
        "A check fails: a command that should exit 0 does not. Find the cause and mend it; do not"
        " change the check itself."
    )
    prompt = "\n\n".join(
        (
            asked,
            as_data("The command", command),
            as_data(f"The end of its output (it exited {code})", output, SHOWN_CHARACTERS),
        )
    )
    return Propose(
        kind="check",
        title=f"check {check.name} fails (exit {code})",
        prompt=prompt,
        fingerprint=mark,
        cwd=cwd,
        evidence={
            "check": check.name,
            "command": within(command, COMMAND_BYTES_MAX),
            "exit_code": code,
            "output": storable(output[-SHOWN_CHARACTERS // 4 :]),
        },
        evidence_key=mark,
        subject=subject_of(check.name),
        check=check.command if cwd else None,
    )
