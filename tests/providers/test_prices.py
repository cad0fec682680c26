"""What tokens cost."""

import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.errors import SettingsError
from atlas_actors.messages.execution import Usage
from atlas_actors.providers.prices import (
    PRICES_FILE,
    Model,
    Price,
    PriceTable,
    load_prices,
    shipped,
    switch_saves_usd,
)
from atlas_actors.settings import ProviderSettings

MODELS = sorted(shipped().models)
ROUNDING = 0.000_000_5


def settings(model="", **said):
    return ProviderSettings(name="x", transport="openai-chat", tier="free", model=model, **said)


def price_of(name, prompt=0):
    return shipped().find(name).price_at(prompt)


def table_of(tmp_path, text):
    file = tmp_path / "prices.toml"
    file.write_text(text, "utf-8")
    return load_prices(file)


# Sums.


def test_a_known_run_costs_what_its_client_said():
    usage = Usage(input=240, cache_read=1_800, cache_write=128, output=34)
    assert price_of("claude-opus-5-5").cost_usd(usage) == 0.00264


@pytest.mark.parametrize(
    ("usage", "cost_usd"),
    [
        ({}, 0.0),
        ({"input": 1_000_000}, 4.0),
        ({"output": 1_000_000}, 20.0),
        ({"output": 1_000_000, "reasoning": 900_000}, 20.0),  # reasoning is part of the output
        ({"cache_read": 1_000_000}, 0.2),
        ({"cache_write": 1_000_000}, 5.0),
        ({"cache_write": 1_000_000, "cache_write_1h": 1_000_000}, 8.0),
        ({"cache_write": 1_000_000, "cache_write_1h": 400_000}, 6.2),
        ({"cache_write": 1_000_000, "cache_write_1h": 9_000_000}, 8.0),
        ({"input": 1}, 0.000_004),
    ],
)
def test_each_kind_of_token_has_its_price(usage, cost_usd):
    assert price_of("claude-opus-5-5").cost_usd(Usage(**usage)) == cost_usd


def test_what_has_no_price_of_its_own_in_the_cache_is_input():
    price = Price(input=3.0)
    assert price.cost_usd(Usage(cache_write=1_000_000)) == 3.0
    assert price.cost_usd(Usage(cache_write=1_000_000, cache_write_1h=1_000_000)) == 3.0
    both = Usage(cache_write=1_000_000, cache_write_1h=500_000)
    assert Price(input=3.0, cache_write=4.0).cost_usd(both) == 4.0


PRICES = st.builds(
    Price,
    **{field.name: st.floats(0, 100_000) for field in attrs.fields(Price)},
) | st.sampled_from([model.price for model in shipped().models.values()])
COUNTS = st.integers(0, 2_000_000)
USAGES = st.builds(
    Usage, input=COUNTS, cache_read=COUNTS, cache_write=COUNTS, cache_write_1h=COUNTS,
    output=COUNTS, reasoning=COUNTS,
)  # fmt: skip


@given(PRICES, USAGES, st.integers(0, 1_000), st.integers(0, 1_000))
def test_nothing_costs_more_than_the_worst_case(price, usage, more_input, more_output):
    prompt = usage.input + usage.cache_read + usage.cache_write
    worst_usd = price.worst_usd(prompt + more_input, usage.output + more_output)
    assert price.cost_usd(usage) <= worst_usd * (1 + 1e-12) + ROUNDING


@given(PRICES, USAGES)
def test_a_cost_is_never_negative_and_grows_with_its_tokens(price, usage):
    cost_usd = price.cost_usd(usage)
    assert cost_usd >= 0
    more = attrs.evolve(usage, input=usage.input + 1_000, output=usage.output + 1_000)
    assert price.cost_usd(more) >= cost_usd


def test_an_estimate_is_without_a_cache():
    assert Price(input=2.0, output=10.0, cache_read=9.0).estimate_usd(500_000, 100_000) == 2.0


