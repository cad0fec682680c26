"""Pure: what the values of options may be; they are checked before anything is sent."""

import argparse
import math
from typing import Final

from atlas_actors.cli.times import moment_ms
from atlas_actors.clock import DAY_MS
from atlas_actors.errors import UsageError

NAME_CHARACTERS_MAX: Final = 200
BUDGET_USD_MAX: Final = 100_000
DEADLINE_S_MAX: Final = 864_000
AHEAD_YEARS_MAX: Final = 10
_YEAR_MS: Final = 366 * DAY_MS
_NAMES: Final = ("key", "group", "unique", "provider")
# Of atlas submit, what only another option gives a meaning: (option, the one that it goes with).
_PAIRS: Final = (
    ("unique_for", "unique"),
    ("replace", "unique"),
    ("if_dead", "after"),
    ("timeout", "wait"),
)


def check_request(options: argparse.Namespace) -> None:
    """What ask, submit and schedules say of a request. Raises UsageError."""
    budget, deadline = options.budget, options.deadline
    if budget is not None and not 0 <= budget <= BUDGET_USD_MAX:
        raise UsageError(f"--budget takes USD from 0 to {BUDGET_USD_MAX:,}, not {budget:g}")
    if deadline is not None and not 0 < deadline <= DEADLINE_S_MAX:
        raise UsageError(
            f"--deadline takes seconds above 0, up to {DEADLINE_S_MAX:,}, not {deadline:g}"
        )
    for name in _NAMES:
        check_name(f"--{name}", getattr(options, name, None))


def check_pairs(options: argparse.Namespace) -> None:
    """What an option needs beside it, in atlas submit. Raises UsageError."""
    for name, other in _PAIRS:
        given = getattr(options, name)
        if given is not None and given is not False and not getattr(options, other):
            raise UsageError(f"{_option(name)} goes with {_option(other)}")
    for name in options.after or ():
        check_name("--after", name)


def check_timeout(timeout_s: float | None) -> None:
    """--timeout. Raises UsageError."""
    if timeout_s is not None and not (math.isfinite(timeout_s) and timeout_s >= 0):
        raise UsageError(f"--timeout takes seconds from 0 on, not {timeout_s:g}")


def check_name(option: str, name: str | None) -> None:
    """A key, the name of a group or of a provider. Raises UsageError."""
    if name is None:
        return
    if not name:
        raise UsageError(f"{option} is empty")
    if len(name) > NAME_CHARACTERS_MAX:
        raise UsageError(
            f"{option} is longer than {NAME_CHARACTERS_MAX} characters (it has {len(name):,})"
        )


def check_many(options: argparse.Namespace) -> None:
    """With --many each line says all of its task. Raises UsageError."""
    own = ("many", "json", "run", "command")
    for name, given in vars(options).items():
        if name not in own and given is not None and given is not False and given != []:
            raise UsageError(
                f"--many takes its tasks from the file alone, and does not wait: without"
                f" {_option(name) if name != 'prompt' else 'a prompt'}"
            )


def due_ms(text: str, now_ms: int) -> int:
    """--at as a moment, which is not too far off. Raises UsageError."""
    moment = moment_ms(text, now_ms)
    if moment > now_ms + AHEAD_YEARS_MAX * _YEAR_MS:
        raise UsageError(f"--at {text[:50]} is more than {AHEAD_YEARS_MAX} years from now")
    return moment


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
