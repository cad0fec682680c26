"""What a server says is shown without what it was configured with."""

import pytest

from atlas_actors.mcp.conceal import Concealer
from atlas_actors.redaction import Redactor
from tests.support.mcp_servers import server

SECRET = "Quiet-Horse-77-x9"
TOKEN = "a8f3k2l9q0w7e6r5t4y3"


@pytest.mark.parametrize(
    "more",
    [
        {"env": {"ANYTHING": SECRET}},
        {"transport": "http", "url": "http://h", "headers": {"X": SECRET}},
        {"transport": "http", "url": "http://h", "headers": {"Authorization": f"Bearer {SECRET}"}},
        {"args": ("--api-key", SECRET)},
        {"args": (f"--token={SECRET}",)},
        {"args": ("postgres://u:" + SECRET + "@db/x",)},
        {"transport": "http", "url": f"https://u:{SECRET}@h/mcp"},
        {"transport": "http", "url": f"https://h/mcp?key={SECRET}"},
    ],
)
def test_a_setting_that_may_be_secret_is_not_shown(more):
    said = Concealer(server(**more), Redactor()).text(f"cannot sign in with {SECRET}, sorry")
    assert SECRET not in said
    assert said.endswith(", sorry")


def test_tokens_by_their_look_are_not_shown_either():
    one = server(args=(TOKEN,), url=f"https://h/s/{TOKEN}/mcp")
    assert TOKEN not in Concealer(one, Redactor()).text(f"GET /s/{TOKEN} failed")


def test_what_the_redactor_knows_is_not_shown_though_nobody_configured_it():
    key = "sk-ant-" + "api03-" + "A1b2C3d4" * 11
    assert key not in Concealer(server(), Redactor()).text(f"key {key}")


def test_ordinary_words_stay():
    one = server(args=("-m", "my_server", "--port", "80", "/home/me/server.py"), env={"DEBUG": "1"})
    said = "No module named my_server in /home/me/server.py"
    assert Concealer(one, Redactor()).text(said) == said


def test_a_long_text_of_several_lines_becomes_one_short_line():
    said = Concealer(server(), Redactor()).text("a\n\x1b[31mb\n" + "c " * 1000)
    assert said.startswith("a [31mb c")
    assert said.isprintable()
    assert len(said) == 300


def test_a_setting_that_begins_another_does_not_leave_the_rest_of_it():
    one = server(env={"SHORT": "alpine", "LONG": "alpine-meadow"})
    assert "meadow" not in Concealer(one, Redactor()).text("it said alpine-meadow")
