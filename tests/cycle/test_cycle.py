"""The cycle among parts that answer as a test says: order, deadlines, dead parts, one at a time."""

import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from queue import SimpleQueue

import attrs
import pytest

from atlas_actors.actor import LATER, Actor
from atlas_actors.config import Home
from atlas_actors.cycle import views
from atlas_actors.cycle.actor import Cycle
from atlas_actors.cycle.detectors import MARKER
from atlas_actors.errors import Busy, Unavailable, UsageError
from atlas_actors.messages import paths
from atlas_actors.messages.cycle import CycleEnded, RunCycle
from atlas_actors.messages.handoff import HandoffsReviewed, ReviewHandoffs, StaleHandoff
from atlas_actors.messages.proposal import (
    LookAtProposals,
    ProposalsLooked,
    Propose,
    Proposed,
    SubjectForgotten,
    SubjectSettled,
)
from atlas_actors.messages.schedule import LookAtSchedules, SchedulesLooked
from atlas_actors.messages.strategy import LookForWork, WorkFound, WorkProposed
from atlas_actors.messages.supervision import FailNow, Ping
from atlas_actors.messages.task import LookAtTasks, TasksLooked
from atlas_actors.settings import CheckSettings, CycleSettings, DetectorSettings
from supervisors.child import ChildSpec, SupervisorSpec
from supervisors.supervisor import Supervisor
from tests.support.clients import Life, program
from tests.support.trees import WAIT_S, Tree

pytestmark = pytest.mark.slow

NAMES = [
    "handoffs", "generated", "schedules", "tasks", "route", "execute", "outcomes", "learnings",
]  # fmt: skip
OFF = DetectorSettings(
    todo=False, handoffs=False, projects=(), every_s=3_600, files_max=100, file_bytes_max=10_000
)
ANSWERS = {
    ReviewHandoffs: HandoffsReviewed(open=2, expired=1),
    LookAtProposals: ProposalsLooked(proposed=3, approved=0, submitted=0, expired=0),
    LookAtSchedules: SchedulesLooked(ticks=1),
    LookAtTasks: TasksLooked(pending=4, in_progress=5, offered=1, started=2, expired=0),
    Propose: Proposed(id="p1", why="", state="proposed"),
    SubjectSettled: SubjectForgotten(expired=0),
    LookForWork: WorkFound(),
}


class Part(Actor):
    """Answers as it is told, and notes what it was asked."""

    inbox = object

    def __init__(self, place, *, answers, heard):
        super().__init__(place)
        self.answers, self.heard = answers, heard

    def on_receive(self, message):
        self.heard.put((self.path, message))
        answer = self.answers.get(type(message))
        if callable(answer):
            answer = answer(message)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Office:
    """The tree with a cycle in it, and what the parts were asked."""

    def __init__(self, tree, heard, ended):
        self.tree, self.heard, self.ended = tree, heard, ended

    def run(self):
        return self.tree.directory.ref(paths.CYCLE).ask(RunCycle(), WAIT_S)

    def begin(self):
        """Ask without waiting; the answer comes into a queue."""
        answers = SimpleQueue()
        self.tree.directory.ref(paths.CYCLE).send(RunCycle(), answers.put)
        return answers

    def asked_whom(self):
        found = []
        while not self.heard.empty():
            found.append(self.heard.get())
        return found

    def asked(self, kind=object):
        return [message for _, message in self.asked_whom() if isinstance(message, kind)]

    def proposed(self):
        return self.asked(Propose)


