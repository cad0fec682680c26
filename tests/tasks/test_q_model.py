"""The queue against a plain model of its promises, under any order of operations and faults.

More than CI's share: ATLAS_MODEL_EXAMPLES=2000 ATLAS_MODEL_STEPS=80.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from atlas_actors.errors import Conflict, Unavailable
from atlas_actors.mailbox import Envelope, Reply
from atlas_actors.messages.execution import AttemptStarted, End
from atlas_actors.messages.task import (
    AttemptLost,
    CancelTask,
    CloseLane,
    LanesWanted,
    OpenLane,
    RetryTask,
    TaskChanged,
    TaskQueued,
    TasksStarted,
    TaskState,
    Unique,
)
from atlas_actors.settings import GroupSettings
from tests.support.queue_model import PRIORITIES, Model
from tests.support.queues import Queue, lane, order, over, planned

EXAMPLES = int(os.environ.get("ATLAS_MODEL_EXAMPLES", "30"))
STEPS = int(os.environ.get("ATLAS_MODEL_STEPS", "40"))
GROUPS = {"g": 1, "h": 2}
INTERRUPTIONS_MAX = 4
LANES = st.sampled_from(["a", "b"])
ANY = st.integers(0, 1_000)  # picks one of what there is
DEFER = st.sampled_from([False, False, True])  # one more message for the same commit
ORDERS = st.fixed_dictionaries(
    {
        "priority": st.sampled_from(PRIORITIES),
        "delay_s": st.sampled_from([None, None, None, -5, 20]),
        "deadline_s": st.sampled_from([None, None, None, 30.0]),
        "key": st.sampled_from([None, None, None, "k", "l"]),
        "unique": st.sampled_from([None, None, None, "u", "v"]),
        "replace": st.booleans(),
        "after": st.lists(ANY, max_size=2),
        "if_dead": st.sampled_from(["fail", "skip", "run"]),
        "group": st.sampled_from([None, None, "g", "h"]),
    }
)
ENDS = (TaskState.COMPLETED, TaskState.FAILED, TaskState.PENDING, TaskState.PENDING)


class QueueMachine(RuleBasedStateMachine):
    """Each rule is what somebody may do; what the queue does is held to the model."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.model = Model(interruptions_max=INTERRUPTIONS_MAX, groups=GROUPS)
        self.batch = []  # messages for the next commit
        self.wanted = {}  # lanes as the orchestrator has them
        self.refusing = self.refused = False
        self.facts = []
        self.asked_for_lanes = False

    @initialize(answers=st.booleans(), slots=st.integers(1, 3))
    def begin(self, answers, slots):
        groups = {name: GroupSettings(name=name, slots=slots) for name, slots in GROUPS.items()}
        self.queue = Queue(self.folder, groups=groups, interruptions_max=INTERRUPTIONS_MAX)
        self.answers = answers  # the orchestrator answers each offer at once
        self.live()
        self.follow(self.queue.clock.now_ms())
        for name in "ab":
            self.post(OpenLane(lane=name, slots=slots), defer=False)

    def live(self):
        """The queue is there (again): look into each of its commits from now on."""
        actor = self.queue.actor
        plain_handle, plain_begin = actor._handle, actor.store.begin
        actor.store.begin = lambda **_: plain_begin(durable=False)  # speed; Q1 is tested elsewhere

        def handle(envelope):
            fresh, self.in_hand = self.in_hand, []
            plain_handle(envelope)
            self.queue._listen()
            for said in fresh:  # what is told again by itself may not undo what was said since
                self.model.say(said.message)
            self.committed(fresh or [envelope])

        self.in_hand = []
        actor._handle = handle

    # What is done.

    @rule(orders=st.lists(ORDERS, min_size=1, max_size=4), together=st.booleans(), defer=DEFER)
    def submit(self, orders, together, defer):
        """Some tasks, in one commit or each in its own."""
        for drawn in orders:
            self.submit_one(**drawn, defer=defer or together)
        if not defer:
            self.flush()

    def submit_one(self, *, delay_s, unique, replace, after, defer, **fields):
        ids = list(self.model.tasks)
        after = tuple(dict.fromkeys(ids[n % len(ids)] for n in after)) if ids else ()
        at_ms = None if delay_s is None else self.queue.clock.now_ms() + delay_s * 1000
        unique = Unique(key=unique, replace=replace) if unique else None
        self.post(order(at_ms=at_ms, unique=unique, after=after, **fields), defer)

    @rule(
        n=ANY,
        state=st.sampled_from(ENDS),
        name=st.sampled_from(["a", "b", None]),
        delay_ms=st.sampled_from([0, 0, 5_000]),
        interrupted=st.booleans(),
        late=st.sampled_from(["", "", "", "attempt", "epoch"]),
        defer=DEFER,
    )
    def end_attempt(self, n, state, name, delay_ms, interrupted, late, defer):
        if (task := self.running(n)) is None:
            return
        message = over(
            task.id,
            task.attempt - (late == "attempt"),
            epoch=self.queue.epoch - (late == "epoch"),
            end=End.ANSWERED if state is TaskState.COMPLETED else End.REFUSED,
            state=state,
            lane=name,
            delay_ms=delay_ms,
            interrupted=interrupted,
        )
        self.post(message, defer)

    @rule(
        n=ANY,
        name=LANES,
        late=st.sampled_from(["", "", "", "attempt", "epoch"]),
        defer=DEFER,
    )
    def plan_attempt(self, n, name, late, defer):
        """It is said how an attempt is gone about, here or in another lane."""
        if (task := self.running(n)) is not None:
            number = task.attempt - (late == "attempt")
            epoch = self.queue.epoch - (late == "epoch")
            self.post(planned(task.id, name, number, epoch=epoch), defer)

    @rule(n=ANY, kind=st.sampled_from(["cancel", "retry", "retry", "lose"]), defer=DEFER)
    def decide(self, n, kind, defer):
        """A person cancels or tries again; or an executor dies."""
        if kind == "lose":
            if (task := self.running(n)) is not None:
                lost = AttemptLost(task_id=task.id, attempt=task.attempt, reason="planted")
                self.post(lost, defer)
        elif (task := self.any(n)) is not None:
            self.post((CancelTask if kind == "cancel" else RetryTask)(id=task.id), defer)

    @rule(n=ANY, name=st.sampled_from(["a", "b", None]), late=st.booleans(), defer=DEFER)
    def assign(self, n, name, late, defer):
        """An answer to an offer, or to one of long ago."""
        if late and (task := self.any(n)) is not None:
            self.post(lane(task.id, name), defer)
        elif offered := sorted(self.model.offered):
            self.post(lane(offered[n % len(offered)], name), defer)

    @rule(name=LANES, slots=st.integers(0, 3), close=st.booleans(), reroute=st.booleans())
    def change_lane(self, name, slots, close, reroute):
        opened = OpenLane(lane=name, slots=slots)
        self.post(
            CloseLane(lane=name, reason="planted", reroute=reroute) if close else opened,
            defer=False,
        )

    @rule(seconds=st.sampled_from([1, 5, 40]))
    def let_time_pass(self, seconds):
        self.flush()
        self.queue.advance(seconds)
        self.obey()

    @rule(how=st.sampled_from(["disk", "daemon", "actor", "orchestrator"]))
    def hurt(self, how):
        """The next commit is refused; or the daemon, this actor or the orchestrator dies."""
        if how == "orchestrator":
            self.post(LanesWanted(), defer=False)
        elif how == "disk":
            if not self.refusing:
                self.queue.refuse_next_commit()
                self.refusing = True
        else:
            self.kill(new_life=how == "daemon")

    # How it is done.

    def kill(self, new_life):
        """Nothing is written any more, and what was not committed is gone."""
        self.batch.clear()
        self.model.offered.clear()
        self.model.outdated.clear()
        self.model.lanes.clear()
        self.refusing = self.refused = False
        self.queue.die()
        self.queue.open(self.queue.epoch + new_life)
        now_ms = self.queue.clock.now_ms()
        if new_life:
            for task in [t for t in self.model.tasks.values() if t.state == "in_progress"]:
                self.model.interrupt(task, now_ms)
        for task in self.model.tasks.values():
            if task.state == "pending":
                task.lane, task.routed = None, False
        self.live()
        self.follow(now_ms)
        self.obey()

    def running(self, n):
        tasks = [t for t in self.model.tasks.values() if t.state == "in_progress"]
        return tasks[n % len(tasks)] if tasks else None

    def any(self, n):
        tasks = list(self.model.tasks.values())
        return tasks[n % len(tasks)] if tasks else None

    def post(self, message, defer):
        match message:
            case OpenLane() | CloseLane():
                self.wanted[message.lane] = message
        self.batch.append(message)
        if not defer:
            self.flush()

    def flush(self):
        if not self.batch:
            return
        asks = (type(order()), CancelTask, RetryTask)
        batch, self.batch = self.batch, []
        envelopes = [Envelope(m, Reply() if isinstance(m, asks) else None) for m in batch]
        self.in_hand = envelopes
        self.queue._handle(envelopes)
        self.obey()

    def obey(self):
        """The orchestrator says its lanes to a queue that has just started, and answers offers."""
        while self.asked_for_lanes or (self.answers and self.model.offered):
            said = []
            if self.asked_for_lanes:
                said += self.wanted.values()
                self.asked_for_lanes = False
            if self.answers:
                said += [lane(id, "ab"[n % 2]) for n, id in enumerate(sorted(self.model.offered))]
            if said:
                self.in_hand = [Envelope(message, None) for message in said]
                self.queue._handle(self.in_hand)

    def committed(self, envelopes):
        """A batch was handled: step the model, and hold what the queue has told to it."""
        now_ms, model = self.queue.clock.now_ms(), self.model
        self.refused, self.refusing = self.refusing, False
        for envelope in envelopes:
            if isinstance(envelope.message, LanesWanted):
                model.lanes.clear()
        if self.refused:
            model.offered.clear()
            model.outdated.clear()
            for envelope in envelopes:
                if envelope.reply_to is not None:
                    assert isinstance(envelope.reply_to.error, Unavailable)
            assert self.queue._unread == [], "nobody hears of what is not on disk"
            return
        for envelope in envelopes:
            answer = None
            if envelope.reply_to is not None:
                answer = envelope.reply_to.value
                if envelope.reply_to.error is not None:
                    assert isinstance(envelope.reply_to.error, Conflict)
                    assert self.forbidden(envelope.message), envelope.message
                    continue
                assert not self.forbidden(envelope.message), envelope.message
            model.apply(envelope.message, answer, self.queue.epoch, now_ms)
        model.expire(now_ms)
        self.follow(now_ms)

    def forbidden(self, message):
        """Whether a person's order must be refused in the state that the task has."""
        match message:
            case CancelTask():
                return self.model.tasks[message.id].state not in ("pending", "in_progress")
            case RetryTask():
                task = self.model.tasks[message.id]
                dead = any(
                    self.model.tasks[id].state in ("failed", "cancelled") for id in task.needs
                )
                unfit = task.state not in ("failed", "cancelled")
                doomed = dead and task.order.if_dead != "run"
                return unfit or doomed or self.model.doubles(task)
        return False

    def follow(self, now_ms):
        """What the queue chose to release, reroute, start and offer."""
        rows = {row["id"]: row for row in self.queue.rows("select * from tasks")}
        assert rows.keys() == self.model.tasks.keys(), "none lost, one row for a key"
        pending = [t for t in self.model.tasks.values() if t.state == "pending"]
        for task in pending:
            if task.held and not rows[task.id]["held"]:
                self.model.release(task.id, now_ms)
        for task in pending:
            if task.routed and not rows[task.id]["routed"]:
                assert not self.model.lanes.get(task.lane, 0), "its lane is open"
                task.lane, task.routed = None, False
        for message in self.heard():
            match message:
                case AttemptStarted():
                    self.model.start(message.task_id, message.lane, now_ms)
                    assert message.attempt == self.model.tasks[message.task_id].attempt
                case TaskQueued():
                    task = self.model.tasks[message.task_id]
                    assert task.ready(now_ms), task
                    assert not task.routed, task
                    assert task.id not in self.model.offered
                    self.model.offered.add(task.id)
        for task in self.model.tasks.values():
            self.compare(task, rows[task.id])

    def heard(self):
        heard, self.queue._unread = self.queue._unread, []
        self.asked_for_lanes |= any(isinstance(message, TasksStarted) for message in heard)
        self.facts += [m for m in heard if isinstance(m, TaskChanged) and m.before]
        return heard

    def compare(self, task, row):
        names = ("state", "attempt", "interruptions", "since_ms", "deadline_ms")
        found = {name: row[name] for name in names}
        assert found == {name: getattr(task, name) for name in names}
        assert PRIORITIES[row["priority"]] == task.order.priority
        if task.state == "pending":
            assert row["blocked"] == len(task.waiting), task
            assert (row["held"], row["routed"]) == (task.held, task.routed), task
            assert row["due_ms"] == task.due_ms, task
            assert row["lane"] == task.lane, task

    # What always holds.

    @invariant()
    def nothing_that_could_go_on_is_left_waiting(self):
        if self.refused or self.batch:
            return
        now_ms, tasks = self.queue.clock.now_ms(), self.model.tasks.values()
        for name, slots in self.model.lanes.items():
            waiting = [t for t in tasks if t.ready(now_ms) and t.routed and t.lane == name]
            assert not waiting or self.model.running(name) >= slots, waiting
        for name, slots in GROUPS.items():
            held = [
                task
                for task in tasks
                if task.order.group == name and task.state == "pending" and task.held
                and not task.waiting and task.due_ms <= now_ms
            ]  # fmt: skip
            assert not held or self.model.released(name) >= slots, held
        unoffered = [
            task
            for task in tasks
            if task.ready(now_ms) and not task.routed and task.id not in self.model.offered
        ]
        assert unoffered == []

    @invariant()
    def what_is_counted_is_what_there_is(self):
        if self.refused:
            return
        actor, rows = self.queue.actor, self.queue.rows
        counted = rows("select state, tasks from inspect_counts where tasks > 0 order by state")
        assert counted == rows(
            "select state, count(*) as tasks from tasks group by state order by 1"
        )
        waiting = (
            "select lane, count(*) as n from tasks where state = 'pending' and routed = 1"
            " group by lane"
        )
        counted = {True: 0, False: 0}
        for row in rows(waiting):
            counted[actor._lanes.is_open(row["lane"])] += row["n"]
        assert counted == actor._offers._routed
        running = {lane: n for lane, n in actor._lanes._running.items() if n}
        assert running == {n: self.model.running(n) for n in "ab" if self.model.running(n)}
        ledger = {
            (row["before"], row["after"]): (row["tasks"], row["spent_ms"])
            for row in rows("select * from inspect_transitions")
        }
        model = self.model
        assert ledger == {way: (n, model.spent_ms[way]) for way, n in model.changes.items()}
        told = {}
        for fact in self.facts:
            count, spent_ms = told.get((fact.before, str(fact.state)), (0, 0))
            told[fact.before, str(fact.state)] = (count + 1, spent_ms + fact.spent_ms)
        assert told == {way: counted for way, counted in ledger.items() if way[0] != "new"}

    @invariant()
    def every_attempt_but_the_running_one_has_an_end(self):
        if self.refused:
            return
        open_ones = self.queue.rows(
            'select task_id as id, number from attempts where "end" is null'
        )
        running = [t for t in self.model.tasks.values() if t.state == "in_progress"]
        assert {(row["id"], row["number"]) for row in open_ones} == {
            (task.id, task.attempt) for task in running
        }

    def teardown(self):
        if hasattr(self, "queue"):
            self.queue.die()
        shutil.rmtree(self.folder)


@pytest.mark.slow
def test_q2_q12_q17_the_queue_keeps_its_promises_whatever_happens():
    run_state_machine_as_test(
        QueueMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            suppress_health_check=list(HealthCheck),
        ),
    )
