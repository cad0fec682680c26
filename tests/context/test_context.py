"""The room keeps what is touched with what, and ranks by it."""

import pytest

from atlas_actors.context.actor import Context
from atlas_actors.context.coactivation import LIFT, PARTNERS_MAX, TOGETHER_MAX
from atlas_actors.errors import UsageError
from atlas_actors.messages import paths
from atlas_actors.messages.context import (
    Access,
    AccessFiles,
    Delivery,
    FileMeasure,
    FilesDelivered,
    FilesMoved,
    PlanTiers,
    RankFiles,
    TurnEnded,
)
from tests.context.test_tiers import SETTINGS
from tests.support.stages import Stage

PROJECT = "/p"


@pytest.fixture
def stage(tmp_path):
    built = Stage(Context, path=paths.CONTEXT, database=tmp_path / "context_router.db",
                  settings=SETTINGS)  # fmt: skip
    built.start()
    yield built
    built.stop()


def touch(stage, *names, turn="", session="s", kind="read", project=PROJECT, at_ms=None):
    accesses = tuple(Access(path=name, kind=kind, at_ms=at_ms) for name in names)
    order = AccessFiles(project=project, session=session, turn=turn, accesses=accesses)
    return stage.actor.dispatch(order)


def rank(stage, *seeds, session=None, limit=100):
    ask = RankFiles(project=PROJECT, seeds=seeds, session=session, limit=limit)
    return stage.actor.dispatch(ask).files


def names(files):
    return [file.path for file in files]


def count(file):
    """The decayed count that its score says."""
    return file.score / (1 - file.score / LIFT)


def rows(stage, sql):
    return stage.actor.store.rows(sql)


def test_what_is_touched_more_and_later_comes_first(stage):
    touch(stage, "old", turn="1")
    for turn in range(2, 20):
        touch(stage, "often", turn=str(turn))
    touch(stage, "late", turn="20")
    assert names(rank(stage)) == ["often", "late", "old"]


def test_an_edit_outweighs_a_read_which_outweighs_a_search(stage):
    for name, kind in (("s", "search"), ("e", "edit"), ("r", "read"), ("t", "test")):
        touch(stage, name, kind=kind)
    assert names(rank(stage)) == ["e", "t", "r", "s"]


def test_turns_pass_without_a_file_being_rewritten(stage):
    for turn in range(50):
        touch(stage, f"{turn}", turn=str(turn))
    before = rows(stage, "select * from files")
    strongest = count(rank(stage)[0])
    changed = stage.actor.store.connection.total_changes()
    for _ in range(7):
        stage.give(TurnEnded(project=PROJECT, session="nobody"))
    assert stage.actor.store.connection.total_changes() - changed == 7  # the project's clock
    assert rows(stage, "select * from files") == before
    assert count(rank(stage)[0]) == pytest.approx(strongest / 2)


def test_a_turn_that_ended_counts_once_whether_or_not_the_next_is_named(stage):
    touch(stage, "a", turn="")
    stage.give(TurnEnded(project=PROJECT, session="s"))
    touch(stage, "b", turn="")
    (project,) = rows(stage, "select clock from projects")
    assert project["clock"] == 2


def test_naming_a_file_lifts_those_that_are_touched_together_with_it(stage):
    for turn in range(5):
        touch(stage, "code.py", "test_code.py", turn=f"a{turn}", session="one")
    for turn in range(40):
        touch(stage, "busy.py", "other.py", turn=f"b{turn}", session="two")
    assert names(rank(stage))[:2] == ["busy.py", "other.py"]
    seeded = rank(stage, "code.py")
    assert names(seeded)[:2] == ["code.py", "test_code.py"]
    assert [file.why for file in seeded[:2]] == ["named", "goes with code.py"]