@contextmanager
def office(tmp_path, *, answers=None, absent=(), detectors=OFF, checks=(), **settings):
    heard, ended = SimpleQueue(), SimpleQueue()
    known = {**ANSWERS, **(answers or {})}
    first_s = settings.pop("first_s", 3_600)
    cycle = CycleSettings(**{"interval_s": 3_600, "step_s": WAIT_S, **settings})
    (tmp_path / "state").mkdir(exist_ok=True)

    def part(name):
        why = "not built yet" if name in absent else ""
        return ChildSpec(
            id=name, actor=Part, absent=why, arguments={"answers": known, "heard": heard}
        )

    def folder(name, *children):
        spec = SupervisorSpec(children=children)
        return ChildSpec(id=name, actor=Supervisor, arguments={"spec": spec})

    gateway = ChildSpec(
        id="gateway", actor=Part, arguments={"answers": {}, "heard": ended}
    )  # fmt: skip
    ours = ChildSpec(
        id="cycle", actor=Cycle,
        arguments={
            "home": Home(root=tmp_path), "settings": cycle, "detectors": detectors,
            "checks": {check.name: check for check in checks}, "first_s": first_s,
        },
    )  # fmt: skip
    work = [part(n) for n in ("router", "orchestrator", "handoffs", "tasks", "scheduler")]
    spec = SupervisorSpec(
        children=(
            folder("door", gateway),
            folder("learning", part("memory"), part("outcomes"), part("strategies")),
            folder("work", *work, part("proposals"), ours),
        )
    )
    tree = Tree(spec, root="atlas")
    tree.first_report()
    assert tree.ended is None
    try:
        yield Office(tree, heard, ended)
    finally:
        tree.stop()


def results(ended):
    return {step.name: step.result for step in ended.steps}


def did(ended, name):
    return next(step.did for step in ended.steps if step.name == name)


def check(*command, **fields):
    return CheckSettings(**{"name": "x", "command": command, **fields})


def python(body, **fields):
    return check(sys.executable, "-c", body, **fields)


def test_eight_steps_run_in_the_order_of_the_design(tmp_path):
    with office(tmp_path) as here:
        ended = here.run()
        assert [(step.number, step.name) for step in ended.steps] == list(enumerate(NAMES, 1))
        kinds = [type(message) for message in here.asked()]
        assert kinds == [
            ReviewHandoffs, LookAtProposals, LookForWork, LookAtProposals, LookAtSchedules,
            LookAtTasks, Ping, Ping, Ping, Ping,
        ]  # fmt: skip
        assert did(ended, "handoffs") == "2 open, 0 stale, 1 expired"
        assert did(ended, "schedules") == "1 task due"
        assert "4 pending, 5 in progress" in did(ended, "tasks")
        assert "no detector is switched on; 3 proposed" in did(ended, "generated")


def test_the_gateway_hears_what_a_cycle_came_to(tmp_path):
    with office(tmp_path) as here:
        ended = here.run()
        assert here.ended.get(timeout=WAIT_S) == (paths.GATEWAY, ended)


def test_an_absent_part_says_so_and_the_next_goes_on(tmp_path):
    with office(tmp_path, absent=("scheduler", "memory")) as here:
        ended = here.run()
        assert results(ended)["schedules"] == results(ended)["learnings"] == "absent"
        assert "not built yet" in did(ended, "learnings")
        assert results(ended)["tasks"] == "ok"


@pytest.mark.parametrize(
    "error",
    [Unavailable("tasks is parked"), Busy("tasks is parked"), ValueError("tasks is parked")],
)
def test_a_part_that_does_not_work_says_so_and_the_next_goes_on(tmp_path, error):
    with office(tmp_path, answers={LookAtTasks: error}) as here:
        ended = here.run()
        assert results(ended)["tasks"] == "degraded"
        assert "tasks is parked" in did(ended, "tasks")
        assert len(ended.steps) == 8


def test_a_part_that_does_not_answer_is_given_up_in_its_time(tmp_path):
    with office(tmp_path, answers={LookAtSchedules: lambda _: LATER}, step_s=0.1) as here:
        ended = here.run()
        assert results(ended)["schedules"] == "late"
        assert "0.1 s" in did(ended, "schedules")
        assert ended.steps[7].name == "learnings"


