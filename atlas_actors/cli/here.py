"""Which project a command is about: where it runs, a directory, or every one."""

import argparse
from typing import Any

from atlas_actors.errors import UsageError
from atlas_actors.projects import project_of


def add_project(parser: Any, everywhere: str, default: str = "where you are") -> None:
    """--project and --global."""
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--project", metavar="DIR", help=f"of this directory's project (default: {default})"
    )
    choice.add_argument("--global", dest="everywhere", action="store_true", help=everywhere)


def project(options: argparse.Namespace) -> str | None:
    """The root of the project that is meant; None with --global. Raises UsageError."""
    if options.everywhere:
        return None
    try:
        return project_of(options.project or ".")
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{options.project or '.'}: {error}") from error
