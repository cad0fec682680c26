"""The room of strategies: choices are kept, outcomes count once, nothing is lost with a crash."""

import apsw
import attrs
import pytest

from atlas_actors.errors import Conflict, NotFound, Unavailable, UsageError
from atlas_actors.messages import paths
from atlas_actors.messages.execution import ProvidersChanged
from atlas_actors.messages.outcome import OutcomesAfter, OutcomesGrew
from atlas_actors.messages.strategy import (
    EvolveStrategies,
    PinStrategy,
    ReplayStrategies,
    RetireStrategy,
)
from atlas_actors.messages.supervision import ActorStarted, RequestFailed
from atlas_actors.messages.task import RouteAgain
from atlas_actors.strategies import journal, records
from atlas_actors.strategies.actor import (
    NEW_TRIALS,
    EvolutionDue,
    LookForOutcomes,
)
from tests.support.ledger_room import acknowledged, handle
from tests.support.strategists import INTENTS, OFFERS, asking, batch, ended, replayed, room_on


@pytest.fixture
def room(tmp_path):
    built = room_on(tmp_path)
    built.start()
    yield built
    built.stop()


def do(room, message):
    """One message as a batch of its own, committed; its answer."""
    (reply,) = handle(room, [message])
    return reply.get(0)


def ask(room, number=1, **changes):
    return do(room, asking(number, **changes))


def count(room, table):
    return room.actor.store.row(f"select count(*) as n from {table}")["n"]


def counted(room):
    """All that was counted, over all cells."""
    row = room.actor.store.row("select sum(successes) as s, sum(failures) as f from cells")
    return (row["s"] or 0.0, row["f"] or 0.0)


def trials(room, numbers, passed=lambda number: True, first_seq=1):
    """Ask, and tell the end of each in one batch."""
    told = []
    for seq, number in enumerate(numbers, first_seq):
        told.append(ended(seq, ask(room, number), f"t{number}", passed(number)))
    do(room, batch(*told))
    return told


def timers(room, kind):
    return [timer[2] for timer in room.actor._timers if isinstance(timer[2], kind)]


def test_each_provider_leads_one_strategy_of_each_intent_from_the_start(room):
    rows = room.actor.store.rows("select intent, lead from strategies where state = 'active'")
    providers = {offer.provider for offer in OFFERS}
    assert {row["intent"] for row in rows} == set(INTENTS)
    assert providers <= {row["lead"] for row in rows}


def test_a_choice_is_numbered_kept_and_answered_with_its_genome(room):
    first, second = ask(room, 1), ask(room, 2)
    assert (first.choice, second.choice) == (1, 2)
    assert first.request_id == "r1"
    assert first.strategy.genome.providers[0] in {offer.provider for offer in OFFERS}
    (row, _) = room.actor.store.rows("select * from inspect_choices order by choice")
    assert (row["strategy"], row["task_id"], row["band"]) == (first.strategy.id, "t1", "hard")


def test_a_question_without_a_trial_leaves_no_trace(room):
    before = count(room, "log")
    answer = ask(room, 1, trial=False)
    assert answer.strategy is not None
    assert answer.choice is None
    assert (count(room, "log"), count(room, "choices")) == (before, 0)
    assert ask(room, 2).choice == 1


def test_who_cannot_lead_anything_is_told_why(room):
    stranger = attrs.evolve(OFFERS[0], provider="nobody")
    answer = ask(room, 1, offers=(stranger,))
    assert (answer.strategy, answer.choice) == (None, None)
    assert answer.why


def test_an_outcome_moves_its_strategy_and_the_cursor_together(room):
    chosen = ask(room, 1)
    do(room, batch(ended(5, chosen, "t1", True)))
    assert counted(room) == (1.0, 0.0)
    assert records.cursor(room.actor.store) == 5
    (row,) = room.actor.store.rows("select x, weight, cost_usd from inspect_choices")
    assert row == {"x": 1, "weight": 1.0, "cost_usd": 0.001}


def test_what_is_told_again_counts_once(room):
    told = ended(5, ask(room, 1), "t1", True)
    for _ in range(3):
        do(room, batch(told))
    assert counted(room) == (1.0, 0.0)
    do(room, batch(attrs.evolve(told, seq=9)))  # as after a feed that began anew
    assert counted(room) == (1.0, 0.0)