def test_what_a_session_has_in_hand_lifts_too(stage):
    for turn in range(5):
        touch(stage, "code.py", "test_code.py", turn=f"a{turn}", session="one")
    for turn in range(40):
        touch(stage, "busy.py", turn=f"b{turn}", session="two")
    touch(stage, "code.py", session="three")
    assert set(names(rank(stage, session="three"))[:2]) == {"code.py", "test_code.py"}


def test_a_partner_beyond_the_limit_of_the_most_present_is_found_all_the_same(stage):
    touch(stage, "a", "b", turn="0")
    for turn in range(30):
        touch(stage, f"busy{turn}", turn=f"{turn + 1}", session="two", kind="edit")
    assert names(rank(stage, "a", limit=3))[:2] == ["a", "b"]


def test_a_sweep_through_everything_binds_a_bounded_number_of_pairs(stage):
    for turn in range(3):
        touch(stage, *(f"{turn}/{number}" for number in range(200)), turn=str(turn))
    many = rows(stage, "select file_id, count(*) as n from pairs group by file_id")
    assert max(row["n"] for row in many) <= PARTNERS_MAX
    for turn in range(100):
        touch(stage, "hub", f"spoke{turn}", turn=f"h{turn}", session="hub")
    (hub,) = rows(stage, "select count(*) as n from pairs join files on id = file_id"
                         " where path = 'hub'")  # fmt: skip
    assert TOGETHER_MAX < hub["n"] == PARTNERS_MAX
    one_way = (
        "select 1 from pairs as one where not exists (select 1 from pairs as two"
        " where two.file_id = one.other_id and two.other_id = one.file_id)"
    )
    assert rows(stage, one_way) == []


def test_the_same_file_again_in_a_turn_binds_no_tighter(stage):
    touch(stage, "a", "b")
    before = rows(stage, "select * from pairs")
    touch(stage, "a", "b", "a")
    assert rows(stage, "select * from pairs") == before


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/../../x", "", ".", "a\0b", "~/x", "\udcff", "x" * 2000, ".env",
     "deploy/prod.pem", "home/.ssh/config", "id_rsa", ".git/config", "sub/.ENV"],
)  # fmt: skip
def test_names_outside_and_names_of_secrets_are_refused(stage, name):
    kept = touch(stage, "a", name)
    assert (kept.kept, kept.refused) == (1, 1)
    assert names(rank(stage)) == ["a"]


def test_a_name_is_kept_in_one_form(stage):
    touch(stage, "a/b.py", "./a//b.py", "a/c/../b.py")
    assert names(rank(stage)) == ["a/b.py"]


def test_a_project_that_is_no_absolute_path_is_the_callers_fault(stage):
    with pytest.raises(UsageError):
        touch(stage, "a", project="here")


def test_a_renamed_file_keeps_its_past_and_its_partners(stage):
    for turn in range(3):
        touch(stage, "old.py", "test.py", turn=str(turn))
    before = rank(stage)[0].score
    stage.give(FilesMoved(project=PROJECT, head="h1", renamed=(("old.py", "new.py"),)))
    found = {file.path: file for file in rank(stage, "test.py")}
    assert set(found) == {"new.py", "test.py"}
    assert found["new.py"].why == "goes with test.py"
    assert rank(stage)[0].score == pytest.approx(before)


def test_a_rename_onto_a_known_file_joins_the_two(stage):
    touch(stage, "old.py", "test.py", turn="1")
    touch(stage, "new.py", "test.py", turn="1")
    scores = {file.path: count(file) for file in rank(stage)}
    stage.give(FilesMoved(project=PROJECT, head="h", renamed=(("old.py", "new.py"),)))
    joined = {file.path: count(file) for file in rank(stage)}
    assert set(joined) == {"new.py", "test.py"}
    assert joined["new.py"] == pytest.approx(scores["old.py"] + scores["new.py"])
    (row,) = rows(stage, "select reads from files where path = 'new.py'")
    assert row["reads"] == 2


