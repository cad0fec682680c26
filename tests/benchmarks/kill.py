"""kill -9, sleep, SIGTERM and named points under load; ledgers outside the daemon decide.

usage: scripts/bench kill [--kills 300] [--sleep N] [--terms N] [--points N] [--faults]

Without options 300 kills at random times. --sleep N stops daemon and watchdog N times for
--sleep-s (30); --terms N ends it N times by SIGTERM, by two of them, and while an actor hangs;
--points N lets it die N times at each failpoint (ATLAS_FAIL); --faults plants bugs that the
campaign must find. --exec starts each life as a person does, not by a fork of what is imported
already (2 s more). Exit code 1 when a promise was broken or a planted bug was not found.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.campaign import Campaign, campaign_on
from tests.support.ledger import Verdict

PLANTED = ("ack_before_commit", "forget_at_claim", "no_rescue", "no_flag", "no_record")
# A kill in a migration needs a home that is new each time.
POINTS = ("tasks.committed", "tasks.claimed", "executor.answered", "store.checkpoint")
MIGRATIONS = 6  # of a new home, at least
LIFE_S = (0.3, 1.5)
HEADS = "campaign ends a_minute accepted done calls explained no_outcome broken drain_s"
ROW = "{:<26}{:>7}{:>10}{:>10}{:>8}{:>8}{:>11}{:>12}{:>8}{:>9}"


def main(words: list[str]) -> int:
    """Run the campaigns that were asked for and print a table."""
    options = _options(words)
    print(f"seed {options.seed}")
    print(ROW.format(*HEADS.split()))
    broken: list[tuple[str, str]] = []
    if options.kills:
        broken += _kills(options)
    if options.sleep:
        broken += _sleeps(options)
    if options.terms:
        broken += _terms(options)
    if options.points:
        broken += _points(options)
    unseen = _faults(options) if options.faults else []
    for kind, text in broken[:50]:
        print(f"BROKEN {kind}: {text}")
    for fault in unseen:
        print(f"NOT FOUND {fault}")
    return int(bool(broken or unseen))


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench kill",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int)
    parser.add_argument("--sleep", type=int, default=0)
    parser.add_argument("--sleep-s", type=float, default=30.0)
    parser.add_argument("--terms", type=int, default=0)
    parser.add_argument("--points", type=int, default=0)
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--exec", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(words)
    if options.kills is None:
        others = options.sleep or options.terms or options.points or options.faults
        options.kills = 0 if others else 300
    return options


def _kills(options: argparse.Namespace) -> list[tuple[str, str]]:
    with _home(options) as campaign:
        begun_s = time.monotonic()
        with campaign.load(options.clients):
            for number in range(options.kills):
                campaign.kill(*LIFE_S)
                _progress("kill", number + 1, options.kills)
        return _row("kill -9", options.kills, begun_s, campaign)


def _sleeps(options: argparse.Namespace) -> list[tuple[str, str]]:
    with _home(options, watchdog=True) as campaign:
        begun_s = time.monotonic()
        campaign.daemon.start()
        pid = campaign.daemon.call("system.ping")["pid"]
        with campaign.load(options.clients):
            for number in range(options.sleep):
                campaign.pause(campaign.chance.uniform(*LIFE_S))
                campaign.sleep(options.sleep_s)
                _progress("sleep", number + 1, options.sleep)
        campaign.settle()
        died = campaign.daemon.call("system.ping")["pid"] != pid
        campaign.daemon.stop()
        problems = _row(f"asleep {options.sleep_s:g} s", options.sleep, begun_s, campaign)
        problems += [("run twice", key) for key in campaign.verdict().reruns]
        return problems + ([("died", "the daemon was replaced")] if died else [])


def _terms(options: argparse.Namespace) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    for name, signals, fault in (
        ("SIGTERM", 1, ""),
        ("SIGTERM twice", 2, ""),
        ("SIGTERM, an actor hangs", 1, "hang_in_router"),
    ):
        with _home(options, fault=fault) as campaign:
            begun_s = time.monotonic()
            with campaign.load(options.clients):
                for number in range(options.terms):
                    code = campaign.end(*LIFE_S, signals=signals)
                    if code not in ((0,) if signals == 1 else (0, 1)):
                        problems.append((name, f"exit code {code}"))
                    _progress(name, number + 1, options.terms)
            campaign.daemon.fault = ""  # without the fault
            problems += _row(name, options.terms, begun_s, campaign)
    return problems


def _points(options: argparse.Namespace) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    for point in POINTS:
        with _home(options) as campaign:
            begun_s = time.monotonic()
            with campaign.load(options.clients):
                for number in range(options.points):
                    most = 2 if point == "store.checkpoint" else 20
                    campaign.fail_at(point, campaign.chance.randint(1, most))
                    _progress(point, number + 1, options.points)
            problems += _row(point, options.points, begun_s, campaign)
    for number in range(options.points):
        with _home(options, seed=options.seed + number) as campaign:
            begun_s = time.monotonic()
            campaign.fail_at("store.migrating", number % MIGRATIONS + 1)
            with campaign.load(options.clients):
                campaign.kill(*LIFE_S)
            last = number + 1 == options.points
            problems += _row("store.migrating" if last else "", 1, begun_s, campaign)
    return problems


def _faults(options: argparse.Namespace) -> list[str]:
    unseen = []
    for fault in PLANTED:
        with _home(options, fault=fault) as campaign:
            begun_s = time.monotonic()
            with campaign.load(options.clients):
                for number in range(40):
                    campaign.kill(0.1, 0.5)
                    _progress(fault, number + 1, 40)
            if not _row(f"planted {fault}", 40, begun_s, campaign, stuck_s=3.0):
                unseen.append(fault)
    return unseen


@contextmanager
def _home(
    options: argparse.Namespace, *, fault: str = "", watchdog: bool = False, seed: int | None = None
) -> Iterator[Campaign]:
    forked = bool(fault) or not (options.exec or watchdog)
    with (
        tempfile.TemporaryDirectory() as folder,
        campaign_on(
            Path(folder), seed=options.seed if seed is None else seed, fault=fault, forked=forked,
            watchdog=watchdog,
        ) as campaign,
    ):  # fmt: skip
        yield campaign


def _row(
    name: str, ends: int, begun_s: float, campaign: Campaign, stuck_s: float = 60.0
) -> list[tuple[str, str]]:
    """Drain, judge and print a line; what was broken."""
    took_s = time.monotonic() - begun_s
    drain_s = campaign.drain(stuck_s)
    verdict: Verdict = campaign.verdict()
    _progress("", 0, 0)
    if name:
        rate = ends / took_s * 60
        print(
            ROW.format(
                name, ends, f"{rate:.0f}", verdict.accepted, verdict.completed, verdict.calls,
                len(verdict.reruns), verdict.without_outcome, len(verdict.broken), f"{drain_s:.1f}",
            )
            + "".join(f"  {kind} {count}" for kind, count in sorted(verdict.kinds.items())),
            flush=True,
        )  # fmt: skip
    return list(verdict.broken)


def _progress(name: str, number: int, total: int) -> None:
    """How far it has come, on one line that is written over."""
    print(f"\r{f'{name} {number} of {total}' if name else '':<60}\r", end="", flush=True)
