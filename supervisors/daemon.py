"""The program: one daemon a home, from the lock to the last stop."""

import ctypes
import faulthandler
import fcntl
import json
import linecache
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, Final

from loguru import logger

from atlas_actors import failpoints
from atlas_actors.actor import Place
from atlas_actors.cell import Directory, Fence
from atlas_actors.clock import SystemClock
from atlas_actors.config import Config, Home
from atlas_actors.errors import AlreadyRunning, SettingsError
from atlas_actors.gateway.actor import About
from atlas_actors.gateway.views import tree as tree_view
from atlas_actors.messages import paths
from atlas_actors.messages.supervision import ChildEnded, ChildStarted, Ending, Stop
from atlas_actors.model.file import write_whole
from atlas_actors.router.actor import tables_of
from supervisors import signals
from supervisors.beat import Pulse
from supervisors.reload import reload
from supervisors.supervisor import Supervisor
from supervisors.tree import Daemon, root

# The sum of what the children may take, and then no more.
STOP_S: Final = 45.0
M_ARENA_MAX: Final = -8  # malloc.h
LOCK_S: Final = 2.0
FAILURES_BYTES_MAX: Final = 1_000_000
EXIT_OK: Final = 0
_OURS: Final = "make it yours with chown and chmod 700, or set ATLAS_HOME"
EXIT_FAILED: Final = 1
_SIGNALS: Final[dict[int, str]] = {
    signal.SIGTERM: "stop",
    signal.SIGINT: "stop",
    signal.SIGUSR1: "stacks",
    signal.SIGHUP: "reload",
}
_SAID: Final = ("last_failure", "reason", "cure")

Event = str | ChildStarted | ChildEnded


def serve(config: Config, version: str, beat_fd: int | None = None) -> int:
    """Run until a signal or the root's end; the exit code. Raises AlreadyRunning, SettingsError."""
    failpoints.arm(os.environ)
    tables_of(config.routing, config.intents, config.rules)  # a faulty table stops the start
    make_home(config.home)
    keep_arenas_few()
    stacks = config.home.log / "stacks.log"
    with locked(config.home) as died, stacks.open("a", encoding="utf-8") as log:
        # Written by the signal handler itself, also while a call holds the interpreter.
        faulthandler.register(signal.SIGUSR2, file=log, all_threads=True)
        try:
            return _Program(config, version, beat_fd).run(died)
        finally:
            faulthandler.unregister(signal.SIGUSR2)


def make_home(home: Home) -> None:
    """Make the directories, for their owner only. Raises SettingsError."""
    os.umask(0o077)
    for directory in (home.root, home.state, home.log, home.models):
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"{directory} cannot be made a directory: {error.strerror}",
                cure="move what is in its way, or set ATLAS_HOME",
            ) from error
        if not os.access(directory, os.R_OK | os.X_OK):
            raise SettingsError(f"{directory} cannot be read", cure=_OURS)
    try:
        home.root.chmod(0o700)
    except OSError as error:
        raise SettingsError(f"{home.root} is not ours: {error.strerror}", cure=_OURS) from error


