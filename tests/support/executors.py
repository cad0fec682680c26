"""An executor for tests, with ears in the places of those whom it tells."""

from queue import SimpleQueue

from atlas_actors.actor import Actor
from atlas_actors.config import Home
from atlas_actors.executor.actor import Executor
from atlas_actors.messages import paths
from atlas_actors.messages.execution import (
    AnswerGrew,
    AttemptAccepted,
    AttemptEnded,
    AttemptStarted,
    ExecutorReported,
    Request,
    RunAttempt,
)
from atlas_actors.messages.handoff import SaveCheckpoint
from atlas_actors.messages.routing import Route
from supervisors.child import ChildSpec, SupervisorSpec
from supervisors.supervisor import Supervisor
from tests.support.trees import WAIT_S, Tree

ROUTE = Route(
    id="r", layer=1, rule="x", intent="data_text", confidence=0.9, abstained=False, tier="free",
    agent=None, complexity=3, difficulty=0.2, mode="normal", reason="",
)  # fmt: skip


class Ear(Actor):
    """Stands where another actor would, and keeps what it is told."""

    inbox = AttemptAccepted | AttemptEnded | ExecutorReported | AnswerGrew | SaveCheckpoint

    def __init__(self, place, *, heard):
        super().__init__(place)
        self.heard = heard

    def on_receive(self, message):
        self.heard.put(message)


class House:
    """An executor at its real path, with ears where orchestrator and gateway would be; where
    handoffs would be too, if wanted, and with `learning` as it is."""

    def __init__(self, tmp_path, settings, *, handoffs=False, learning=()):
        ears = ("orchestrator", "gateway", *(("handoffs",) if handoffs else ()))
        self.heard = {name: SimpleQueue() for name in ears}
        (tmp_path / "log").mkdir(exist_ok=True)
        executor = ChildSpec(
            id="executor.x",
            actor=Executor,
            arguments={"home": Home(root=tmp_path), "settings": settings},
        )
        groups = {
            "learning": learning,
            "work": tuple(self._ear(name) for name in ears if name != "gateway"),
            "door": (self._ear("gateway"),),
            "executors": (executor,),
        }
        self.tree = Tree(SupervisorSpec(children=tuple(
            ChildSpec(id=id, actor=Supervisor, arguments={"spec": SupervisorSpec(children=kids)})
            for id, kids in groups.items()
        )), root="atlas")  # fmt: skip
        self.tree.first_report()

    def _ear(self, name):
        return ChildSpec(id=name, actor=Ear, arguments={"heard": self.heard[name]})

    def run(self, prompt="hello", attempt=1, deadline_s=WAIT_S, writes=False, handoff=None,
            temperature=None, plan_first=False, context_tokens=0, **asked):  # fmt: skip
        request = Request(prompt=prompt, **asked)
        started = AttemptStarted(
            task_id="t", attempt=attempt, epoch=1, lane="x", request=request, route=ROUTE,
            answers_asked=1, attempts_max=3, interruptions=0,
        )  # fmt: skip
        self.tree.directory.ref(paths.executor("x")).tell(
            RunAttempt(
                started=started,
                prompt=prompt,
                deadline_s=deadline_s,
                writes=writes,
                handoff=handoff,
                temperature=temperature,
                plan_first=plan_first,
                context_tokens=context_tokens,
            )
        )

    def hear(self, kind, who="orchestrator"):
        while True:
            message = self.heard[who].get(timeout=WAIT_S)
            if isinstance(message, kind):
                return message

    def ended(self, **fields):
        self.run(**fields)
        return self.hear(AttemptEnded)
