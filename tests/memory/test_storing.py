"""What becomes of what is told to memory."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.memory.intake import canonical, clean, fingerprint
from atlas_actors.memory.trust import trust_of
from atlas_actors.messages.memory import (
    KINDS,
    TRUST,
    DecideMemory,
    NewMemory,
    NewRelation,
    RateMemories,
    Recall,
    StoreMemories,
)
from tests.support.memories import Remembering, running


@pytest.fixture
def memory(tmp_path):
    built = Remembering(tmp_path)
    yield built
    built.stop()


SAME = [
    ("Tests need Redis running on port 6380", "the tests need redis running on port 6380."),
    ("Tests need Redis", "Tests  need\n Redis!"),
    ("Use `make itest`, it needs docker", "use make itest; it needs Docker"),
    ("The cache is cleared because keys change", "cache is cleared since the keys change"),
    ("ﬁnd uses ﬂags", "find uses flags"),
    ("don't touch gen/", "Do not touch gen/"),
]
DIFFERENT = [
    ("timeout is 30 s", "timeout is 60 s"),
    ("use X", "do not use X"),
    ("Use X for tests", "Never use X for tests"),
    ("see SR-2023-052", "see SR-2023-053"),
    ("edit src/a.py", "edit src/b.py"),
    ("call getUser", "call getuser"),
    ("v1.2 works", "1.2 works"),
    ("the api depends on the worker", "the worker depends on the api"),
    ("deploy before the migration", "deploy after the migration"),
    ("a < b holds", "a > b holds"),
    ("the flag is --fast", "the flag is --fat"),
    ("ran in staging", "ran in production"),
    ("only admins may log in", "admins may log in"),
    ("x = -1 is right", "x = 1 is right"),
    ("$HOME is set", "HOME is set"),
    ("is this safe?", "this is safe"),
    ("It works?", "It works!"),
    ("the US team owns it", "the team owns it"),
    ("IT pays for it", "it pays for it"),
    ("10² rows", "102 rows"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_says_the_same_is_kept_once_with_both_sources(memory, one, other):
    first = memory.one(one, session="a", source="x")
    again = memory.one(other, session="b", source="y")
    assert (first.result, again.result, again.id) == ("created", "merged", first.id)
    assert memory.kept() == [one]
    (source,) = memory.rows("select session, source, origin from inspect_sources")
    assert source == {"session": "b", "source": "y", "origin": "person"}
    assert memory.rows("select said_by from inspect_corroboration") == [{"said_by": 2}]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_differs_in_a_word_that_counts_is_kept_twice(memory, one, other):
    assert [stored.result for stored in memory.store(one, other)] == ["created"] * 2


def test_what_is_delivered_twice_is_known(memory):
    place = {"session": "a", "source": "t#1", "at_ms": 5}
    first = memory.one("x y z", **place)
    before = memory.generation()
    again = [memory.one("x y z", **place) for _ in range(3)]
    assert {(stored.result, stored.id) for stored in again} == {("known", first.id)}
    assert memory.generation() == before


def test_repeating_corroborates_once_for_each_session_and_origin(memory):
    for session in ("a", "a", "b", "b"):
        for at_ms in (1, 2, 3):
            memory.one("the build needs node", session=session, at_ms=at_ms, origin="agent")
    assert memory.rows("select said_by from inspect_corroboration") == [{"said_by": 2}]


def test_equal_turns_of_a_session_are_two_when_their_place_differs(memory):
    turn = NewMemory(kind="episode", text="ok", session="s", speaker="Ana")
    placed = [attrs.evolve(turn, at_ms=1), attrs.evolve(turn, at_ms=2)]
    placed += [attrs.evolve(turn, source="#1"), attrs.evolve(turn, source="#2")]
    assert [one.result for one in memory.store(*placed, turn, turn)] == [
        *["created"] * 5, "known"
    ]  # fmt: skip
    assert {one.result for one in memory.store(*placed)} == {"known"}


def test_the_words_of_who_is_trusted_more_take_the_place(memory):
    low = memory.one("the default shell is fish", origin="external", session="web")
    high = memory.one("The default shell is fish!", origin="person")
    assert high.superseded == (low.id,)
    assert (memory.row(high.id)["trust"], memory.row(low.id)["trust"]) == (3, 0)
    assert memory.row(low.id)["superseded_by"] == high.id
    (source,) = memory.rows("select id, session from inspect_sources")
    assert source == {"id": high.id, "session": "web"}
    again = memory.one("the default shell is fish", origin="external", session="web2")
    assert (again.id, again.result) == (high.id, "merged")
    assert memory.row(high.id)["text"] == "The default shell is fish!"


def test_a_rejected_memory_does_not_come_back(memory):
    bad = memory.one("Always run rm", kind="rule", origin="agent")
    memory.actor.dispatch(DecideMemory(id=bad.id, approve=False))
    again = memory.one("always run rm", kind="rule", origin="agent", session="b")
    assert (again.id, again.quarantined) == (bad.id, True)
    assert memory.row(bad.id)["state"] == "rejected"


@pytest.mark.parametrize("origin", ["agent", "person"])
def test_nothing_is_said_in_the_future(memory, origin):
    now_ms = memory.actor.place.clock.now_ms()
    item = NewMemory(kind="learning", text="The timeout is 5 s", at_ms=2**53)
    (early,) = memory.store(item, origin=origin)
    late = memory.one("The timeout is 6 s", origin=origin)
    assert late.superseded == (early.id,)
    assert memory.row(early.id)["at_ms"] == now_ms
    relation = NewRelation(subject="a.py", relation="uses", object="b.py", at_ms=2**53)
    memory.store(relation)
    assert memory.rows("select max(from_ms) as ms from facts") == [{"ms": now_ms}]


def test_a_newer_value_supersedes_the_older_and_both_are_kept_with_dates(memory):
    old = memory.one("The timeout is 30 s", at_ms=1_000)
    new = memory.one("The timeout is 60 s", at_ms=2_000)
    assert new.superseded == (old.id,)
    row = memory.row(old.id)
    assert (row["state"], row["superseded_by"], row["until_ms"]) == ("superseded", new.id, 2_000)
    assert memory.row(new.id)["state"] == "kept"


def test_an_older_value_that_comes_late_is_the_one_superseded(memory):
    new = memory.one("The timeout is 60 s", at_ms=2_000)
    old = memory.one("The timeout is 30 s", at_ms=1_000)
    assert old.superseded == (old.id,)
    assert memory.row(old.id)["superseded_by"] == new.id
    assert memory.row(new.id)["state"] == "kept"


def test_what_held_before_may_hold_again(memory):
    ids = [memory.one(f"The timeout is {n} s", at_ms=n).id for n in (30, 60)]
    back = memory.one("The timeout is 30 s", at_ms=90)
    assert (back.result, back.superseded) == ("created", (ids[1],))


@pytest.mark.parametrize("explicit", [True, False])
def test_lower_trust_never_supersedes_higher(memory, explicit):
    old = memory.one("The timeout is 30 s", at_ms=1_000)
    supersedes = (old.id,) if explicit else ()
    new = memory.one("The timeout is 60 s", at_ms=2_000, origin="agent", supersedes=supersedes)
    assert new.superseded == ()
    assert memory.row(old.id)["state"] == "kept"


def test_a_decision_supersedes_what_it_names(memory):
    old = memory.one("We write our own parser", kind="decision")
    new = memory.one(
        "We take a library", kind="decision", rationale="less to keep",
        alternatives=("our own parser",), supersedes=(old.id,),
    )  # fmt: skip
    assert new.superseded == (old.id,)
    with pytest.raises(NotFound):
        memory.one("We take another", kind="decision", supersedes=("nothing",))


def test_what_waits_supersedes_only_once_it_is_approved(memory):
    old = memory.one("Prefer tabs over spaces", kind="preference", origin="agent")
    memory.actor.dispatch(DecideMemory(id=old.id, approve=True))
    new = memory.one("Prefer spaces over tabs", kind="preference", origin="agent")
    assert (new.quarantined, new.superseded) == (True, ())
    approved = memory.actor.dispatch(DecideMemory(id=new.id, approve=True))
    assert approved.superseded == (old.id,)
    pinned = memory.rows("select id, trust, origin from inspect_memories where pinned")
    assert pinned == [{"id": new.id, "trust": 3, "origin": "agent"}]
    with pytest.raises(Conflict):
        memory.actor.dispatch(DecideMemory(id=old.id, approve=True))
    with pytest.raises(NotFound):
        memory.actor.dispatch(DecideMemory(id="x", approve=True))


@pytest.mark.parametrize("origin", [origin for origin in TRUST if origin != "person"])
@pytest.mark.parametrize("kind", ["rule", "preference"])
def test_a_rule_of_who_is_no_person_waits(memory, origin, kind):
    stored = memory.one("short functions are nice", kind=kind, origin=origin)
    assert stored.quarantined
    assert memory.texts("short functions", injectable=True) == []
    (found,) = memory.recall("short functions").items
    assert found.quarantined


def test_trust_is_the_least_of_the_lineage(memory):
    web = memory.one("a page says so", origin="external")
    made = memory.one("so it is", origin="agent", lineage=(web.id,))
    again = memory.one("and so on", origin="person", lineage=(made.id,))
    lost = memory.one("from nowhere", origin="person", lineage=("gone",))
    assert [memory.row(one.id)["trust"] for one in (web, made, again, lost)] == [0, 0, 0, 0]


@given(st.sampled_from(sorted(TRUST)), st.lists(st.integers(0, 3)))
def test_trust_never_rises(origin, lineage):
    trust = trust_of(origin, lineage)
    assert trust <= TRUST[origin]
    assert all(trust <= of for of in lineage)


PRIVATE = [
    ("<private>x</private>", ""),
    ("a <private>x</private> b", "a   b"),
    ("a <private>x <private>y</private> z</private> b", "a   b"),
    ("a <PRIVATE reason=1>x", "a"),
    ("a <private>x\nzzz", "a"),
    ("a </private> b", "a   b"),
    ("<priv<private>x</private>ate>y</private> b", "<priv ate>y  b"),
    ("<atlas-memory nonce='1'>old</atlas-memory>new", "new"),
    ("<atlas-memory>a<atlas-memory>b</atlas-memory>c</atlas-memory>", ""),
    ("q < Atlas-Memory a='b' >x< /atlas-memory >", "q"),
    ("x\u200by\u202e", "xy"),
    ("a\x00b\x1b[1m", "ab[1m"),
    ("\U000e0041\U000e0042hi", "hi"),
    ("tab\tand\nline", "tab\tand\nline"),
    ("lone \ud800 one", "lone  one"),
    ("a < b and <privately> c", "a < b and <privately> c"),
]


@pytest.mark.parametrize(("text", "kept"), PRIVATE)
def test_private_and_own_and_unseen_parts_are_not_kept(text, kept):
    assert clean(text) == kept


def test_of_nothing_but_private_text_nothing_is_stored(memory):
    before = memory.generation()
    stored = memory.one("<private>the code is 1234</private>")
    assert (stored.result, stored.id, memory.kept()) == ("private", "", [])
    assert memory.generation() == before
    hidden = {name: f"<private>{name}</private>" for name in ("source", "rationale")}
    lists = {"tags": ("<private>t</private>",), "alternatives": ("<private>a</private>", "b")}
    memory.one("ok", kind="decision", **hidden, **lists)
    (row,) = memory.rows("select tags, source, rationale, alternatives from memories")
    assert row == {"tags": "[]", "source": "", "rationale": "", "alternatives": '["b"]'}


@given(st.text(st.sampled_from("<>/ privateatlas-memory\n\u200b"), max_size=80))
@settings(max_examples=300)
def test_cleaning_is_idempotent_and_leaves_no_tag(text):
    once = clean(text)
    assert clean(once) == once
    assert "<private>" not in once


@given(st.text(max_size=60))
def test_a_texts_meaning_does_not_depend_on_spaces_around_words(text):
    assert canonical(" ".join(text.split())) == canonical("  ".join(text.split()) + "\n")


@given(st.sampled_from(KINDS), st.text(min_size=1, max_size=40))
def test_a_fingerprint_is_of_one_project_and_kind(kind, text):
    text = clean(text)
    one = fingerprint(NewMemory(kind=kind, text=text))
    assert one == fingerprint(NewMemory(kind=kind, text=text))
    assert one != fingerprint(NewMemory(kind=kind, text=text, project="/p"))


def test_the_generation_moves_with_every_change(memory):
    seen = [memory.generation()]
    stored = memory.one("a b c", origin="agent", kind="rule")
    seen.append(memory.generation())
    memory.one("a b c", session="s")
    seen.append(memory.generation())
    memory.actor.dispatch(RateMemories(ids=(stored.id,), useful=True))
    seen.append(memory.generation())
    assert seen == sorted(set(seen))


def test_a_session_teaches_only_so_much_by_itself(tmp_path):
    memory = Remembering(tmp_path, per_session_max=2)
    texts = ["a is nice", "b is nice", "c is nice"]
    results = [
        one.result for one in memory.store(*texts, session="s", origin="agent", learned=True)
    ]
    assert results == ["created", "created", "full"]
    other = memory.store("d is nice", session="t", origin="agent", learned=True)
    said = memory.store("e is nice", session="s")
    assert [one.result for one in (*other, *said)] == ["created", "created"]
    memory.stop()


def test_all_or_none_of_an_order_is_stored(tmp_path):
    items = (NewMemory(kind="learning", text="a b"), NewMemory(kind="dream", text="c d"))
    with running(tmp_path) as memory:
        with pytest.raises(UsageError, match="dream"):
            memory.ask(StoreMemories(items=items, origin="person"))
        assert memory.ask(Recall(query="a b")).items == ()


def test_a_text_that_is_too_long_is_refused_with_a_cure(memory):
    with pytest.raises(UsageError, match="65536 bytes") as refused:
        memory.one("ä" * 40_000)
    assert refused.value.cure
    assert memory.one("ä" * 32_000).result == "created"


def test_what_has_been_superseded_is_not_kept_again_when_its_file_is_imported_again(memory):
    old = memory.one("The queue is in Postgres", kind="decision", at_ms=1_000)
    memory.one("The queue is in SQLite", kind="decision", at_ms=2_000, supersedes=(old.id,))
    again = memory.one("The queue is in Postgres", kind="decision", at_ms=1_000)
    assert (again.id, again.result) == (old.id, "known")
    assert len(memory.kept()) == 2


def test_what_has_been_superseded_holds_again_when_it_is_said_anew(memory):
    old = memory.one("The queue is in Postgres", kind="decision", at_ms=1_000)
    memory.one("The queue is in SQLite", kind="decision", at_ms=2_000, supersedes=(old.id,))
    anew = memory.one("The queue is in Postgres", kind="decision", at_ms=3_000)
    assert anew.result == "created"
    assert memory.row(anew.id)["state"] == "kept"
