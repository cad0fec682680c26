"""Coverage and precision of routing on real prompts, calibration, speed, CLINC150, declaratives.

Options: --folds N (default 5), --quick (the shipped classifier as it is, nothing is trained; its
figures on the prompts are then not held out), --json. Reads ../shared/data; what is missing there
is named and left out. Training needs the extra `train`.

Prompts: 173 real ones. For each fold of authors the classifier is trained on everything else, so
that Layer 2 has seen nothing of the prompts that it is scored on. The rules' author had read these
prompts: for Layer 1 take the figures as an upper side.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs

from atlas_actors.intervals import wilson
from atlas_actors.router.classify import read
from atlas_actors.router.decide import Decision, Tables, decide, shipped_tables
from tests.benchmarks import clinc

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
WRITTEN = Path(__file__).resolve().parents[1] / "data" / "router"
INFORMED = {"w", "y", "z"}  # written after looking at errors on these prompts: not held out
# Plain statements in which words of intents occur; none of them asks for that intent.
DECLARATIVES = (
    ("The review page lists every product with its rating.", "review"),
    ("Our plan customers pay monthly.", "plan"),
    ("A test tube stands on the table.", "test"),
    ("The search party came home at dawn.", "search_read"),
    ("He committed himself to the project.", "shell_git"),
    ("The remember me cookie lives for thirty days.", "memory"),
    ("Status 404 is what the old server returned.", "status"),
    ("The extract of vanilla smells nice.", "data_text"),
    ("Documents are kept in the blue folder.", "docs"),
    ("The fix price of a ticket is three euro.", "bug_fix"),
    ("Next Monday is a holiday.", "continue"),
    ("Great Britain is an island.", "chat"),
    ("The queue in front of the shop was long.", "task"),
    ("A refactored engine needs less oil.", "refactor"),
    ("The explanation in chapter two is short.", "explain"),
    ("Adding machines were made of steel.", "code_edit"),
    ("The run took an hour.", "shell_git"),
    ("Finding a job is hard these days.", "search_read"),
    ("The translated edition appeared in 1998.", "data_text"),
    ("She forgot her keys at the office.", "memory"),
)


@attrs.frozen(kw_only=True)
class Scored:
    """One prompt and what was decided."""

    row: dict[str, Any]
    decision: Decision

    @property
    def lenient(self) -> bool:
        """A fair judge would accept it."""
        return self.decision.intent in self.row["acceptable"]

    @property
    def strict(self) -> bool:
        """It is the label."""
        return bool(self.decision.intent == self.row["label"])


def main(words: Sequence[str]) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench routing")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(words)
    report: dict[str, Any] = {}
    prompts = DATA / "prompts" / "dev.jsonl"
    if prompts.exists():
        rows = [json.loads(line) for line in prompts.read_text("utf-8").splitlines()]
        scored = _quick(rows) if options.quick else _held_out(rows, options.folds)
        report["prompts"] = {"held_out": not options.quick, **prompt_figures(scored)}
        report["speed"] = speed([row["text"] for row in rows])
    else:
        _say(f"{prompts} is missing: no figures on real prompts")
        report["speed"] = speed([text for text, _ in DECLARATIVES])
    report["declaratives"] = declaratives()
    intents = DATA / "clinc150.jsonl"
    if options.quick:
        _say("--quick: CLINC150 is left out")
    elif intents.exists():
        report["clinc150"] = clinc.figures(intents, _say)
    else:
        _say(f"{intents} is missing: no figures on CLINC150")
    print(json.dumps(report, indent=1) if options.json else _text(report))
    return 0


def _quick(rows: list[dict[str, Any]]) -> list[Scored]:
    return [Scored(row=row, decision=decide(row["text"])) for row in rows]


def _held_out(rows: list[dict[str, Any]], folds: int) -> list[Scored]:
    """Each prompt decided by a classifier that saw nothing of its author."""
    from atlas_actors.router.examples import example_of, examples_of
    from atlas_actors.router.patterns import RuleBook, shipped
    from atlas_actors.router.train import train

    book = RuleBook(shipped())
    files = [file for file in sorted(WRITTEN.glob("*.jsonl")) if file.stem not in INFORMED]
    written = [example for file in files for example in examples_of(file)]
    authors = sorted({row["author"] for row in rows})
    random.Random(1).shuffle(authors)
    scored = []
    for fold in range(folds):
        _say(f"fold {fold + 1} of {folds}: training")
        held = set(authors[fold::folds])
        seen = [row for row in rows if row["author"] not in held]
        examples = [*written, *(example_of(row, "", book, real=True) for row in seen)]
        tables = attrs.evolve(
            shipped_tables(), classifier=read(train(examples, sources=["held out"]))
        )
        scored += [
            Scored(row=row, decision=decide(row["text"], tables=tables))
            for row in rows
            if row["author"] in held
        ]
    return scored


def prompt_figures(scored: Sequence[Scored]) -> dict[str, Any]:
    """Coverage, precision, accuracy and calibration, whole, by layer and by intent."""
    answered = [one for one in scored if not one.decision.abstained]
    lenient = sum(one.lenient for one in answered)
    low, high = wilson(lenient, len(answered))
    return {
        "prompts": len(scored),
        "coverage": _share(len(answered), len(scored)),
        "precision_lenient": _share(lenient, len(answered)),
        "precision_lenient_95": [round(low, 3), round(high, 3)],
        "precision_strict": _share(sum(one.strict for one in answered), len(answered)),
        "accuracy_lenient": _share(sum(one.lenient for one in scored), len(scored)),
        "accuracy_strict": _share(sum(one.strict for one in scored), len(scored)),
        "ece_answered": ece(answered),
        "ece_all": ece(scored),
        "confidence_max": max(one.decision.confidence for one in scored),
        "layers": {
            name: _part([one for one in scored if one.decision.layer == layer], len(scored))
            for name, layer in (("1", 1), ("2", 2), ("abstained", None))
        },
        "intents": {
            name: _part([one for one in scored if one.row["label"] == name], len(scored))
            for name in sorted({one.row["label"] for one in scored})
        },
    }


def _part(scored: Sequence[Scored], whole: int) -> dict[str, Any]:
    answered = [one for one in scored if not one.decision.abstained]
    return {
        "n": len(scored),
        "share": _share(len(scored), whole),
        "coverage": _share(len(answered), len(scored)),
        "precision_lenient": _share(sum(one.lenient for one in answered), len(answered)),
        "precision_strict": _share(sum(one.strict for one in answered), len(answered)),
        "accuracy_lenient": _share(sum(one.lenient for one in scored), len(scored)),
    }


def ece(scored: Sequence[Scored], bins: int = 10) -> float:
    """Expected calibration error of lenient correctness, equal-width bins."""
    error = 0.0
    for at in range(bins):
        inside = [one for one in scored if at == min(bins - 1, int(one.decision.confidence * bins))]
        if inside:
            said = statistics.fmean(one.decision.confidence for one in inside)
            error += abs(said - statistics.fmean(one.lenient for one in inside)) * len(inside)
    return round(error / max(1, len(scored)), 4)


def speed(texts: Sequence[str], rounds: int = 20) -> dict[str, Any]:
    """µs of CPU a decision: per text the quickest of some rounds, then over all texts."""
    tables: Tables = shipped_tables()
    decide(texts[0], tables=tables)
    took = sorted(
        min(_cpu_us(lambda text=text: decide(text, tables=tables)) for _ in range(rounds))
        for text in texts
    )
    return {
        "median_us": round(statistics.median(took), 1),
        "p99_us": round(took[min(len(took) - 1, int(len(took) * 0.99))], 1),
        "max_us": round(took[-1], 1),
        # What this machine needs now for sum(range(10_000)): about 100 µs on an idle one of 2024.
        "reference_us": round(min(_cpu_us(lambda: sum(range(10_000))) for _ in range(rounds)), 1),
    }


def _cpu_us(act: Callable[[], Any]) -> float:
    start = time.thread_time_ns()
    act()
    return (time.thread_time_ns() - start) / 1000


def declaratives() -> dict[str, Any]:
    """How often a plain statement is routed by a word that asks for nothing in it."""
    wrong = [
        (text, decision.rule or "layer 2")
        for text, trap in DECLARATIVES
        if not (decision := decide(text)).abstained and decision.intent == trap
    ]
    return {"statements": len(DECLARATIVES), "falsely_routed": len(wrong), "which": wrong}


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _text(report: dict[str, Any]) -> str:
    """For people."""
    lines = []
    prompts = report.get("prompts")
    if prompts:
        how = "authors held out" if prompts["held_out"] else "NOT held out"
        lines += [
            f"real prompts, n={prompts['prompts']}, {how}",
            f"  coverage            {prompts['coverage']:.1%}",
            f"  precision lenient   {prompts['precision_lenient']:.1%}"
            f"  (95 %: {prompts['precision_lenient_95'][0]:.1%}"
            f" to {prompts['precision_lenient_95'][1]:.1%})",
            f"  precision strict    {prompts['precision_strict']:.1%}",
            f"  accuracy            {prompts['accuracy_lenient']:.1%} lenient,"
            f" {prompts['accuracy_strict']:.1%} strict",
            f"  ECE                 {prompts['ece_answered']:.3f} answered,"
            f" {prompts['ece_all']:.3f} all; largest confidence {prompts['confidence_max']}",
        ]
        for group in ("layers", "intents"):
            for name, part in prompts[group].items():
                lines.append(
                    f"  {group[:-1]} {name:<12} n={part['n']:<4}"
                    f" coverage {_percent(part['coverage'])}"
                    f" lenient {_percent(part['precision_lenient'])}"
                    f" strict {_percent(part['precision_strict'])}"
                )
    took = report["speed"]
    lines.append(
        f"decision  {took['median_us']} µs median, {took['p99_us']} µs p99"
        f" (sum(range(10_000)) takes {took['reference_us']} µs here and now)"
    )
    said = report["declaratives"]
    lines.append(f"declaratives  {said['falsely_routed']} of {said['statements']} falsely routed")
    if "clinc150" in report:
        found = report["clinc150"]
        lines.append(
            f"CLINC150  in scope {found['in_scope']:.1%}, out of scope recall"
            f" {found['out_of_scope_recall']:.1%} at the threshold of the validation set"
        )
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "    –" if share is None else f"{share:5.0%}"
