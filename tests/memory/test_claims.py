"""What a newer memory contradicts, and what it does not: precision before recall."""

import pytest

from atlas_actors.memory.claims import claim_of
from atlas_actors.messages.memory import NewMemory

# kind, older, newer: they cannot both hold.
CONTRADICT = [
    ("learning", "The timeout is 30 s", "The timeout is 60 s"),
    ("learning", "timeout = 30", "the timeout is 45."),
    ("learning", "The API listens on port 8000", "the API listens on port 9000"),
    ("learning", "The default branch is main", "The default branch is trunk"),
    ("learning", "the package manager is uv", "The package manager is poetry"),
    ("learning", "billing is owned by Ana", "Billing is owned by Bo"),
    ("learning", "The owner of billing is Ana", "The owner of billing is Bo"),
    ("learning", "strict mode is enabled", "strict mode is disabled"),
    ("learning", "The Python version is 3.11", "the Python version is 3.12"),
    ("learning", "The config lives in etc/app.toml", "the config lives in conf/app.toml"),
    ("learning", "The retry limit defaults to 3", "The retry limit defaults to 5"),
    ("decision", "We chose Postgres for the job queue", "We chose SQLite for the job queue"),
    ("decision", "Use Flask for the API", "Use FastAPI for the API because it has types"),
    ("preference", "Prefer tabs over spaces", "prefer spaces over tabs"),
    ("rule", "Use uv instead of pip", "Use pip instead of uv"),
    ("rule", "Use uv, not pip", "Use pip, not uv"),
    ("rule", "Always squash commits", "Never squash commits"),
    ("rule", "Run the linter before pushing", "Do not run the linter before pushing"),
]
# kind, one, other: both may hold.
BOTH_HOLD = [
    ("learning", "The parser is fast", "The parser is written in Rust"),
    ("learning", "The API uses Flask", "The API uses Redis"),
    ("learning", "We use pytest for tests", "We use hypothesis for tests"),
    ("learning", "The timeout is 30 s", "The retry timeout is 60 s"),
    ("learning", "The timeout is 30 s", "The timeout is 60 s on CI"),
    ("learning", "The timeout is 30 s", "Is the timeout 60 s?"),
    ("learning", "The timeout is 30 s", "The timeout was 60 s"),
    ("learning", "The timeout is 30 s", "The timeout is about 60 s"),
    ("learning", "The timeout is 30 s", "The timeout should be 60 s"),
    ("learning", "SR-2023-052 is open", "SR-2023-053 is closed"),
    ("learning", "Ana is 30", "Bo is 31"),
    ("learning", "It is 5", "It is 6"),
    ("decision", "We chose Postgres for the job queue", "We chose Redis for the cache"),
    ("decision", "We chose Postgres for the job queue", "We rejected Redis for the job queue"),
    ("preference", "Prefer tabs over spaces", "Prefer vim over emacs"),
    ("preference", "Prefer tabs over spaces in Go", "Prefer spaces over tabs in Python"),
    ("rule", "Always squash commits", "Never squash merge commits"),
    ("rule", "Write short functions", "Write short tests"),
    ("learning", "Always squash commits", "Never squash commits"),
    ("episode", "The timeout is 30 s", "The timeout is 60 s"),
    ("learning", "The port is 8000 or 9000", "The port is 9000 and 9001"),
    ("learning", "The server is in Berlin", "The server is down"),
    ("learning", "The build takes 3 minutes", "The build takes 5 minutes"),
    ("learning", "This is 5", "This is 6"),
    ("learning", "The answer is 42", "The answer is 43"),
    ("learning", "The error code is 404", "The error code is 500"),
    ("learning", "The main reason is cost", "The main reason is speed"),
    ("learning", "The current time is 10:00", "The current time is 11:00"),
    ("learning", "The file is /a/b.py", "The file is /c/d.py"),
    ("learning", "The port is 8000 in dev", "The port is 8001"),
    ("learning", "The module is written in C", "The module is written in Rust"),
    ("learning", "Maria is happy", "Maria is tired"),
]


def claim(kind, text, project=None):
    return claim_of(NewMemory(kind=kind, text=text, project=project))


@pytest.mark.parametrize(("kind", "older", "newer"), CONTRADICT)
def test_two_values_of_what_has_one_contradict(kind, older, newer):
    first, second = claim(kind, older), claim(kind, newer)
    assert first is not None
    assert second is not None
    assert first[0] == second[0]
    assert first[1] != second[1]


@pytest.mark.parametrize(("kind", "one", "other"), BOTH_HOLD)
def test_what_may_both_hold_does_not(kind, one, other):
    first, second = claim(kind, one), claim(kind, other)
    assert first is None or second is None or first[0] != second[0] or first[1] == second[1]


def test_projects_and_kinds_are_apart():
    text = "The timeout is 30 s"
    subjects = {claim("learning", text)[0], claim("learning", text, "/p")[0]}
    assert len(subjects | {claim("decision", text)[0]}) == 3


@pytest.mark.parametrize(
    "text", ["", " ", "is", "= =", "x is " + "9" * 300, "never", "use a over a", "is is is"]
)
def test_no_text_is_too_strange(text):
    assert claim("learning", text) is None
