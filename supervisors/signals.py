"""Signals as events, each heard at once, whatever the main thread waits for."""

import os
import signal
import threading
from collections.abc import Callable, Mapping


def hear(events: Mapping[int, str], put: Callable[[str], None]) -> None:
    """Put the event of each signal when it comes, from a thread; called by the main thread.

    A handler in Python runs when the main thread next runs Python. It is not woken for that by a
    signal that another thread got, nor by one in the moment before it waits: then SIGTERM was
    heard with the next event, once after 47 s. The interpreter's own handler writes at once.
    """
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
    thread = threading.Thread(
        target=_read, args=(ours, dict(events), put), name="signals", daemon=True
    )
    thread.start()
    for number in events:
        signal.signal(number, _heard_by_its_byte)


def _read(file: int, events: Mapping[int, str], put: Callable[[str], None]) -> None:
    while True:
        for number in os.read(file, 64):
            if number in events:
                put(events[number])


def _heard_by_its_byte(*_: object) -> None:
    """Stands in for the default action, which would end the program."""
