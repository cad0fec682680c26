"""Three providers whose quality changes half-way, tasks that prove their answers, and what came.

A task names its number, and its answer is right when it names the number, too: `--check` looks.
Whether a provider is right about a number is drawn from the seed, the number and its name, so that
every run asks the same of everybody.
"""

import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs

from tests.support.daemons import Daemon, daemon_on
from tests.support.trees import WAIT_S

DOCS = ("Write a docstring for function number {}",)
MIXED = (
    *DOCS,
    "Explain what function number {} does",
    "Extract the id from record number {} as JSON " + "with every field that it has, " * 12,
    "Summarise item number {} in one line. " + "It is about storage. " * 40,
)
NUMBER = re.compile(r"number (\d+)")
INPUT_TOKENS, OUTPUT_TOKENS = 300, 200
WINDOW, MOVED = 10, 8  # moved: so many of the last so many first attempts


@attrs.frozen(kw_only=True)
class Quality:
    """How often a provider is right, before the change and after it; None: it is down (503)."""

    tier: str
    usd_input: float  # a million tokens
    usd_output: float
    before: float
    after: float | None

    def changed(self, **values: Any) -> "Quality":
        return attrs.evolve(self, **values)


USUAL: Mapping[str, Quality] = {
    "cheap": Quality(tier="cheap", usd_input=0.2, usd_output=0.8, before=0.92, after=0.25),
    "mid": Quality(tier="haiku", usd_input=1.0, usd_output=4.0, before=0.55, after=0.93),
    "dear": Quality(tier="quality", usd_input=5.0, usd_output=20.0, before=0.96, after=0.96),
}


@attrs.frozen(kw_only=True)
class Course:
    """How many tasks, when the change is, who changes, how many at once."""

    tasks: int
    change: int  # the number of the first task after it
    world: Mapping[str, Quality] = attrs.field(factory=lambda: USUAL)
    prompts: Sequence[str] = DOCS
    clients: int = 1
    seed: int = 1
    pin: str | None = None  # everything goes to this one


@attrs.frozen(kw_only=True)
class Run:
    """What came of a course; all by the number of the task."""

    course: Course
    first: tuple[str, ...]  # who really was asked first
    completed: tuple[bool, ...]
    cost_usd: tuple[float, ...]
    took_s: float

    def moved_after(self, provider: str) -> int | None:
        """How many tasks of a kind came after the change until work had moved to this provider;
        of the kind of prompts that took longest."""
        kinds = len(self.course.prompts)
        took = [self._moved(provider, kind, kinds) for kind in range(kinds)]
        found = [one for one in took if one is not None]
        return max(found) if len(found) == kinds else None

    def _moved(self, provider: str, kind: int, kinds: int) -> int | None:
        """Of prompts of one kind."""
        numbers = range(self.course.change, len(self.first))
        first = [self.first[number] for number in numbers if number % kinds == kind]
        for end in range(MOVED, len(first) + 1):
            if first[max(0, end - WINDOW) : end].count(provider) >= MOVED:
                return end
        return None

    @property
    def success(self) -> float:
        """The share of tasks that were completed, and so verified."""
        return sum(self.completed) / len(self.completed)

    @property
    def spent_usd(self) -> float:
        """Of all attempts."""
        return sum(self.cost_usd)

    def share(self, provider: str, low: int, high: int) -> float:
        """How much of these tasks went to this one first."""
        return self.first[low:high].count(provider) / (high - low)


def is_right(course: Course, provider: str, number: int) -> bool | None:
    """Whether the provider knows the answer; None: it is down."""
    quality = course.world[provider]
    chance = quality.before if number < course.change else quality.after
    if chance is None:
        return None
    return random.Random(f"{course.seed}:{provider}:{number}").random() < chance


