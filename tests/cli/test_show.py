"""What people see: tables."""

import pytest

from atlas_actors.cli import show


def test_a_table_that_cuts_keeps_all_but_its_last_column_whole(monkeypatch, capsys):
    monkeypatch.setattr(show, "WIDTH", 110)
    row = ("x" * 36, "consumed", "task " + "y" * 36, "a long goal " * 20)
    show.table(("id", "state", "from", "goal"), [row, row], "none", cut=True)
    _, *lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("  ".join(row[:3]))
        assert line.rstrip().endswith("…")


def test_a_table_leaves_out_what_it_may_before_its_last_column_cannot_be_read(monkeypatch, capsys):
    monkeypatch.setattr(show, "WIDTH", 80)
    row = ("x" * 36, "proposed", "2026-11-23 03:21:46", "Find out why the provider is slow")
    columns = ("id", "state", "made", "proposal")
    show.table(columns, [row], "none", cut=True, drop=("made", "state"))
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["id", "state", "proposal"]
    assert "Find out why the provider is" in line


def test_a_table_that_has_room_leaves_nothing_out(capsys):
    show.table(("a", "b"), [("1", "2")], "none", drop=("a", "b"))
    assert capsys.readouterr().out.split() == ["a", "b", "1", "2"]


def test_a_long_time_is_told_in_days():
    hour_ms = 3_600_000
    assert [show.duration(hours * hour_ms) for hours in (47, 48, 100)] == [
        "47 h 0 min", "2 days", "4 days"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("route", "lines"),
    [
        ({}, []),
        ({"strategy": None, "strategy_why": ""}, []),
        ({"strategy": None, "strategy_why": "it is parked"}, ["none: it is parked"]),
        ({"strategy": {"id": "s-1"}, "strategy_why": "worth 0.85"}, ["s-1: worth 0.85"]),
        ({"strategy": {"id": "s-1"}}, ["s-1"]),
    ],
)
def test_a_routes_strategy_is_told_with_why(route, lines):
    assert show.strategy(route) == lines
