"""Files go into tiers within budgets."""

from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.context.tiers import Budgets, budgets, plan, reference_tokens, warm_tokens
from atlas_actors.messages.context import FileMeasure, RankedFile
from atlas_actors.settings import ContextSettings

SETTINGS = ContextSettings(
    hot_tokens=600, warm_tokens=300, cold_tokens=100, hot_least=0.8, warm_least=0.25,
    half_life_turns=7, file_bytes_max=10_000, look_s=5, retention_days=1,
)  # fmt: skip


def ranked(path, full=None, outline=None, score=9.0, state="text"):
    measure = None
    if full is not None:
        measure = FileMeasure(path=path, state=state, tokens_full=full, tokens_outline=outline)
    return RankedFile(path=path, score=score, why="read", measure=measure)


def tiers_of(files, **numbers):
    of = Budgets(**{"hot": 1000, "warm": 200, "cold": 100, **numbers})
    return {file.path: file.tier for file in plan(files, of).files}


def test_what_no_longer_fits_in_full_is_outlined_and_a_shorter_one_after_it_still_fits():
    files = [ranked("a", 900, 90), ranked("b", 500, 50), ranked("c", 100, 10)]
    assert tiers_of(files) == {"a": "HOT", "b": "WARM", "c": "HOT"}


def test_without_an_outline_it_is_full_or_a_name():
    files = [ranked("a", 900), ranked("b", 500)]
    assert tiers_of(files) == {"a": "HOT", "b": "COLD"}


def test_who_is_less_present_than_a_tier_asks_for_is_not_in_it_though_it_would_fit():
    files = [ranked("a", 10, 5, 0.9), ranked("b", 10, 5, 0.5), ranked("c", 10, 5, 0.1)]
    found = tiers_of(files, hot_least=0.8, warm_least=0.25)
    assert found == {"a": "HOT", "b": "WARM", "c": "COLD"}
    assert set(tiers_of(files).values()) == {"HOT"}


def test_a_file_nobody_has_looked_at_is_a_name_and_counted():
    made = plan([ranked("a")], Budgets(hot=99, warm=99, cold=99))
    assert (made.files[0].tier, made.unmeasured) == ("COLD", 1)


def test_what_must_not_be_read_is_in_no_tier():
    states = ("binary", "huge", "missing", "refused", "ignored", "failed")
    files = [ranked(state, 10, 5, state=state) for state in states]
    made = plan(files, Budgets(hot=99, warm=99, cold=99))
    assert (made.files, made.left_out, made.costs.hot) == ((), 0, 0)


FILES = st.lists(
    st.tuples(
        st.text("abc/", min_size=1, max_size=40),
        st.none() | st.integers(0, 2000),
        st.none() | st.integers(0, 500),
        st.floats(0, 10),
    ),
    max_size=40,
)


@given(FILES, st.integers(0, 3000), st.integers(0, 500), st.integers(0, 100))
def test_no_tier_exceeds_its_budget_and_every_file_is_somewhere(files, hot, warm, cold):
    listed = [ranked(*file) for file in files]
    made = plan(listed, Budgets(hot=hot, warm=warm, cold=cold))
    for tier, most in (("HOT", hot), ("WARM", warm), ("COLD", cold)):
        assert sum(file.tokens for file in made.files if file.tier == tier) <= most
    assert len(made.files) + made.left_out == len(files)
    assert made.costs.planned == sum(file.tokens for file in made.files)


@given(FILES, st.integers(0, 2000))
def test_the_tokens_of_a_call_bound_all_tiers_together(files, tokens):
    made = plan([ranked(*file) for file in files], budgets(SETTINGS, tokens))
    assert made.costs.planned <= min(tokens, 1000)


def test_costs_say_what_all_files_in_one_tier_would_take():
    made = plan([ranked("a", 900, 90), ranked("b", 50)], Budgets(hot=0, warm=100, cold=50))
    assert (made.costs.hot, made.costs.warm) == (950, 140)
    assert made.costs.cold == reference_tokens("a") + reference_tokens("b")


def test_an_outline_longer_than_its_file_costs_no_more_than_the_file():
    assert (warm_tokens(10, 30), warm_tokens(10, None), warm_tokens(30, 10)) == (10, 10, 10)
