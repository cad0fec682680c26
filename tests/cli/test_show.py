"""What people see: tables."""

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
