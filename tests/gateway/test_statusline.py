"""The status line: one short line of what is known, whatever names hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from atlas_actors.gateway.statusline import LINE_CHARACTERS, Shown, line


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (Shown(), "atlas"),
        (
            Shown(
                tier="cheap", intent="docs", model="Opus", used_percent=41.4,
                window_tokens=1_000_000, session_usd=0.12, today_usd=0.3, budget_usd=5.0,
                degraded=("memory parked",),
            ),
            "atlas cheap (docs) · Opus 41 % of 1M · $0.12 here · Atlas $0.30 of $5.00"
            " · memory parked",
        ),
        (Shown(model="m", used_percent=0, window_tokens=200_000), "atlas · m 0 % of 200k"),
        (Shown(today_usd=0.0), "atlas · Atlas $0.00"),
        (Shown(degraded="abc"), "atlas · a · b · c"),
        (Shown(degraded="abcd"), "atlas · a · b · c · 1 more"),
    ],
)  # fmt: skip
def test_the_line_shows_what_is_known(shown, expected):
    assert line(shown) == expected


@given(some.text(max_size=300), some.text(max_size=300), some.lists(some.text(max_size=300)))
def test_the_line_is_one_short_line_without_control_characters(tier, model, degraded):
    said = line(Shown(tier=tier, intent=model, model=model, degraded=degraded))
    assert len(said) <= LINE_CHARACTERS
    assert said.isprintable()
