"""Finds the work that outcomes call for, and keeps what was found, proposed and thought over."""

import json
from collections.abc import Callable, Collection
from typing import Final

import attrs

from atlas_actors.clock import local_day
from atlas_actors.errors import UsageError
from atlas_actors.messages.outcome import KeptOutcome
from atlas_actors.messages.proposal import Propose
from atlas_actors.messages.strategy import (
    ChooseStrategy,
    ReflectionWanted,
    Step,
    TakeReflection,
    WorkFound,
    WorkProposed,
)
from atlas_actors.settings import StrategySettings
from atlas_actors.store import Row, Store
from atlas_actors.strategies import records, reflection, work, work_records
from atlas_actors.strategies.journal import Journal

FOUND_MAX: Final = 20  # of each kind in one answer; more come with the next


class Findings:
    """Works within the transaction in hand."""

    def __init__(self, store: Store, settings: StrategySettings, journal: Journal) -> None:
        self._store = store
        self._settings = settings
        self._journal = journal

    def hear(self, outcome: KeptOutcome) -> None:
        """Note what an outcome of the feed says; given again it changes nothing that was told."""
        self._hear_task(outcome)
        if self._settings.reflect_with:
            trial = work.failed_trial(outcome)
            if trial is not None and self._is_ours(trial):
                work_records.trial_failed(self._store, trial)
        for seen in work.seen_in_session(outcome):
            match seen:
                case work.Edit():
                    work_records.edited(self._store, seen)
                case work.SessionEnded():
                    work_records.session_ended(self._store, seen.session)
                case work.RanTest():
                    self._on_tested(seen)

    def look(self, now_ms: int, providers: Collection[str]) -> WorkFound:
        """What could be done by now; `providers` are those that there are."""
        proposals: list[Propose] = []
        if self._settings.propose:
            proposals += self._tries(providers)
            proposals += self._untested(now_ms)
        return WorkFound(
            proposals=tuple(proposals),
            settled=work_records.settled(self._store, FOUND_MAX),
            reflections=tuple(self._reflections(now_ms)),
        )

    def proposed(self, order: WorkProposed) -> None:
        """What was proposed does not come again."""
        for fingerprint in order.fingerprints:
            if fingerprint.startswith(work.RETRY):
                work_records.set_task(self._store, fingerprint.removeprefix(work.RETRY), "proposed")
        work_records.untested_proposed(self._store, order.fingerprints)
        work_records.was_settled(self._store, order.settled)

    def another_way(self, asked: ChooseStrategy) -> ChooseStrategy:
        """For a task at which somebody has failed before, somebody else leads if anybody can."""
        failed = asked.task_id and work_records.leads_failed(self._store, asked.task_id)
        if not failed:
            return asked
        return attrs.evolve(asked, offers=work.offers_without(failed, asked.offers))

    def take(self, order: TakeReflection, bear: Callable[[Row, str, str], Step]) -> Step:
        """Take over the answer of a reflection; the same Step however often it is given.

        `bear` is called with its row, the template and the reason, once, when they will do.
        """
        row = work_records.reflection(self._store, order.key)
        if row is None:
            why = "nobody has asked for this reflection"
            return Step(intent="", what="nothing", strategy=None, why=why)
        if row["step"] is not None:
            return Step(**json.loads(row["step"]))
        step = self._step_of(row, order.answer, bear)
        work_records.reflection_taken(self._store, order.key, json.dumps(attrs.asdict(step)))
        return step

    def prune(self, before_ms: int) -> None:
        """Delete what is older."""
        work_records.prune(self._store, before_ms)

    def _hear_task(self, outcome: KeptOutcome) -> None:
        passed = work.passed_task(outcome)
        if passed is not None and work_records.task_passed(self._store, passed):
            work_records.settle(self._store, work.subject_of_retry(passed))
        task = work.failed_task(outcome)
        if task is None or not self._is_ours(task):
            return
        strategy = records.find_strategy(self._store, task.strategy)
        if strategy is not None:
            work_records.task_failed(self._store, task, strategy["lead"])

    def _is_ours(self, of: work.FailedTask | work.FailedTrial) -> bool:
        """Anybody may tell outcomes anything."""
        made = records.choice(self._store, of.choice)
        return made is not None and (made.task_id, made.strategy) == (of.task_id, of.strategy)

    def _on_tested(self, test: work.RanTest) -> None:
        for row in work_records.tested(self._store, test.project, test.session, test.at_ms):
            if row["state"] == "proposed":
                work_records.settle(self._store, row["subject"])

    def _tries(self, providers: Collection[str]) -> list[Propose]:
        """Each failed task is looked at once: what is alone then is left alone."""
        found = []
        for row in work_records.new_failed_tasks(self._store, FOUND_MAX):
            proposal = self._try_of(row, providers)
            if proposal is None:
                work_records.set_task(self._store, row["task_id"], "alone")
            else:
                found.append(proposal)
        return found

    def _try_of(self, row: Row, providers: Collection[str]) -> Propose | None:
        if work_records.was_proposed(self._store, row["task_id"]):
            return None  # it was tried anew: once is enough
        known = work_records.records_of(self._store, row["intent"])
        failed = work_records.leads_failed(self._store, row["task_id"])
        able = work_records.offered(self._store, row["choice"]).intersection(providers)
        there = [record for record in known if record.leads in able]
        other = work.other_approach(failed, there)
        if other is None:
            return None
        of_failed = {record.strategy: record for record in known}.get(row["strategy"])
        return work.retry_proposal(work.task_of(row), of_failed, other)

    def _untested(self, now_ms: int) -> list[Propose]:
        last_ms, old_ms = now_ms - work.TESTED_WITHIN_MS, now_ms - work.UNTESTED_MAX_MS
        rows = work_records.due_untested(self._store, last_ms, old_ms, FOUND_MAX)
        return [work.untested_proposal(work.untested_of(row)) for row in rows]

    def _reflections(self, now_ms: int) -> list[ReflectionWanted]:
        """Those that are waited for are wanted until their answer has come: their keys make it
        harmless to submit them again."""
        provider = self._settings.reflect_with
        if not provider:
            return []
        day = local_day(now_ms)
        left = self._settings.reflections_per_day - work_records.reflections_on(self._store, day)
        if left > 0:
            for intent in work_records.intents_failed(self._store, reflection.FAILURES_LEAST):
                left -= self._want(intent, day, now_ms)
                if left <= 0:
                    break
        waiting = work_records.reflections_waiting(self._store, FOUND_MAX)
        return [self._wanted(row, provider) for row in waiting]

    def _want(self, intent: str, day: str, now_ms: int) -> bool:
        """Note that it is to be thought over; whether one that leads has failed often enough."""
        rows = work_records.trials_failed(self._store, intent)
        failures: dict[str, list[str]] = {}
        for row in rows:
            failures.setdefault(row["strategy"], []).append(row["task_id"])
        parent = reflection.strategy_to_reflect(failures, self._journal.engine.leaders(intent))
        if parent is None:
            return False
        upto = rows[-1]["number"]
        work_records.add_reflection(
            self._store,
            {
                "key": reflection.key_of(intent, upto),
                "intent": intent,
                "parent": parent,
                "tasks": json.dumps(failures[parent][-reflection.FAILURES_SHOWN :]),
                "upto": upto,
                "day": day,
                "at_ms": now_ms,
            },
        )
        return True

    def _wanted(self, row: Row, provider: str) -> ReflectionWanted:
        return ReflectionWanted(
            key=row["key"],
            intent=row["intent"],
            parent=row["parent"],
            template=self._template_of(row["parent"]),
            tasks=tuple(json.loads(row["tasks"])),
            provider=provider,
            budget_usd=reflection.BUDGET_USD,
            schema=reflection.ANSWER,
        )

    def _template_of(self, strategy: str) -> str:
        row = records.find_strategy(self._store, strategy)
        return "" if row is None else str(json.loads(row["genome"])["template"])

    def _step_of(self, row: Row, answer: str | None, bear: Callable[[Row, str, str], Step]) -> Step:
        if answer is None:
            return reflection.nothing(row, "the task has no answer")
        genomes = work_records.genomes_of(self._store, row["intent"])
        known = [json.loads(one["genome"])["template"] for one in genomes]
        try:
            template, why = reflection.template_of(answer, known)
        except UsageError as error:
            return reflection.nothing(row, error.message)
        return bear(row, template, why)
