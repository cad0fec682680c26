"""What the tests of supervisors share: states, a crash that is waited for, and patience."""

import threading

import pytest

from atlas_actors.errors import ActorCrashed
from supervisors.requests import ListChildren
from tests.support.trees import WAIT_S, Crash

BOOM = RuntimeError("boom")


def states(tree):
    return {id: state for id, state, _ in tree.ref().ask(ListChildren())}


def crash(tree, name, error=BOOM):
    """Crash a child and wait until its failure reached the caller."""
    with pytest.raises(ActorCrashed) as caught:
        tree.ref(name).ask(Crash(error=error), WAIT_S)
    return caught.value


def eventually(read, expected):
    """Whether `read` gives `expected` within the waiting time; asks the tree, does not sleep."""
    deadline = threading.Event()
    timer = threading.Timer(WAIT_S, deadline.set)
    timer.start()
    try:
        while not deadline.is_set():
            if read() == expected:
                return True
    finally:
        timer.cancel()
    return False