def keep_arenas_few() -> None:
    """Let all threads share glibc's heap: with one for each, thousands of restarts fragment it.

    Measured over 6,000 crashes: 82 → 99 MB without this, 71.0 → 71.6 MB with it. Elsewhere than
    on glibc there is no such call, and nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)


@contextmanager
def locked(home: Home) -> Iterator[str]:
    """Hold the home's lock; gives the pid of a daemon that died holding it, or an empty text.

    Raises AlreadyRunning with the pid of the daemon that holds it now.
    """
    with home.lock.open("a+", encoding="ascii") as file:
        if not _lock(file.fileno()):
            file.seek(0)
            pid = file.read().strip() or "unknown"
            raise AlreadyRunning(home.root, pid)
        file.seek(0)
        died = file.read().strip()  # who stops in order leaves nothing
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield died
        file.seek(0)
        file.truncate()


def _lock(descriptor: int) -> bool:
    """Take the lock; one that a dying daemon still holds is waited for, for a moment."""
    deadline_s = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                return False
            time.sleep(0.05)
        else:
            return True


class _Program:
    """The main thread: it waits for signals, the root's reports and changes of the tree."""

    def __init__(self, config: Config, version: str, beat_fd: int | None) -> None:
        self._config = config
        self._clock = SystemClock()
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._pulse = Pulse(
            self._clock, os.environ, beat_fd, on_orphaned=lambda: self._events.put("stop")
        )
        self._tree_is_stale = False
        self._directory = Directory(on_change=self._on_tree_change)
        self._directory.on_failure = self._events.put
        self._root_path = paths.ROOT
        about = About(
            version=version, pid=os.getpid(), epoch=self._clock.now_ms(), home=config.home
        )
        self._daemon = Daemon(config=config, about=about)

    def run(self, died: str) -> int:
        """Start the tree, wait, stop it; `died` is the pid of a predecessor that was killed."""
        if died:
            logger.error("daemon.predecessor_died", pid=died)
            self._keep_failure(
                ChildEnded(
                    path=self._root_path,
                    incarnation=0,
                    ending=Ending.KILLED,
                    error=f"the daemon before (pid {died}) died without stopping",
                )
            )
        signals.hear(_SIGNALS, self._events.put)
        about = self._daemon.about
        if not self._config.privacy.redact:
            logger.warning("privacy.off", why="[privacy] redact = false: secrets are kept as given")
        logger.info("daemon.starting", pid=about.pid, home=str(about.home.root))
        cell = self._directory.cell(self._root_path)
        cell.incarnation = 1
        cell.set_state("starting")
        place = Place(
            cell=cell,
            fence=Fence(),
            incarnation=1,
            directory=self._directory,
            clock=self._clock,
            report=self._events.put,
        )
        Supervisor.start(place, spec=root(self._daemon))
        ended = self._wait()
        if ended is None:
            logger.info("daemon.stopping")
            self._pulse.stopping()
            cell.set_state("stopping")
            cell.mailbox.put_system(Stop())
            ended = self._wait_for_end()
        cell.set_state("stopped")
        self._write_tree()
        if ended is None or ended.ending is not Ending.SHUTDOWN:
            reason = "it did not stop in time" if ended is None else ended.error
            logger.error("daemon.failed", error=reason)
            return EXIT_FAILED
        logger.info("daemon.stopped")
        return EXIT_OK

    def _wait(self) -> ChildEnded | None:
        """Until a signal (None) or the root's end."""
        root_ref = self._directory.ref(self._root_path)
        while True:
            wait_s = self._pulse.wait_s()
            if wait_s == 0:
                self._pulse.beat(root_ref)
                continue
            try:
                event = self._events.get(timeout=wait_s)
            except Empty:
                continue
            if event == "stop":
                return None
            ended = self._handle(event)
            if ended is not None:
                return ended

    def _wait_for_end(self) -> ChildEnded | None:
        """Until the root has ended; None when it takes too long or a second signal comes."""
        timer = threading.Timer(STOP_S, lambda: self._events.put("stop"))
        timer.daemon = True
        timer.start()
        while True:
            event = self._events.get()
            if event == "stop":
                return None
            ended = self._handle(event)
            if ended is not None:
                timer.cancel()
                return ended

    def _handle(self, event: Event) -> ChildEnded | None:
        """Do what an event asks; the root's end, if it is that."""
        if isinstance(event, ChildStarted):
            cell = self._directory.cell(self._root_path)
            cell.started_at_s = self._clock.monotonic_s()
            cell.set_state("running", reason=cell.reason, cure=cell.cure)  # SIGHUP may have come
            logger.info("daemon.ready", socket=str(self._config.home.socket()))
            self._pulse.ready()
        elif isinstance(event, ChildEnded):
            if event.path == self._root_path:
                return event
            self._keep_failure(event)
        elif event == "tree":
            self._write_tree()
        elif event == "stacks":
            _log_stacks()
        elif event == "reload":
            reload(self._config, self._daemon, self._directory)
        return None

    def _on_tree_change(self) -> None:
        if not self._tree_is_stale:
            self._tree_is_stale = True
            self._events.put("tree")

    def _write_tree(self) -> None:
        """Keep the tree in a file, for whoever looks after we have died."""
        self._tree_is_stale = False
        snapshot = {
            "pid": self._daemon.about.pid,
            "at_ms": self._clock.now_ms(),
            "tree": self._without_secrets(tree_view(self._directory, self._clock)),
        }
        try:
            write_whole(self._config.home.state / "tree.json", json.dumps(snapshot))
        except OSError as error:
            logger.warning("daemon.tree_not_written", error=str(error))

    def _without_secrets(self, node: dict[str, Any]) -> dict[str, Any]:
        """Only what an error has said may hold one: the rest are names and numbers of ours.

        To redact all of it took a third of a start's time: the tree changes with each child.
        """
        said = {key: self._daemon.redactor.field(key, node[key]) for key in _SAID}
        children = [self._without_secrets(child) for child in node["children"]]
        return {**node, **said, "children": children}

    def _keep_failure(self, ended: ChildEnded) -> None:
        """Append a failure with its traceback; one older file is kept."""
        file = self._config.home.log / "failures.jsonl"
        row = {
            "at_ms": self._clock.now_ms(),
            "path": ended.path,
            "incarnation": ended.incarnation,
            "ending": str(ended.ending),
            "error": ended.error,
            "traceback": _traceback(ended),
        }
        try:
            if file.exists() and file.stat().st_size > FAILURES_BYTES_MAX:
                file.replace(file.with_suffix(".jsonl.1"))
            with file.open("a", encoding="utf-8") as log:
                log.write(json.dumps(self._daemon.redactor.value(row)) + "\n")
        except OSError as error:
            logger.warning("daemon.failure_not_kept", error=str(error))


def _traceback(ended: ChildEnded) -> str:
    """The frames of a failure as Python prints them, with their source lines."""
    lines = []
    for file, number, function in ended.frames:
        if not file:
            lines.append(f"{function}\nwhich led to:")
            continue
        lines.append(f'  File "{file}", line {number}, in {function}')
        source = linecache.getline(file, number).strip()
        if source:
            lines.append(f"    {source}")
    return "\n".join([*lines, ended.error])


def _log_stacks() -> None:
    """Write every thread's stack to the log."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        stack = "".join(traceback.format_stack(frame))
        logger.warning("daemon.stack", thread=names.get(ident, str(ident)), stack=stack)