def test_a_switch_pays_for_the_whole_context_and_for_the_way_back():
    old = Price(input=4.0, output=20.0, cache_read=0.2, cache_write=5.0)
    new = Price(input=0.1, output=0.5)
    assert switch_saves_usd(0, 1_000_000, old, new) == 19.5
    # 0.2 saved on reading, 0.1 paid for the context there, 4.8 for writing it anew
    assert switch_saves_usd(1_000_000, 0, old, new) == pytest.approx(0.2 - 0.1 - 4.8)
    assert switch_saves_usd(1_000, 1_000, old, old) < 0


# Rows.


@pytest.mark.parametrize("name", MODELS)
def test_every_shipped_row_can_be_reckoned_with(name):
    model = shipped().find(name)
    assert model.context >= 100_000
    prices = [model.price, *(price for _, price in model.above)]
    for price in prices:
        assert 0 < price.cache_read < price.input < price.output
        assert price.cache_write == 0 or price.cache_write > price.input
        assert price.cache_write_1h == 0 or price.cache_write_1h > price.cache_write
    assert [step for step, _ in model.above] == sorted({step for step, _ in model.above})
    assert all(0 < step < model.context for step, _ in model.above)
    for cheap, dear in itertools.pairwise(prices):
        assert cheap.input < dear.input


def test_the_shipped_table_is_dated():
    assert shipped().date[:2] == "20"
    assert PRICES_FILE.is_file()


@pytest.mark.parametrize(
    ("name", "prompt", "given", "written"),
    [
        ("claude-haiku-5-5", 100_000, 0.1, 0.5),
        ("claude-haiku-5-5", 100_001, 0.5, 2.5),
        ("haiku", 900_000, 0.5, 2.5),
        ("gpt-6.1-sol", 272_000, 2.0, 10.0),
        ("gpt-6.1-sol", 272_001, 4.0, 15.0),
        ("gpt-6-sol", 300_000, 4.0, 15.0),
        ("claude-opus-5-5", 900_000, 4.0, 20.0),
    ],
)
def test_a_long_prompt_has_another_price(name, prompt, given, written):
    price = price_of(name, prompt)
    assert (price.input, price.output) == (given, written)


def test_the_longest_step_that_is_passed_counts():
    steps = ((10, Price(input=2.0)), (20, Price(input=3.0)))
    model = Model(name="m", price=Price(input=1.0), context=None, above=steps)
    assert [model.price_at(n).input for n in (0, 10, 11, 20, 21)] == [1.0, 1.0, 2.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("opus", "claude-opus-5-5"),
        ("sonnet", "claude-sonnet-5-5"),
        ("haiku", "claude-haiku-5-5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("gpt-5.4-2026-03-01", "gpt-5.4"),
        ("claude-sonnet-5-5-latest", "claude-sonnet-5-5"),
        ("gpt-6.1-sol", "gpt-6.1-sol"),
    ],
)
def test_a_model_is_found_by_its_other_names(name, row):
    assert shipped().find(name).name == row


@pytest.mark.parametrize(
    "name", ["", "-latest", "no-such-model", "claude-opus-5-5-2026", "OPUS-20"]
)
def test_what_is_not_in_the_table_is_not_found(name):
    assert shipped().find(name) is None


# What the user says.

NEW = """
date = 2027-01-01
[models.mine]
aliases = ["own"]
input = 1
output = 2.5
context = 5000
above = [{ tokens = 2000, input = 8 }, { tokens = 1000, input = 4 }]
"""


def test_without_a_file_the_shipped_table_holds(tmp_path):
    assert load_prices(tmp_path / "prices.toml") == shipped()


def test_a_file_adds_rows(tmp_path):
    table = table_of(tmp_path, NEW)
    mine = table.find("own")
    assert mine == table.find("mine")
    assert (mine.price, mine.context) == (Price(input=1.0, output=2.5), 5_000)
    assert [mine.price_at(n).input for n in (1_000, 1_001, 2_001)] == [1.0, 4.0, 8.0]
    assert (table.date, table.find("opus")) == ("2027-01-01", shipped().find("opus"))