class _Handler(BaseHTTPRequestHandler):
    """One connection to /PROVIDER/v1."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        listed = self.path.endswith("/models")
        self._reply(200 if listed else 404, {"data": [{"id": "m"}]} if listed else {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked = NUMBER.search(body["messages"][-1]["content"])
        number = int(asked[1]) if asked else -1
        right = is_right(self.server.course, self.path.split("/")[1], number)
        if right is None:
            self._reply(503, {"error": {"message": "scripted"}})
            return
        said = f"The answer for {number} is {'right' if right else 'wrong'}-{number}."
        choice = {"index": 0, "message": {"role": "assistant", "content": said}}
        usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS}
        choices = [{**choice, "finish_reason": "stop"}]
        self._reply(200, {"id": "1", "model": "m", "choices": choices, "usage": usage})

    def _reply(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} scripted\r\ncontent-type: application/json\r\n"
        self.wfile.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, course: Course) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.course = course

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is no news."""


@contextmanager
def _served(course: Course) -> Iterator[str]:
    server = _Server(course)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(WAIT_S)


def settings_of(course: Course, url: str) -> str:
    """Only these providers; nothing else of the machine is asked."""
    slots = max(4, course.clients)
    tables = [
        f'[providers.{name}]\ntransport = "openai-chat"\ntier = "{one.tier}"\nmodel = "m"\n'
        f'base_url = "{url}/{name}"\nstream = false\nretries = 0\nslots = {slots}\n'
        f"usd_input = {one.usd_input}\nusd_output = {one.usd_output}\nanswer_tokens_max = 256\n"
        for name, one in course.world.items()
    ]
    away = [f'[providers.{name}]\ncommand = "/no/such/{name}"\n' for name in ("codex", "claude")]
    return "\n".join(
        [
            *tables,
            *away,
            "[providers.localai]\nembedded = false\n",
            "[budget]\nusd_per_day = 1000.0\nusd_per_task = 10.0\n",
            f"[strategies]\nseed = {course.seed}\n",
        ]
    )


@contextmanager
def shifting_world(folder: Path, course: Course) -> Iterator[Daemon]:
    """A daemon whose providers these are."""
    home = folder / "home"
    home.mkdir(parents=True)
    with _served(course) as url:
        (home / "config.toml").write_text(settings_of(course, url))
        with daemon_on(home) as daemon:
            yield daemon


def run(daemon: Daemon, course: Course, each: Callable[[int], None] = lambda _: None) -> Run:
    """All tasks of a course, in the order of their numbers, each client one at a time."""
    begun_s = time.monotonic()

    def one(number: int) -> dict[str, Any]:
        each(number)
        prompt = course.prompts[number % len(course.prompts)].format(number)
        wanted: dict[str, Any] = {"prompt": prompt, "key": f"n{number}"}
        wanted["check"] = ["grep", "-qw", f"right-{number}"]
        if course.pin is not None:
            wanted["provider"] = course.pin
        with daemon.client() as client:
            id = client.call("task.submit", **wanted)["id"]
            return dict(client.call("task.wait", id=id, timeout_ms=60_000))

    with ThreadPoolExecutor(course.clients) as clients:
        tasks = list(clients.map(one, range(course.tasks)))
    return Run(
        course=course,
        first=tuple(task["attempts"][0]["provider"] if task["attempts"] else "" for task in tasks),
        completed=tuple(task["state"] == "completed" for task in tasks),
        cost_usd=tuple(sum(a["cost_usd"] for a in task["attempts"]) for task in tasks),
        took_s=time.monotonic() - begun_s,
    )


def always(provider: str, course: Course) -> tuple[float, float]:
    """What asking only this one would cost, once for each task, and how often it would be right."""
    one = course.world[provider]
    usd = (one.usd_input * INPUT_TOKENS + one.usd_output * OUTPUT_TOKENS) / 1e6
    right = sum(bool(is_right(course, provider, number)) for number in range(course.tasks))
    return usd * course.tasks, right / course.tasks