def test_a_person_who_takes_the_answer_back_turns_a_success_into_a_failure(room):
    told = ended(1, ask(room, 1), "t1", True)
    do(room, batch(told))
    taken_back = attrs.evolve(
        told, seq=2, before="success", result="failure", verified_by="the person"
    )
    do(room, batch(taken_back))
    assert counted(room) == (0.0, 1.0)
    do(room, batch(attrs.evolve(taken_back, seq=3)))
    assert counted(room) == (0.0, 1.0)


def test_it_asks_for_outcomes_once_until_it_is_answered(room):
    assert room.give(OutcomesGrew(seq=3)) == [OutcomesAfter(seq=0, limit=100)]
    assert room.give(OutcomesGrew(seq=4)) == []
    assert room.give(batch(ended(3, ask(room, 1), "t1", True), more=True)) == [
        OutcomesAfter(seq=3, limit=100)
    ]
    assert room.give(batch(ended(4, ask(room, 2), "t2", True))) == []
    assert room.give(OutcomesGrew(seq=4)) == []


def test_what_grew_while_it_waited_for_an_answer_is_asked_for_after_it(room):
    room.give(OutcomesGrew(seq=3), OutcomesGrew(seq=4))
    answer = batch(ended(3, ask(room, 1), "t1", True))
    assert room.give(answer) == [OutcomesAfter(seq=3, limit=100)]


def test_when_outcomes_starts_or_a_minute_has_passed_it_looks_by_itself(room):
    started = ActorStarted(path=paths.OUTCOMES, incarnation=1)
    asked = [OutcomesAfter(seq=0, limit=100)]
    assert room.give(started) == asked
    assert room.give(LookForOutcomes()) == asked
    assert len(timers(room, LookForOutcomes)) == 2


def test_outcomes_that_do_not_answer_are_asked_again(room):
    (question,) = room.give(OutcomesGrew(seq=3))
    failed = RequestFailed(path=paths.OUTCOMES, request=question, error="parked", code=-32003)
    assert room.give(failed) == []
    assert room.give(OutcomesGrew(seq=3)) == [question]


def test_a_feed_that_began_anew_is_read_from_its_beginning(room):
    room.give(batch(ended(50, ask(room, 1), "t1", True)))
    room.give(ActorStarted(path=paths.OUTCOMES, incarnation=2))
    assert room.give(OutcomesGrew(seq=2)) == [OutcomesAfter(seq=0, limit=100)]


def lived(folder, *, crashes):
    """Choices, ends, later evidence and evolution; what was chosen, counted and told."""
    folder.mkdir()
    room, made, seq = room_on(folder), [], 0
    room.start()
    for number in range(1, 121):
        if crashes and number % 17 == 0:
            room.stop()
            room = room_on(folder, room.clock)
            room.start()
        chosen = ask(room, number)
        made.append((chosen.choice, chosen.strategy.id, chosen.why))
        told = ended(seq + 1, chosen, f"t{number}", number % 3 > 0)
        later = attrs.evolve(told, seq=seq + 2, before=told.result, result="failure")
        do(room, batch(told, later) if number % 5 == 0 else batch(told))
        seq += 2
        if number % 25 == 0:
            do(room, EvolveStrategies())
    story = room.actor.store.rows("select intent, strategy, what, why, numbers from lineage")
    replay = replayed(room)
    assert replay.choices == replay.same == 120
    found = (made, counted(room), story)
    room.stop()
    return found


def test_news_that_the_disk_has_delayed_does_not_begin_the_feed_anew(room):
    trials(room, range(1, 6))
    do(room, ActorStarted(path=paths.OUTCOMES, incarnation=1))
    do(room, OutcomesGrew(seq=5))
    do(room, OutcomesGrew(seq=3))
    assert records.cursor(room.actor.store) == 5


def test_who_waits_is_routed_anew_once_another_leads_and_not_before(room, monkeypatch):
    told = []
    monkeypatch.setattr(room.actor, "tell", lambda path, message: told.append((path, message)))
    trials(room, range(1, 3))
    assert told == []
    trials(room, range(3, 12), first_seq=3)
    assert told == [(paths.TASKS, RouteAgain(intent="bug_fix"))]


