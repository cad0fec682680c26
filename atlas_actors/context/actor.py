"""Keeps which files are touched with which, and says what the next turn is likely about."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.actor import Place
from atlas_actors.context import coactivation, records, score, tiers
from atlas_actors.errors import UsageError
from atlas_actors.messages.context import (
    Access,
    AccessesKept,
    AccessFiles,
    FileMeasure,
    FilesDelivered,
    FilesMoved,
    FilesRanked,
    PlanTiers,
    RankedFile,
    RankFiles,
    TiersPlanned,
    TurnEnded,
)
from atlas_actors.settings import ContextSettings
from atlas_actors.sources.ignore import is_secret
from atlas_actors.sources.names import kept_name
from atlas_actors.store import Row
from atlas_actors.store_actor import StoreActor

Inbox = AccessFiles | TurnEnded | FilesMoved | RankFiles | PlanTiers | FilesDelivered
PRUNE_ROWS: Final = 1_000
SEEDS_MAX: Final = 50


class Context(StoreActor):
    """Owns context_router.db. All of it can be learned again, so no commit waits for the disk."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")

    def __init__(self, place: Place, *, database: Path, settings: ContextSettings) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._settings = settings
        self._half_life = settings.half_life_turns

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case AccessFiles():
                return self._on_access(message)
            case TurnEnded():
                return self._on_turn_ended(message)
            case FilesMoved():
                return self._on_moved(message)
            case RankFiles():
                return self._on_rank(message)
            case PlanTiers():
                return self._on_plan(message)
            case FilesDelivered():
                return self._on_delivered(message)

    def prune(self, before_ms: int) -> bool:
        """Forget what is older than that."""
        return records.prune(self.store, before_ms, PRUNE_ROWS) >= PRUNE_ROWS

    def _on_access(self, order: AccessFiles) -> AccessesKept:
        project = records.new_project(self.store, _checked(order.project))
        clock = self._clock_of(project, order)
        kept = 0
        learned: set[int] = set()
        for access in order.accesses:
            name = kept_name(access.path)
            if name is None or is_secret(name):
                continue
            kept += 1
            learned |= self._keep(project["id"], order.session, name, access, clock)
        records.trim_pairs(self.store, learned)
        return AccessesKept(kept=kept, refused=len(order.accesses) - kept)

    def _clock_of(self, project: Row, order: AccessFiles) -> int:
        """The project's turn to which these accesses belong; it may begin with them."""
        session = records.session(self.store, project["id"], order.session)
        if session is not None and session["turn"] == order.turn and not session["ended"]:
            return int(session["clock"])
        clock = int(project["clock"]) + 1
        now_ms = self.place.clock.now_ms()
        records.set_clock(self.store, project["id"], clock)
        records.set_turn(
            self.store, project["id"], order.session, turn=order.turn, clock=clock, now_ms=now_ms
        )
        return clock

    def _keep(
        self, project_id: int, session: str, name: str, access: Access, clock: int
    ) -> set[int]:
        """Keep one access; the files whose partners it changed."""
        store, now_ms = self.store, self.place.clock.now_ms()
        at_ms = now_ms if access.at_ms is None else min(access.at_ms, now_ms)
        known = records.file(store, project_id, name)
        again = known is not None and records.was_touched(
            store, project_id, session, clock, known["id"]
        )
        file_id = records.keep_access(
            store,
            project_id,
            name,
            access.kind,
            kept=score.raised(
                None if known is None else known["kept"],
                score.weight(access.kind, again),
                clock,
                self._half_life,
            ),
            alone=self._alone(known, clock, again),
            clock=clock,
            at_ms=at_ms,
        )
        learned = set() if again else self._pair(project_id, session, file_id, clock, now_ms)
        records.log_access(
            store, project_id, file_id, session=session, clock=clock, kind=access.kind, at_ms=at_ms
        )
        if access.kind == "read":
            records.mark_read_after(store, project_id, session, name)
        return learned

    def _alone(self, known: Row | None, clock: int, again: bool) -> float:
        """What is kept of the turns in which a file was touched."""
        if known is not None and again:
            return float(known["alone"])
        long = self._half_life * coactivation.PAIR_HALF_LIVES
        return score.raised(None if known is None else known["alone"], 1.0, clock, long)

    def _pair(
        self, project_id: int, session: str, file_id: int, clock: int, now_ms: int
    ) -> set[int]:
        """The file goes with what the session has touched in this turn and just before."""
        since = clock - coactivation.TURNS_APART_MAX
        others = records.touched_since(
            self.store, project_id, session, since, coactivation.TOGETHER_MAX
        )
        apart = {id: clock - other_clock for id, other_clock in others if id != file_id}
        if not apart:
            return set()
        long = self._half_life * coactivation.PAIR_HALF_LIVES
        before = records.pairs_of(self.store, file_id, apart)
        kept = {
            id: score.raised(before.get(id), coactivation.pair_weight(turns), clock, long)
            for id, turns in apart.items()
        }
        records.keep_pairs(self.store, file_id, kept, now_ms)
        return {file_id, *apart}

    def _on_turn_ended(self, fact: TurnEnded) -> None:
        """The next access begins a turn; a turn that touched nothing counts too."""
        project = records.project(self.store, fact.project)
        if project is not None and not records.end_turn(self.store, project["id"], fact.session):
            records.set_clock(self.store, project["id"], int(project["clock"]) + 1)

    def _on_moved(self, fact: FilesMoved) -> None:
        project = records.project(self.store, fact.project)
        if project is None:
            return
        for old, new in fact.renamed:
            self._rename(project["id"], old, new)
        records.set_gone(self.store, project["id"], fact.gone, gone=True)
        records.set_gone(self.store, project["id"], fact.back, gone=False)
        records.set_head(self.store, project["id"], fact.head)

    def _rename(self, project_id: int, old: str, new: str) -> None:
        one = records.file(self.store, project_id, old)
        name = kept_name(new)
        if one is None or name is None or name == old or is_secret(name):
            return
        other = records.file(self.store, project_id, name)
        if other is None:
            records.rename(self.store, project_id, one["id"], name)
            return
        records.merge(
            self.store,
            one["id"],
            other["id"],
            kept=score.joined(one["kept"], other["kept"]),
            alone=score.joined(one["alone"], other["alone"]),
        )

    def _on_rank(self, ask: RankFiles) -> FilesRanked:
        project = records.project(self.store, ask.project)
        ranked = self._rank(project, ask) if project is not None else []
        return FilesRanked(
            project=ask.project,
            head=project["head"] if project is not None else None,
            files=tuple(file for file, _ in ranked),
            file_bytes_max=self._settings.file_bytes_max,
            look_s=self._settings.look_s,
        )

    def _rank(self, project: Row, ask: RankFiles | PlanTiers) -> list[tuple[RankedFile, int]]:
        """(file, id), the likeliest first."""
        clock = int(project["clock"])
        at_hand = self._at_hand(project, ask)
        partners = records.partners(self.store, list(at_hand))
        lifts = coactivation.lifts(partners, clock, self._half_life)
        rows = {
            row["id"]: row for row in records.most_present(self.store, project["id"], ask.limit)
        }
        missing = {*lifts, *at_hand} - rows.keys()
        for row in records.files_of(self.store, project["id"], missing):
            rows[row["id"]] = row
        ranked = [(self._ranked(row, clock, lifts, at_hand), id) for id, row in rows.items()]
        ranked.sort(key=lambda pair: (-pair[0].score, pair[0].path))
        return ranked[: ask.limit]

    def _at_hand(self, project: Row, ask: RankFiles | PlanTiers) -> dict[int, str]:
        """The files that the session has at hand, and why."""
        names = [name for name in map(kept_name, ask.seeds[:SEEDS_MAX]) if name is not None]
        found = dict.fromkeys(records.ids_of(self.store, project["id"], names).values(), "named")
        if ask.session is not None:
            session = records.session(self.store, project["id"], ask.session)
            if session is not None:
                touched = records.touched_since(
                    self.store, project["id"], ask.session, session["clock"], SEEDS_MAX
                )
                for id, _ in touched:
                    found.setdefault(id, "of this turn")
        return found

    def _ranked(
        self,
        row: Row,
        clock: int,
        lifts: Mapping[int, tuple[float, str]],
        at_hand: Mapping[int, str],
    ) -> RankedFile:
        own = coactivation.presence(score.strength(row["kept"], clock, self._half_life))
        lift, of = lifts.get(row["id"], (0.0, ""))
        if row["id"] in at_hand:
            lift, of = coactivation.LIFT, ""
        why = at_hand.get(row["id"]) or (f"goes with {of}" if lift > own else _why(row, clock))
        return RankedFile(path=row["path"], score=own + lift, why=why, measure=_measure(row))

    def _on_plan(self, ask: PlanTiers) -> TiersPlanned:
        project = records.project(self.store, ask.project)
        ranked: list[RankedFile] = []
        if project is not None:
            names = [measure.path for measure in ask.measures]
            ids = records.ids_of(self.store, project["id"], names)
            records.keep_measures(self.store, ids, ask.measures)
            ranked = [file for file, _ in self._rank(project, ask)]
        known = {file.path for file in ranked}
        ranked = [*_strangers(ask, known), *ranked]
        plan = tiers.plan(ranked, tiers.budgets(self._settings, ask.tokens))
        return TiersPlanned(
            project=ask.project,
            files=plan.files,
            costs=plan.costs,
            left_out=plan.left_out,
            unmeasured=plan.unmeasured,
        )

    def _on_delivered(self, fact: FilesDelivered) -> None:
        project = records.new_project(self.store, _checked(fact.project))
        now_ms = self.place.clock.now_ms()
        for delivery in fact.deliveries:
            records.add_delivery(self.store, project["id"], fact.session, delivery, now_ms)