def test_a_file_replaces_a_row_whole(tmp_path):
    table = table_of(tmp_path, "[models.claude-haiku-5-5]\ninput = 7\n")
    row = table.find("claude-haiku-5-5")
    assert (row.price, row.context, row.above) == (Price(input=7.0), None, ())
    assert table.date == shipped().date


def test_a_row_that_is_replaced_is_replaced_under_all_of_its_names(tmp_path):
    table = table_of(tmp_path, "[models.claude-opus-5-5]\ninput = 7\n")
    assert table.find("opus").price.input == 7.0


NONSENSE = [
    ("input = -1", "input"),
    ("input = nan", "input"),
    ("input = inf", "input"),
    ("input = true", "input"),
    ('input = "4"', "input"),
    ("cache_write_1h = 100001", "cache_write_1h"),
    ("inputs = 4", "inputs"),
    ('context = "long"', "context"),
    ("context = -5", "context"),
    ("context = [1]", "context"),
    ('aliases = "opus"', "aliases"),
    ("aliases = 5", "aliases"),
    ("above = 5", "above"),
    ("above = [5]", "above"),
    ("above = [{ input = 5 }]", "above"),
    ('above = [{ tokens = "many", input = 5 }]', "above"),
    ("above = [{ tokens = 10, input = -5 }]", "above"),
    ("above = [{ tokens = 10, inputs = 5 }]", "above"),
]


@pytest.mark.parametrize(("line", "key"), NONSENSE)
def test_nonsense_is_refused_by_file_and_key(tmp_path, line, key):
    with pytest.raises(SettingsError) as caught:
        table_of(tmp_path, f"[models.mine]\n{line}\n")
    assert str(tmp_path / "prices.toml") in caught.value.message
    assert "mine" in caught.value.message
    assert key in caught.value.message


@pytest.mark.parametrize(
    "text", ["models = 5", "[models]\nmine = 5", "[model.mine]\ninput = 1", "not toml", "[models"]
)
def test_what_is_no_table_is_refused_by_file(tmp_path, text):
    with pytest.raises(SettingsError) as caught:
        table_of(tmp_path, text)
    assert str(tmp_path / "prices.toml") in caught.value.message


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path):
    with pytest.raises(SettingsError, match=tmp_path.name):
        load_prices(tmp_path)
    (tmp_path / "latin").write_bytes(b"# \xff")
    with pytest.raises(SettingsError, match="latin"):
        load_prices(tmp_path / "latin")


def test_settings_change_a_row_for_their_provider():
    row = shipped().of(settings("haiku", usd_input=9.0))
    assert (row.price.input, row.price.output, row.context) == (9.0, 0.5, 1_000_000)
    # a person who names a price means it for every length
    assert row.price_at(900_000).input == 9.0
    assert shipped().find("haiku").price.input == 0.1


def test_settings_can_make_a_model_free():
    row = shipped().of(settings(
        "opus", usd_input=0.0, usd_output=0.0, usd_cache_read=0.0, usd_cache_write=0.0
    ))  # fmt: skip
    usage = Usage(input=10**6, cache_read=10**6, cache_write=10**6, cache_write_1h=10**6, output=1)
    assert row.price.cost_usd(usage) == 0.0


def test_the_model_that_answered_counts_before_the_one_that_was_asked_for():
    table = shipped()
    assert table.of(settings("opus"), "claude-haiku-5-5").name == "claude-haiku-5-5"
    assert table.of(settings("opus"), "unheard-of").name == "claude-opus-5-5"
    assert table.of(settings("opus")).name == "claude-opus-5-5"


def test_a_model_that_nobody_knows_is_free():
    assert PriceTable(date="", models={}).of(settings("x")).price == Price()
