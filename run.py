"""Atlas: `python run.py [serve]` runs the daemon; every other command talks to it."""

import gc
import os
import sys

# With one of these, serve runs in this process; else a watchdog starts it and looks after it.
ALONE = {"--no-watchdog", "--beat-fd", "--detach", "-h", "--help"}
MISSING = "run.py: {} is not installed: run scripts/serve, or: python -m pip install -e ."


def main() -> int:
    """Run one command; the exit code (0 done, 1 failed, 2 wrong usage, 3 instance, 4 timeout)."""
    called_atlas = os.path.basename(sys.argv[0]) == "atlas"  # noqa: PTH119
    words = sys.argv[1:] or (["--help"] if called_atlas else ["serve"])
    if words[0] == "serve" and not ALONE & set(words) and "NOTIFY_SOCKET" not in os.environ:
        from supervisors import watchdog  # noqa: PLC0415 - it imports nothing of Atlas

        return watchdog.run([sys.executable, os.path.abspath(__file__), *words])  # noqa: PTH100
    try:
        from atlas_actors.cli.main import run  # noqa: PLC0415 - says what is missing
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] in ("atlas_actors", "run"):
            raise
        sys.stderr.write(MISSING.format(error.name) + "\n")
        return 2
    return run(words, serve)


def serve(log_level: str | None, beat_fd: int | None) -> int:
    """Run the daemon in the foreground. Raises AtlasError."""
    gc.disable()  # what is imported stays: looking it through took a tenth of a start
    try:
        from atlas_actors import __version__, config  # noqa: PLC0415
        from supervisors import daemon, logs, tree  # noqa: PLC0415
    except ModuleNotFoundError as error:
        sys.stderr.write(MISSING.format(error.name) + "\n")
        return 2
    gc.freeze()
    gc.enable()
    settings = config.load(os.environ)
    daemon.make_home(settings.home)
    level = log_level or settings.daemon.log_level
    logs.set_up_logging(
        settings.home,
        level,
        settings.daemon.log_files,
        settings.daemon.log_bytes_max,
        tree.redactor_of(settings),
    )
    code = daemon.serve(settings, __version__, beat_fd)
    if code != daemon.EXIT_OK:
        # Threads that did not stop still log; the interpreter's end would abort on their locks.
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