@pytest.mark.slow
def test_after_restarts_the_same_is_chosen_learned_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "SNAPSHOT_EVERY", 30)
    through = lived(tmp_path / "through", crashes=False)
    assert lived(tmp_path / "crashes", crashes=True) == through
    assert {"born", "leads"} <= {note["what"] for note in through[2]}


def test_a_second_start_with_the_same_settings_logs_nothing(tmp_path):
    room = room_on(tmp_path)
    room.start()
    before = count(room, "log")
    room.stop()
    room = room_on(tmp_path)
    room.start()
    assert count(room, "log") == before > 0
    room.stop()
    room = room_on(tmp_path, cost_weight=0.5)
    room.start()
    assert count(room, "log") == before + 1
    room.stop()


@pytest.mark.slow
def test_a_start_reads_the_newest_snapshot_and_what_came_after_it(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "SNAPSHOT_EVERY", 10)
    room = room_on(tmp_path)
    room.start()
    trials(room, range(1, 31))
    before = ask(room, 31, trial=False)
    kept = room.actor.store.rows("select seq from snapshots")
    room.stop()
    assert len(kept) >= 2
    room = room_on(tmp_path)
    room.start()
    assert room.actor._journal._since < 10
    assert ask(room, 31, trial=False) == before
    assert ask(room, 31).choice == 31
    room.stop()


@pytest.mark.slow
def test_what_the_disk_refused_never_happened(room):
    ask(room, 1)
    store = room.actor.store
    quota = store.connection.pragma("page_count")
    store.connection.pragma("max_page_count", quota)
    replies = handle(room, [asking(number) for number in range(2, 200)])
    assert not all(acknowledged(reply) for reply in replies)
    store.connection.pragma("max_page_count", 2**30)
    kept = count(room, "choices")
    (reply,) = handle(room, [asking(500)])
    assert reply.value.choice == kept + 1


@pytest.mark.parametrize("write", ["append", "add_choice"])
def test_a_write_that_fails_alone_takes_the_engine_back_with_it(room, monkeypatch, write):
    ask(room, 1)

    def full(*_):
        raise apsw.FullError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(records, write, full)
        with pytest.raises(Unavailable):
            ask(room, 2)
    assert ask(room, 3).choice == 2
    assert count(room, "log where kind = 'asked'") == count(room, "choices") == 2


@pytest.mark.slow
def test_the_log_replayed_gives_the_same_choices(room, monkeypatch):
    monkeypatch.setattr(journal, "SNAPSHOT_EVERY", 25)
    trials(room, range(1, 81), lambda number: number % 4 > 0)
    found = replayed(room)
    assert (found.choices, found.same, found.different, found.from_choice) == (80, 80, (), 1)
    found = replayed(room, limit=10)
    assert (found.choices, found.same, found.from_choice) == (10, 10, 71)


def test_a_choice_that_was_tampered_with_is_named(room):
    trials(room, range(1, 6))
    room.actor.store.run("update log set chosen = 'other' where choice = 3")
    found = replayed(room)
    assert (found.choices, found.same) == (5, 4)
    ((choice, then, now),) = found.different
    assert (choice, then) == (3, "other")
    assert now != "other"


def test_choices_are_answered_between_the_pages_of_a_replay(room):
    trials(room, range(1, 121))
    replay, choice = handle(room, [ReplayStrategies(), asking(500)])
    assert acknowledged(choice)
    assert not acknowledged(replay)


def test_old_events_go_but_a_replay_still_begins_at_a_snapshot(room, monkeypatch):
    monkeypatch.setattr(journal, "SNAPSHOT_EVERY", 20)
    trials(room, range(1, 41))
    room.clock.advance(200 * 86_400)
    trials(room, range(41, 61), first_seq=41)
    before = count(room, "log")
    assert room.actor.prune(room.clock.now_ms() - 86_400_000) is False
    assert 0 < count(room, "log") < before
    assert room.actor.store.row("select min(choice) as first from choices")["first"] == 41
    found = replayed(room)
    assert found.choices == found.same >= 20
    assert found.from_choice > 1
    assert ask(room, 61).choice == 61