def _checked(project: str) -> str:
    if not project.startswith("/") or "\0" in project:
        raise UsageError(f"{project[:200]!r} is no absolute path of a project")
    return project


def _strangers(ask: PlanTiers, known: Iterable[str]) -> list[RankedFile]:
    """Seeds that nobody has touched yet are at hand all the same."""
    names = set(map(kept_name, ask.seeds[:SEEDS_MAX])) - set(known)
    return [
        RankedFile(
            path=measure.path, score=coactivation.LIFT, why="named, never touched", measure=measure
        )
        for measure in ask.measures
        if measure.path in names
    ]


def _why(row: Row, clock: int) -> str:
    """How a file came to be present."""
    counts = [
        f"{row[plural]} {plural if row[plural] > 1 else one}"
        for one, plural in (
            ("edit", "edits"),
            ("read", "reads"),
            ("test", "tests"),
            ("search", "searches"),
        )
        if row[plural]
    ]
    ago = clock - row["clock"]
    when = "this turn" if ago <= 0 else "the turn before" if ago == 1 else f"{ago} turns ago"
    return f"{', '.join(counts) or 'known'}, last {when}"


def _measure(row: Row) -> FileMeasure | None:
    if row["state"] is None:
        return None
    names = attrs.fields_dict(FileMeasure)
    return FileMeasure(**{name: row[name] for name in names})