def test_a_disk_that_does_not_answer_is_given_up_in_its_time(tmp_path, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(views, "waiting", lambda *_: release.wait(WAIT_S))
    with office(tmp_path, step_s=0.1) as here:
        ended = here.run()
        release.set()
        assert results(ended)["route"] == "late"
        assert did(ended, "route") == "not done in 0.1 s"
        assert ended.steps[7].name == "learnings"


def test_who_asks_while_a_cycle_runs_gets_that_ones_result(tmp_path):
    begun, release = threading.Event(), threading.Event()

    def slow(_):
        begun.set()
        release.wait(WAIT_S)
        return ANSWERS[LookAtSchedules]

    with office(tmp_path, answers={LookAtSchedules: slow}) as here:
        first = here.begin()
        assert begun.wait(WAIT_S)
        second = here.begin()
        release.set()
        replies = [queue.get(timeout=WAIT_S).value for queue in (first, second)]
        assert replies[0] is replies[1]
        assert isinstance(replies[0], CycleEnded)
        assert len(here.asked(LookAtTasks)) == 1
        assert here.run().started_at_ms >= replies[0].started_at_ms
        assert len(here.asked(LookAtTasks)) == 1


def test_the_first_cycle_and_the_next_come_by_themselves(tmp_path):
    with office(tmp_path, first_s=0, interval_s=0.01) as here:
        first = here.ended.get(timeout=WAIT_S)[1]
        second = here.ended.get(timeout=WAIT_S)[1]
        assert isinstance(first, CycleEnded)
        assert second.started_at_ms >= first.started_at_ms + first.took_ms


def test_whoever_waits_for_a_cycle_that_dies_is_told(tmp_path):
    begun, release = threading.Event(), threading.Event()

    def hang(_):
        begun.set()
        release.wait(WAIT_S)
        return ANSWERS[ReviewHandoffs]

    with office(tmp_path, answers={ReviewHandoffs: hang}) as here:
        waiting = here.begin()
        assert begun.wait(WAIT_S)
        here.tree.directory.ref(paths.CYCLE).cell.mailbox.put_system(FailNow())
        reply = waiting.get(timeout=WAIT_S)
        release.set()
        assert isinstance(reply.error, Unavailable)
        assert len(here.run().steps) == 8  # the next incarnation works


def test_a_failing_check_is_proposed_once_it_is_due_and_not_before(tmp_path):
    failing = python("print('it broke'); raise SystemExit(3)")
    with office(tmp_path, checks=[failing]) as here:
        ended = here.run()
        (asked,) = here.proposed()
        assert (asked.kind, asked.title) == ("check", "check x fails (exit 3)")
        assert "it broke" in asked.prompt
        assert "checks.x: fails (exit 3), proposed" in did(ended, "generated")
        here.run()
        assert here.proposed() == []


def test_a_check_that_is_due_runs_again(tmp_path):
    with office(tmp_path, checks=[python("raise SystemExit(1)", every_s=1e-9)]) as here:
        here.run()
        here.run()
        assert len(here.proposed()) == 2


def test_a_check_that_passes_settles_its_subject(tmp_path):
    with office(tmp_path, checks=[python("")]) as here:
        assert "checks.x: passes" in did(here.run(), "generated")
        assert here.asked(SubjectSettled) == [SubjectSettled(subject="check:x")]


def test_a_check_that_hangs_is_ended_and_nothing_is_proposed(tmp_path):
    life = Life(tmp_path)
    body = f"child({life.path!r}); signal.pause()"
    with office(tmp_path, checks=[check(program(tmp_path, body), timeout_s=0.5)]) as here:
        ended = here.run()
        assert results(ended)["generated"] == "degraded"
        assert "did not end in 0.5 s" in did(ended, "generated")
        assert here.proposed() == []
        assert life.is_over()
    life.close()


def test_a_check_that_takes_longer_than_the_step_goes_on_beside_the_cycles(tmp_path):
    life, gate = Life(tmp_path), tmp_path / "gate"
    os.mkfifo(gate)
    body = f"open({str(gate)!r}).read(); sys.exit(1)"
    heard = threading.Event()
    answers = {Propose: lambda _: heard.set() or ANSWERS[Propose]}
    slow = check(program(tmp_path, body))
    with office(tmp_path, answers=answers, checks=[slow], step_s=0.5) as here:
        first = here.run()
        assert results(first)["generated"] == "late"
        assert "checks.x: still running" in did(first, "generated")
        assert results(first)["tasks"] == "ok"
        second = here.run()
        assert "checks.x: still running" in did(second, "generated")
        assert not heard.is_set()
        gate.write_text("")
        assert heard.wait(WAIT_S)
    life.close()


def test_a_check_ends_with_the_daemon(tmp_path):
    life = Life(tmp_path)
    body = f"child({life.path!r}); signal.pause()"
    with office(tmp_path, checks=[check(program(tmp_path, body))], step_s=0.5) as here:
        here.begin()
        assert select.select([life], [], [], WAIT_S)[0]
        life.began()
    assert life.is_over()
    life.close()


def test_what_an_earlier_life_has_left_running_is_ended_before_the_first_cycle(tmp_path):
    life = Life(tmp_path)
    left = subprocess.Popen(
        [program(tmp_path, f"alive({life.path!r}); signal.pause()")],
        env={**os.environ, MARKER: str(tmp_path / "state" / "checks")},
    )
    assert select.select([life], [], [], WAIT_S)[0]
    life.began()
    with office(tmp_path):
        assert left.wait(WAIT_S) == -signal.SIGKILL
    life.close()


def test_a_check_that_floods_is_kept_to_the_end_of_what_it_says(tmp_path):
    body = "import sys; sys.stdout.write('y\\n' * 5_000_000 + 'the end'); sys.exit(1)"
    with office(tmp_path, checks=[python(body)]) as here:
        here.run()
        (asked,) = here.proposed()
        assert "the end" in asked.prompt
        assert len(asked.prompt) < 10_000


def test_a_check_sees_no_secrets_and_is_marked_as_ours(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "hush-hush")
    body = (
        f"import os; print(os.environ.get('MY_TOKEN'), os.environ['{MARKER}']); raise SystemExit(1)"
    )
    with office(tmp_path, checks=[python(body)]) as here:
        here.run()
        (asked,) = here.proposed()
        assert f"None {tmp_path / 'state' / 'checks'}" in asked.evidence["output"]


@pytest.mark.parametrize(
    "fields", [{"command": ("/no/such/program",)}, {"cwd": "/no/such/directory"}]
)
def test_a_check_that_cannot_start_is_no_failure_of_what_it_checks(tmp_path, fields):
    with office(tmp_path, checks=[attrs.evolve(python(""), **fields)]) as here:
        ended = here.run()
        assert results(ended)["generated"] == "degraded"
        assert "does not start" in did(ended, "generated")
        assert here.asked(Propose | SubjectSettled) == []


def test_todos_of_every_project_are_proposed_and_a_missing_project_is_named(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "a.py").write_text("# TODO first\n# FIXME second\n")
    on = attrs.evolve(OFF, todo=True, projects=("/no/such/project", str(project)))
    with office(tmp_path, detectors=on) as here:
        ended = here.run()
        assert [asked.title for asked in here.proposed()] == [
            "TODO in a.py: first", "FIXME in a.py: second",
        ]  # fmt: skip
        assert results(ended)["generated"] == "degraded"
        assert "2 proposed; /no/such/project is no directory" in did(ended, "generated")


def test_a_todo_that_is_refused_costs_no_other_and_is_counted(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "a.py").write_text("# TODO a\n# TODO b\n# TODO c\n")
    on = attrs.evolve(OFF, todo=True, projects=(str(project),))

    def answer(asked):
        return UsageError("too long") if asked.title.endswith("b") else ANSWERS[Propose]

    with office(tmp_path, detectors=on, answers={Propose: answer}) as here:
        ended = here.run()
        assert "todo: 2 proposed; 1 refused: too long" in did(ended, "generated")
        assert results(ended)["generated"] == "degraded"
        assert len(here.proposed()) == 3


def test_a_stale_handoff_that_is_refused_costs_no_other(tmp_path):
    left = tuple(
        StaleHandoff(id=id, goal="mend it", cwd=None, updated_ms=1, task_id=None) for id in "ab"
    )

    def answer(asked):
        return UsageError("too long") if asked.handoff_id == "a" else ANSWERS[Propose]

    answers = {ReviewHandoffs: HandoffsReviewed(open=2, expired=0, stale=left), Propose: answer}
    with office(tmp_path, detectors=attrs.evolve(OFF, handoffs=True), answers=answers) as here:
        assert "1 proposed of 2; 1 refused: too long" in did(here.run(), "generated")


def test_no_more_todos_are_proposed_once_the_day_is_full(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "a.py").write_text("# TODO a\n# TODO b\n# TODO c\n")
    on = attrs.evolve(OFF, todo=True, projects=(str(project),))
    full = Proposed(id=None, why="10 were proposed today", full=True)
    with office(tmp_path, detectors=on, answers={Propose: full}) as here:
        assert "0 proposed; 10 were proposed today" in did(here.run(), "generated")
        assert len(here.proposed()) == 1


def test_nothing_is_looked_for_while_proposals_are_not_there(tmp_path):
    mark = tmp_path / "ran"
    touch = python(f"open({str(mark)!r}, 'w')")
    with office(tmp_path, absent=("proposals",), checks=[touch]) as here:
        assert results(here.run())["generated"] == "absent"
        assert not mark.exists()


def test_stale_handoffs_of_clients_are_proposed_and_wait_while_handoffs_are_not_there(tmp_path):
    on = attrs.evolve(OFF, handoffs=True)
    reviewed = HandoffsReviewed(
        open=1, expired=0,
        stale=(StaleHandoff(id="h", goal="mend it", cwd=None, updated_ms=1, task_id=None),),
    )  # fmt: skip
    turns = iter([Unavailable("parked"), reviewed])
    with office(tmp_path, detectors=on, answers={ReviewHandoffs: lambda _: next(turns)}) as here:
        here.run()
        assert here.proposed() == []
        here.run()
        assert [asked.handoff_id for asked in here.proposed()] == ["h"]


def test_parts_whose_work_is_only_looked_at_are_asked_whether_they_are_there(tmp_path):
    with office(tmp_path) as here:
        ended = here.run()
        pinged = [path for path, message in here.asked_whom() if isinstance(message, Ping)]
        assert pinged == [paths.ROUTER, paths.ORCHESTRATOR, paths.OUTCOMES, paths.MEMORY]
        # There are no databases here, so what they say is that there is nothing to read.
        assert results(ended)["route"] == results(ended)["execute"] == "degraded"
        assert "tasks.db does not exist" in did(ended, "route")


UNTESTED = Propose(kind="untested", title="test the changes", prompt="x", fingerprint="untested:1")


def test_what_strategies_have_found_is_proposed_and_they_are_told(tmp_path):
    found = WorkFound(proposals=(UNTESTED,), settled=("untested:2",))
    with office(tmp_path, answers={LookForWork: found}) as here:
        ended = here.run()
        said = [message for path, message in here.asked_whom() if path == paths.STRATEGIES]
        assert said == [
            LookForWork(), WorkProposed(fingerprints=("untested:1",), settled=("untested:2",))
        ]  # fmt: skip
        assert "strategies: 1 proposed; 1 taken back" in did(ended, "generated")


def test_what_is_taken_back_is_settled_where_it_was_proposed(tmp_path):
    with office(tmp_path, answers={LookForWork: WorkFound(settled=("retry:t",))}) as here:
        here.run()
        assert here.asked(SubjectSettled) == [SubjectSettled(subject="retry:t")]


def test_on_a_full_day_what_was_found_waits_for_the_next_and_is_not_proposed_again(tmp_path):
    found = WorkFound(proposals=(UNTESTED, attrs.evolve(UNTESTED, fingerprint="untested:3")))
    full = Proposed(id=None, why="10 were proposed today", full=True)
    with office(tmp_path, answers={LookForWork: found, Propose: full}) as here:
        assert "10 were proposed today; 2 or more wait for tomorrow" in did(here.run(), "generated")
        assert "strategies: 2 or more wait for tomorrow" in did(here.run(), "generated")
        heard = here.asked()
        assert len([one for one in heard if isinstance(one, Propose)]) == 1
        assert not [one for one in heard if isinstance(one, WorkProposed)]


def test_one_that_proposals_refuse_costs_no_other_and_does_not_come_again(tmp_path):
    other = attrs.evolve(UNTESTED, fingerprint="untested:3")
    answers = {
        LookForWork: WorkFound(proposals=(UNTESTED, other)),
        Propose: lambda asked: (
            UsageError("no") if asked.fingerprint == "untested:1" else ANSWERS[Propose]
        ),
    }
    with office(tmp_path, answers=answers) as here:
        assert "strategies: 1 proposed; 1 refused: no" in did(here.run(), "generated")
        (told,) = here.asked(WorkProposed)
        assert told.fingerprints == ("untested:1", "untested:3")


def test_strategies_that_do_not_work_cost_the_step_nothing_else(tmp_path):
    failing = python("raise SystemExit(1)")
    parked = {LookForWork: Unavailable("strategies is parked")}
    with office(tmp_path, answers=parked, checks=[failing]) as here:
        ended = here.run()
        assert results(ended)["generated"] == "degraded"
        assert "strategies: strategies is parked" in did(ended, "generated")
        assert len(here.proposed()) == 1