def test_providers_that_come_with_a_reload_get_strategies(room):
    tables = [attrs.asdict(one) for one in room.actor._providers.values()]
    before = count(room, "strategies")
    do(room, ProvidersChanged(providers=tuple(tables)))
    assert count(room, "strategies") == before
    new = {**tables[0], "name": "newcomer"}
    do(room, ProvidersChanged(providers=(*tables, new)))
    assert room.actor.store.row("select 1 from strategies where lead = 'newcomer'")


def test_it_evolves_after_twenty_verified_trials_and_not_again_over_the_same(room):
    trials(room, range(1, NEW_TRIALS))
    assert records.ripe_intents(room.actor.store, NEW_TRIALS) == []
    trials(room, [NEW_TRIALS], first_seq=NEW_TRIALS)
    assert records.ripe_intents(room.actor.store, NEW_TRIALS) == ["bug_fix"]
    room.sent()
    assert EvolutionDue(least=NEW_TRIALS, again=False) in timers(room, EvolutionDue)
    room.give(EvolutionDue(least=NEW_TRIALS, again=False))
    logged = count(room, "log where kind = 'evolved'")
    assert logged == 1
    room.give(EvolutionDue(least=NEW_TRIALS, again=False), EvolutionDue(least=1, again=True))
    assert count(room, "log where kind = 'evolved'") == logged


def test_weak_evidence_does_not_make_it_evolve(room):
    told = [
        ended(n, ask(room, n), f"t{n}", True, context={"checked": "text"}) for n in range(1, 31)
    ]
    do(room, batch(*told))
    assert records.ripe_intents(room.actor.store, 1) == []


def test_nothing_evolves_by_itself_where_the_settings_forbid_it(tmp_path):
    room = room_on(tmp_path, evolve=False)
    room.start()
    trials(room, range(1, 41))
    room.sent()
    assert EvolutionDue(least=NEW_TRIALS, again=False) not in timers(room, EvolutionDue)
    room.give(EvolutionDue(least=1, again=True))
    assert count(room, "log where kind = 'evolved'") == 0
    room.stop()


def test_a_person_pins_and_lets_go(room):
    (row, *_) = room.actor.store.rows(
        "select id from strategies where intent = 'bug_fix' and lead = 'localai'"
    )
    step = do(room, PinStrategy(strategy=row["id"]))
    assert (step.intent, step.what, step.strategy) == ("bug_fix", "pinned", row["id"])
    chosen = [ask(room, number) for number in range(1, 6)]
    assert {one.strategy.id for one in chosen} == {row["id"]}
    assert {one.why for one in chosen} == {"you pinned it"}
    assert do(room, PinStrategy(strategy=None, intent="bug_fix")).what == "unpinned"
    assert ask(room, 9).why != "you pinned it"
    again = do(room, PinStrategy(strategy=None, intent="bug_fix"))
    assert (again.what, again.why) == ("nothing", "no strategy is pinned")


def test_in_an_intent_that_there_is_none_of_nothing_can_be_pinned(room):
    with pytest.raises(NotFound, match="no intent 'bugfix'"):
        do(room, PinStrategy(strategy=None, intent="bugfix"))


def test_what_is_retired_is_never_chosen_again(room):
    first = ask(room, 1).strategy.id
    step = do(room, RetireStrategy(strategy=first, reason="too dear"))
    assert (step.what, step.strategy) == ("retired", first)
    assert all(ask(room, number).strategy.id != first for number in range(2, 60))
    with pytest.raises(Conflict):
        do(room, RetireStrategy(strategy=first))
    with pytest.raises(Conflict):
        do(room, PinStrategy(strategy=first))


def test_wishes_about_what_is_not_there_are_refused(room):
    for wish in (PinStrategy(strategy="nope"), RetireStrategy(strategy="nope")):
        with pytest.raises(NotFound):
            do(room, wish)
    with pytest.raises(UsageError):
        do(room, PinStrategy(strategy=None))
    with pytest.raises(NotFound):
        do(room, EvolveStrategies(intent="nope"))


def test_a_person_may_have_it_evolve_and_hears_what_came_of_it(room):
    trials(room, range(1, 41), lambda number: number % 2 > 0)
    (step, *_) = do(room, EvolveStrategies(intent="bug_fix")).steps
    assert step.intent == "bug_fix"
    again = do(room, EvolveStrategies(intent="bug_fix")).steps
    assert [one.what for one in again] == ["nothing"]