def test_a_chain_of_renames_and_a_deletion_at_its_end(stage):
    touch(stage, "a", "b")
    chain = (("a", "c"), ("c", "d"))
    stage.give(FilesMoved(project=PROJECT, head="h", renamed=chain, gone=("d",)))
    assert names(rank(stage)) == ["b"]


def test_a_deleted_file_is_out_until_git_or_an_access_brings_it_back(stage):
    touch(stage, "a", "b")
    stage.give(FilesMoved(project=PROJECT, head="h1", gone=("a", "b")))
    assert rank(stage) == ()
    stage.give(FilesMoved(project=PROJECT, head="h2", back=("a",)))
    assert names(rank(stage)) == ["a"]
    touch(stage, "b")
    assert sorted(names(rank(stage))) == ["a", "b"]
    assert stage.actor.dispatch(RankFiles(project=PROJECT)).head == "h2"


def measured(path, full=100, outline=10, **more):
    return FileMeasure(path=path, state="text", size=1, mtime_ns=1, language="python",
                       tokens_full=full, tokens_outline=outline, **more)  # fmt: skip


def test_measures_are_kept_and_decide_the_tiers(stage):
    touch(stage, "a", "b", kind="edit")
    order = PlanTiers(project=PROJECT, measures=(measured("a", 500), measured("b", 400)))
    planned = stage.actor.dispatch(order)
    assert [(file.path, file.tier) for file in planned.files] == [("a", "HOT"), ("b", "WARM")]
    assert rank(stage)[0].measure == measured("a", 500)
    again = stage.actor.dispatch(PlanTiers(project=PROJECT))
    assert again == planned


def test_a_seed_that_nobody_has_touched_is_planned_for(stage):
    order = PlanTiers(project=PROJECT, seeds=("new.py",), measures=(measured("new.py"),))
    planned = stage.actor.dispatch(order)
    assert [(file.path, file.tier) for file in planned.files] == [("new.py", "HOT")]


def test_an_unknown_project_has_no_files_and_is_not_made_by_a_question(stage):
    assert rank(stage) == ()
    assert stage.actor.dispatch(PlanTiers(project=PROJECT)).files == ()
    stage.give(TurnEnded(project=PROJECT, session="s"), FilesMoved(project=PROJECT, head="h"))
    assert rows(stage, "select * from projects") == []


def delivered(stage, path="a", tier="WARM", session="s"):
    one = Delivery(path=path, tier=tier, tokens_full=100, tokens_given=10)
    stage.give(FilesDelivered(project=PROJECT, session=session, deliveries=(one,)))


def saved(stage):
    return sum(row["tokens_saved"] for row in rows(stage, "select * from inspect_deliveries"))


def test_what_was_delivered_saves_the_rest_of_the_file(stage):
    delivered(stage)
    delivered(stage, "b")
    assert saved(stage) == 180


def test_an_outline_whose_file_is_read_all_the_same_costs_instead_of_saving(stage):
    delivered(stage)
    touch(stage, "a", session="somebody else")
    touch(stage, "a", kind="edit")
    assert saved(stage) == 90
    touch(stage, "a")
    assert saved(stage) == -10


def test_old_accesses_files_and_projects_are_forgotten(stage):
    old_ms = stage.clock.now_ms() - 86_400_000
    touch(stage, "a", "b", at_ms=old_ms)
    touch(stage, "c", project="/q")
    assert stage.actor.prune(old_ms + 1) is False
    assert names(rank(stage)) == []
    kept = {row["path"] for row in rows(stage, "select path from files")}
    assert kept == {"c"}
    assert len(rows(stage, "select * from accesses")) == 1


def test_a_time_to_come_counts_as_now(stage):
    touch(stage, "a", at_ms=stage.clock.now_ms() + 10_000)
    (row,) = rows(stage, "select at_ms from files")
    assert row["at_ms"] == stage.clock.now_ms()
