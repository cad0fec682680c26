"""atlas serve, status, stop, retry: the daemon itself."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from atlas_actors.cli import show
from atlas_actors.cli.client import Client, NotRunningError, running_pid
from atlas_actors.errors import AlreadyRunning, AtlasError, DeadlinePassed
from atlas_actors.home import Home

START_S: Final = 60.0
STOP_S: Final = 60.0
GONE_S: Final = 2.0
POLL_S: Final = 0.05
INTERVAL_MAX_S: Final = 86_400
PROGRAM: Final = Path(__file__).parents[2] / "run.py"


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    serve = groups.add_parser("serve", help="run the daemon in the foreground")
    serve.add_argument("--detach", action="store_true", help="return once the socket answers")
    serve.add_argument(
        "--log-level", choices=("TRACE", "DEBUG", "INFO", "WARNING", "ERROR"), default=None
    )
    serve.add_argument(
        "--no-watchdog", action="store_true", help="one process, for debugging: nobody restarts it"
    )
    serve.add_argument(
        "--interval", type=_interval_s, metavar="S", help="seconds between cycles; [cycle]"
    )
    serve.add_argument("--beat-fd", type=int, default=None, help=argparse.SUPPRESS)
    serve.set_defaults(run=run_detach)
    status = groups.add_parser("status", help="what runs, what waits, what is degraded")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=run_status)
    stop = groups.add_parser("stop", help="end the daemon; running work is pending again")
    stop.set_defaults(run=run_stop)
    retry = groups.add_parser("retry", help="try a parked part again now")
    retry.add_argument("part", metavar="PART", help="as atlas status names it")
    retry.set_defaults(run=run_retry)


def set_interval(interval_s: int | None) -> None:
    """What --interval says, where the settings are read from, also by a daemon that we start."""
    if interval_s is not None:
        os.environ["ATLAS_CYCLE_INTERVAL_S"] = str(interval_s)


def _interval_s(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= INTERVAL_MAX_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {INTERVAL_MAX_S}")
    return value


def run_detach(options: argparse.Namespace, home: Home) -> int:
    """Start the daemon in a session of its own and wait until it answers."""
    from atlas_actors.config import load
    from atlas_actors.model.file import selected

    load(os.environ)  # a wrong setting is said here, not in a log
    pid = running_pid(home)
    if pid is not None and _answers(home):
        raise AlreadyRunning(home.root, pid)
    home.log.mkdir(mode=0o700, parents=True, exist_ok=True)
    output = home.log / "daemon.out"
    command = [sys.executable, str(PROGRAM), "serve"]
    if options.no_watchdog:
        command += ["--no-watchdog"]
    if options.log_level:
        command += ["--log-level", options.log_level]
    with output.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    deadline = time.monotonic() + START_S
    while not _answers(home):
        if process.poll() is not None:
            tail = output.read_text("utf-8", "replace").strip().splitlines()[-5:]
            raise AtlasError("the daemon did not start:\n  " + "\n  ".join(tail))
        if time.monotonic() > deadline:
            process.terminate()
            raise DeadlinePassed(
                f"the daemon does not answer after {START_S:g} s", cure=str(output)
            )
        time.sleep(POLL_S)
    with Client(home, timeout_s=10) as client:
        pid = int(client.call("system.ping")["pid"])
    lines = [f"pid      {pid}", f"socket   {home.socket()}"]
    if not selected(home).path.exists():
        lines.append("model    none yet: atlas model pull")
    lines.append('next     atlas ask "Say hello in French"')
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def run_status(options: argparse.Namespace, home: Home) -> int:
    """One look at everything."""
    with Client(home, timeout_s=10) as client:
        status = client.call("system.status")
    if options.json:
        show.print_json(status)
        return 0
    tasks = status["tasks"] or {}
    lines = [
        f"atlas {status['version']}, pid {status['pid']}, up {show.duration(status['uptime_ms'])},"
        f" home {status['home']}",
        "tasks     " + (", ".join(f"{n} {name}" for name, n in tasks.items()) or "unknown"),
        f"cost      {_cost(status)}",
        f"waiting   {_or_unknown(status['handoffs_open'], 'handoff')},"
        f" {_or_unknown(status['proposals_open'], 'proposal')}",
        f"memory    {_memory(status['memories'])}",
        f"cycle     {_cycle(status['last_cycle'])}",
        "providers",
    ]
    for provider in status["providers"]:
        model = provider["model"] or "-"
        lines.append(
            f"  {provider['name']:<10} {provider['state']:<8} {provider['transport']}, {model},"
            f" {provider['in_flight']} in flight"
            + ("" if provider["breaker"] == "closed" else f", breaker {provider['breaker']}")
        )
    for part in status["degraded"]:
        if part is status["degraded"][0]:
            lines.append("degraded")
        cure = f" → {part['cure']}" if part["cure"] else ""
        lines.append(f"  {part['part']}: {part['state']}, {part['reason']}{cure}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _cost(status: dict[str, Any]) -> str:
    """What calls said, and what counts: runs that were lost, and those under way, at their most."""
    said, counted = status["cost_today_usd"], status["counted_today_usd"]
    more = round((counted or 0.0) - (said or 0.0), 6)
    line = f"{show.usd(said)} today, of {show.usd(status['budget_today_usd'])}"
    if more > 0:
        line += f"; {show.usd(more)} more counts for runs under way, cut off or lost"
    return line


def _or_unknown(count: int | None, noun: str) -> str:
    return f"unknown {noun}s" if count is None else show.count(count, noun)


def _memory(numbers: dict[str, int] | None) -> str:
    if numbers is None:
        return "unknown"
    waiting = numbers["waiting"]
    more = f", {waiting:,} waiting: atlas memory list --global --state quarantined"
    return f"{numbers['kept']:,} kept{more if waiting else ''}"


def _cycle(last: dict[str, Any] | None) -> str:
    if last is None:
        return "none yet (atlas cycle runs one)"
    odd = [step["name"] for step in last["steps"] if step["result"] in ("late", "degraded")]
    trouble = f"; trouble with: {', '.join(odd)}" if odd else ""
    return f"{show.when(last['started_at_ms'])}, took {show.duration(last['took_ms'])}{trouble}"


def run_stop(_: argparse.Namespace, home: Home) -> int:
    """SIGTERM, then wait until the process is gone."""
    pid = running_pid(home)
    if pid is None or not _answers(home):
        raise NotRunningError(f"no Atlas daemon runs on {home.root}")
    with Client(home, timeout_s=10) as client:
        pid = int(client.call("system.ping")["pid"])
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while running_pid(home) is not None:
        if time.monotonic() > deadline:
            raise DeadlinePassed(f"pid {pid} has not ended in {STOP_S:g} s")
        time.sleep(POLL_S)
    gone_by = time.monotonic() + GONE_S  # its last act was to free the lock
    while _exists(pid) and time.monotonic() < gone_by:
        time.sleep(POLL_S)
    sys.stdout.write(f"stopped pid {pid}\n")
    return 0


def run_retry(options: argparse.Namespace, home: Home) -> int:
    """Try a parked part now."""
    with Client(home) as client:
        answer = client.call("system.retry", part=options.part)
    sys.stdout.write(f"{answer['part']} {answer['state']}\n")
    return 0


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _answers(home: Home) -> bool:
    try:
        with Client(home, timeout_s=10) as client:
            client.call("system.ping")
    except AtlasError:
        return False
    return True
