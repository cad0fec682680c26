"""Learning whom to ask: regret in four worlds, flips, promotions, and what a choice takes.

usage: scripts/bench learning [--seeds 20] [--first 1000] [--decisions N] [--shape NAME…]
                              [--policies NAME…] [--quick] [--actor] [--only PART…]

Regret is what the choices were worth less than the best one of each moment; beside Atlas' engine,
driven by its real events, stand plain Thompson sampling, UCB1, epsilon-greedy, the older fitness
rule, always the dearest, and anybody. Settings were fitted on seeds below 1000 only. --actor drives
the actor with its database instead of the engine alone. --daemon drives the whole road instead, a
real daemon and three providers: see tests/support/learned_road.py.
"""

import argparse
import math
import os
import random
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Final

import attrs
from loguru import logger

from atlas_actors.messages.strategy import Genome
from atlas_actors.strategies.evalue import ENOUGH, PAIRS_MAX, e_value
from atlas_actors.strategies.events import Asked, Ended, Evolved, Noted, Seed, Seeded, Try
from tests.support import learned_road
from tests.support.flips import FLIPS, Flipped, flip
from tests.support.worlds import KINDS, POLICIES, SHAPES, Atlas, Shape, World, drive
from tests.support.worlds_room import AtlasRoom

PARTS: Final = ("regret", "flip", "promotion", "time")
REGRET_MOST: Final = 800.0
STATIONARY_MOST: Final = 135.0
MOVED_MOST: Final = 60  # tasks, nine times in ten, where somebody falls
ABREAST: Final = ((1, 1), (1, 4), (1, 16), (3, 4), (6, 1), (6, 4), (6, 16))  # contexts, tasks


@attrs.frozen(kw_only=True)
class Job:
    """One policy in one world."""

    policy: str
    kind: str
    shape: Shape
    seed: int
    actor: bool = False  # Atlas by way of its room


def run(job: Job) -> float:
    """Its regret."""
    world = World(job.kind, job.seed, job.shape)
    if not job.actor:
        return drive(world, POLICIES[job.policy](job.shape, job.seed), job.seed).regret
    logger.remove()
    room = AtlasRoom(job.shape, job.seed)
    try:
        return drive(world, room, job.seed).regret
    finally:
        room.close()


def half_width(values: list[float]) -> float:
    """Of the 95 % interval of the mean."""
    return 1.96 * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def regret(options: argparse.Namespace) -> bool:
    """Cumulative regret, mean and half width of the 95 % interval, and the sum of the four."""
    met = True
    seeds = range(options.first, options.first + options.seeds)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name in options.shape:
            shape = SHAPES[name]
            if options.decisions:
                shape = attrs.evolve(shape, decisions=options.decisions)
            print(f"\n{name}: {shape.decisions} decisions, {len(seeds)} seeds from {seeds[0]}")
            print(f"{'':<20}" + "".join(f"{kind:>17}" for kind in (*KINDS, "sum")))
            for policy in options.policies:
                found = _row(pool, policy, shape, seeds, options.actor and policy == "Atlas")
                means = [statistics.mean(values) for values in found]
                cells = [
                    f"{mean:>9.1f} ± {half_width(values):<5.1f}"
                    for mean, values in zip(means, found, strict=True)
                ]
                print(f"{policy:<20}" + "".join(cells) + f"{sum(means):>13.1f}", flush=True)
                judged = policy == "Atlas" and shape == SHAPES["standard"]
                if judged:
                    met = sum(means) <= REGRET_MOST and means[0] <= STATIONARY_MOST
                    print(f"   at most {REGRET_MOST:g} in sum, {STATIONARY_MOST:g} stationary:"
                          f" {'met' if met else 'MISSED'}")  # fmt: skip
    return met


def _row(
    pool: ProcessPoolExecutor, policy: str, shape: Shape, seeds: range, actor: bool
) -> list[list[float]]:
    jobs = [
        Job(policy=policy, kind=kind, shape=shape, seed=seed, actor=actor)
        for kind in KINDS
        for seed in seeds
    ]
    values = list(pool.map(run, jobs))
    return [values[at : at + len(seeds)] for at in range(0, len(values), len(seeds))]


