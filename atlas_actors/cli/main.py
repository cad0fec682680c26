"""The atlas command: finds the subcommand, turns every error into one line and an exit code."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from atlas_actors import __version__
from atlas_actors.cli import (
    brief,
    costs,
    cycle,
    daemon,
    graph,
    handoffs,
    learn,
    memory,
    model,
    remember,
    routing,
    schedules,
    submit,
    tasks,
)
from atlas_actors.cli.client import NotRunningError
from atlas_actors.config import home_from
from atlas_actors.errors import (
    AlreadyRunning,
    AtlasError,
    DeadlinePassed,
    SettingsError,
    UsageError,
)

EXIT_FAILED, EXIT_USAGE, EXIT_INSTANCE, EXIT_TIMEOUT, EXIT_INTERRUPTED = 1, 2, 3, 4, 130

Serve = Callable[[str | None, int | None], int]


def run(arguments: Sequence[str], serve: Serve) -> int:
    """Run one command and return its exit code."""
    parser = _parser()
    options = parser.parse_args(list(arguments) or ["serve"])
    try:
        if options.command == "serve":
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="atlas", description="The daemon beside your coding agents."
    )
    parser.add_argument("--version", action="version", version=f"atlas {__version__}")
    groups = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for group in (
        submit,
        tasks,
        schedules,
        handoffs,
        remember,
        memory,
        brief,
        learn,
        cycle,
        routing,
        costs,
        daemon,
        model,
        graph,
    ):
        group.add_to(groups)
    return parser


def _exit_code(error: AtlasError) -> int:
    if isinstance(error, DeadlinePassed):
        return EXIT_TIMEOUT
    if isinstance(error, NotRunningError | AlreadyRunning):
        return EXIT_INSTANCE
    if isinstance(error, SettingsError | UsageError):
        return EXIT_USAGE
    return EXIT_FAILED
