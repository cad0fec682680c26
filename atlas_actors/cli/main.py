"""The atlas command: finds the subcommand, turns every error into one line and an exit code."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

from atlas_actors import __version__
from atlas_actors.cli.client import NotRunningError
from atlas_actors.errors import (
    AlreadyRunning,
    AtlasError,
    DeadlinePassed,
    SettingsError,
    UsageError,
)
from atlas_actors.home import home_from

# Each module of this package adds these commands; only the module that is asked for is imported.
COMMANDS: Final = {
    "submit": ("ask", "submit"),
    "tasks": ("tasks",),
    "schedules": ("schedules",),
    "handoffs": ("handoffs",),
    "remember": ("remember", "recall", "forget"),
    "memory": ("memory",),
    "brief": ("brief",),
    "learn": ("learn",),
    "graph": ("graph",),
    "context": ("context",),
    "cycle": ("cycle", "proposals"),
    "feedback": ("feedback", "health"),
    "routing": ("route", "routes", "pin"),
    "outcomes": ("outcomes",),
    "costs": ("costs",),
    "strategies": ("strategies",),
    "mcp": ("mcp",),
    "daemon": ("serve", "status", "stop", "retry"),
    "model": ("model",),
}
EXIT_FAILED, EXIT_USAGE, EXIT_INSTANCE, EXIT_TIMEOUT, EXIT_INTERRUPTED = 1, 2, 3, 4, 130

Serve = Callable[[str | None, int | None], int]


def run(arguments: Sequence[str], serve: Serve) -> int:
    """Run one command and return its exit code."""
    words = list(arguments) or ["serve"]
    options = _parser(words[0]).parse_args(words)
    try:
        if options.command == "serve":
            from atlas_actors.cli import daemon

            daemon.set_interval(options.interval)
        if options.command == "serve" and not options.detach:
            return serve(options.log_level, options.beat_fd)
        return int(options.run(options, home_from(os.environ)))
    except AtlasError as error:
        sys.stderr.write(f"atlas: {error}\n")
        return _exit_code(error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED


def _parser(word: str) -> argparse.ArgumentParser:
    """Of the command that the line begins with, or of all of them."""
    known = any(word in commands for commands in COMMANDS.values())
    parser = argparse.ArgumentParser(
        prog="atlas", description="The daemon beside your coding agents."
    )
    parser.add_argument("--version", action="version", version=f"atlas {__version__}")
    groups = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module, commands in COMMANDS.items():
        if word in commands or not known:
            importlib.import_module(f"atlas_actors.cli.{module}").add_to(groups)
    return parser


def _exit_code(error: AtlasError) -> int:
    if isinstance(error, DeadlinePassed):
        return EXIT_TIMEOUT
    if isinstance(error, NotRunningError | AlreadyRunning):
        return EXIT_INSTANCE
    if isinstance(error, SettingsError | UsageError):
        return EXIT_USAGE
    return EXIT_FAILED