# ---- a flip


def flips(options: argparse.Namespace) -> bool:
    """Three providers change half-way in 1,000 tasks, so many contexts, so many tasks at a time:
    how many tasks until 8 of the last 10 ask the new best first, what of the dearest's price is
    spent, how often first answers pass."""
    met = True
    seeds = range(options.first, options.first + options.seeds)
    print(f"{'':<25} {'contexts':>8} {'at once':>7} {'moved':>6} {'p90':>5} {'never':>6}"
          f" {'spent':>6} {'first':>6}")  # fmt: skip
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name, world in FLIPS.items():
            for contexts, outstanding in ABREAST:
                some = [(name, seed, contexts, outstanding) for seed in seeds]
                ran = list(pool.map(_flipped, some))
                moved = sorted(math.inf if one.moved is None else one.moved for one in ran)
                nine = moved[min(len(moved) - 1, len(moved) * 9 // 10)]
                goal = ""
                if world.falls and outstanding <= 4:
                    goal = _goal(nine <= MOVED_MOST, f"at most {MOVED_MOST}")
                    met = met and nine <= MOVED_MOST
                print(f"{name:<25} {contexts:>8} {outstanding:>7} {moved[len(moved) // 2]:>6.0f}"
                      f" {nine:>5.0f} {moved.count(math.inf):>6}"
                      f" {statistics.mean(one.spend for one in ran):>6.2f}"
                      f" {statistics.mean(one.first for one in ran):>6.3f}   {goal}",
                      flush=True)  # fmt: skip
    return met


def _flipped(job: tuple[str, int, int, int]) -> Flipped:
    name, seed, contexts, outstanding = job
    return flip(FLIPS[name], seed, contexts=contexts, outstanding=outstanding)


# ---- promotion


def duel(rate_parent: float, rate_child: float, seed: int) -> tuple[str, int]:
    """One challenger in the real engine: promoted or culled, after so many pairs."""
    draw = random.Random(f"duel:{seed}")
    atlas = Atlas(Shape(rates=(rate_parent,), costs=(0.0,), contexts=1), seed)
    atlas.engine.apply(
        Seeded(
            seeds=(Seed(intent="intent-0", genome=Genome(providers=("provider-0",))),),
            tries=(Try(intent="intent-0", genes={"attempts": 2}),),
            providers=("provider-0",),
        )
    )
    notes: list[Noted] = []
    pairs = 0
    while not any(note.what in ("promoted", "culled") for note in notes):
        number = atlas.engine.asked + 1
        asked = Asked(number=number, intent="intent-0", difficulty=0.2, offers=atlas.offers,
                      verifies=True, at_ms=number)  # fmt: skip
        chosen = atlas.engine.apply(asked)[-1]
        child = chosen.role == "challenger"
        pairs += child
        x = int(draw.random() < (rate_child if child else rate_parent))
        effects = atlas.engine.apply(Ended(choice=number, x=x, at_ms=number))
        if number == 30:
            effects += atlas.engine.apply(Evolved(intent="intent-0", at_ms=number))
        notes += [effect for effect in effects if isinstance(effect, Noted)]
    verdict = next(note for note in notes if note.what in ("promoted", "culled"))
    return verdict.what, pairs


def rule(rate_parent: float, rate_child: float, seed: int) -> tuple[bool, int]:
    """The e-value alone, on independent pairs."""
    draw = random.Random(f"rule:{seed}")
    child_only = parent_only = 0
    for pairs in range(1, PAIRS_MAX + 1):
        child, parent = draw.random() < rate_child, draw.random() < rate_parent
        child_only += child and not parent
        parent_only += parent and not child
        if child != parent and e_value(child_only, parent_only) >= ENOUGH:
            return True, pairs
    return False, PAIRS_MAX


def promotion(options: argparse.Namespace) -> bool:
    """How often a challenger is promoted, by the rule alone and in the engine itself."""
    runs, real = (400, 6) if options.quick else (2_000, 40)
    met = True
    for name, parent, child in (
        ("equal (.70)", 0.7, 0.7),
        ("better by .10 (.70)", 0.7, 0.8),
        ("better by .20 (.60)", 0.6, 0.8),
        ("worse by .10 (.70)", 0.7, 0.6),
    ):
        found = [rule(parent, child, seed) for seed in range(runs)]
        share = sum(promoted for promoted, _ in found) / runs
        soon = sum(promoted and pairs <= 200 for promoted, pairs in found) / runs
        mean = statistics.mean(pairs for _, pairs in found)
        goal = ""
        if name.startswith("equal"):
            goal = _goal(share <= 0.05, "at most 5 %")
        elif "20" in name:
            goal = _goal(soon >= 0.95, "at least 95 % within 200 pairs")
        met = met and "MISSED" not in goal
        print(f"{name:<22} promoted {share:>6.1%}, within 200 pairs {soon:>6.1%}, mean pairs"
              f" {mean:>4.0f}   {goal}", flush=True)  # fmt: skip
    for name, parent, child in (("equal", 0.7, 0.7), ("better by .20", 0.6, 0.8)):
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            ended = list(pool.map(duel, [parent] * real, [child] * real, range(real)))
        promoted = sum(what == "promoted" for what, _ in ended)
        mean = statistics.mean(pairs for _, pairs in ended)
        print(f"in the engine, {name:<14} promoted {promoted} of {real}, mean pairs {mean:.0f}")
    return met


def _goal(met: bool, words: str) -> str:
    return f"{words}: {'met' if met else 'MISSED'}"


# ---- time


def time_of_a_choice(options: argparse.Namespace) -> bool:
    """A choice and its end in the engine, beside a draw from a Beta for each of six arms."""
    shape, count = SHAPES["standard"], 1_000 if options.quick else 4_000
    world, atlas = World("stationary", 1, shape), Atlas(shape, 1)
    rates, arms, draw = world.rates(0), range(len(shape.rates)), random.Random(1)
    asked_s = told_s = plain_s = 0.0
    for t in range(count):
        context = t % shape.contexts
        begun = time.thread_time_ns()
        arm = atlas.ask(t, context, arms)
        asked = time.thread_time_ns()
        atlas.tell(t, context, arm, int(draw.random() < rates[context][arm]))
        told = time.thread_time_ns()
        max(arms, key=lambda arm: draw.betavariate(1 + arm, 2) - 0.25 * shape.costs[arm])
        plain = time.thread_time_ns()
        asked_s, told_s = asked_s + (asked - begun) / 1e9, told_s + (told - asked) / 1e9
        plain_s += (plain - told) / 1e9
    print(f"a choice {asked_s / count * 1e6:.0f} us, its end {told_s / count * 1e6:.0f} us of CPU;"
          f" plain draws {plain_s / count * 1e6:.0f} us: the choice takes"
          f" {asked_s / plain_s:.1f} times that")  # fmt: skip
    return True


def main(words: list[str]) -> int:
    """Print the tables; 1 when a goal is missed."""
    if "--daemon" in words:
        return learned_road.main([word for word in words if word != "--daemon"])
    parser = argparse.ArgumentParser(prog="scripts/bench learning", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1_000)
    parser.add_argument("--decisions", type=int)
    parser.add_argument("--shape", nargs="+", choices=list(SHAPES), default=["standard"])
    parser.add_argument("--policies", nargs="+", choices=list(POLICIES), default=list(POLICIES))
    parser.add_argument("--quick", action="store_true", help="4 seeds, fewer promotions")
    parser.add_argument("--actor", action="store_true", help="the actor and its database")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args(words)
    if options.quick:
        options.seeds = min(options.seeds, 4)
    parts = {"regret": regret, "flip": flips, "promotion": promotion, "time": time_of_a_choice}
    met = True
    for name in PARTS:
        if name in options.only:
            print(f"{name}: {parts[name].__doc__}", flush=True)
            met = parts[name](options) and met
    return int(not met)
