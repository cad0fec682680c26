"""Where a provider's key comes from, and where it never goes."""

import sys
import tracemalloc

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.errors import Unavailable
from atlas_actors.executor import keys
from atlas_actors.executor.keys import HIDDEN, hide, key_of
from tests.support.clients import Life, settings
from tests.support.trees import WAIT_S


def found(environment=None, **said):
    async def find():
        with anyio.fail_after(WAIT_S):
            return await key_of(settings(**said), environment or {})

    return anyio.run(find)


def command(body):
    return (sys.executable, "-ISc", body)


def refused(environment=None, **said):
    with pytest.raises(Unavailable) as caught:
        found(environment, **said)
    return caught.value


def test_where_none_is_named_there_is_none():
    assert found({"KEY": "k"}) == ""


def test_a_key_is_taken_from_its_variable():
    assert found({"MY_KEY": " sk-1\n", "OTHER": "x"}, key_env="MY_KEY") == "sk-1"


@pytest.mark.parametrize("environment", [{}, {"MY_KEY": ""}, {"MY_KEY": " \n"}])
def test_a_variable_that_is_not_set_is_named_with_a_cure(environment):
    error = refused(environment, key_env="MY_KEY")
    assert "MY_KEY is not set" in error.message
    assert "[providers.x]" in error.cure


@pytest.mark.parametrize(
    "value", ["two\nlines", "a\tb", "Schlüssel", "k\x00", "sk-\u200b1", "k" * 10_001, "a\r\nX-Y: z"]
)
def test_what_cannot_be_in_a_header_is_no_key_and_is_not_quoted(value):
    error = refused({"MY_KEY": value}, key_env="MY_KEY")
    assert "is no key" in error.message
    assert value not in str(error)


def test_a_key_is_what_its_command_prints():
    body = "import sys; print(sys.argv[1:])"
    arguments = ("$HOME", "; echo x", "*")  # as they are: no shell
    assert found(key_command=(*command(body), *arguments)) == str(list(arguments))


def test_a_command_comes_before_a_variable():
    said = {"key_env": "MY_KEY", "key_command": command("print('of the command')")}
    assert found({"MY_KEY": "of the variable"}, **said) == "of the command"


def test_a_command_has_nothing_to_read():
    assert found(key_command=command("import sys; print(repr(sys.stdin.read()))")) == "''"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("import sys; print('the-key'); sys.exit(3)", "ended with 3"),
        ("import os; print('the-key', flush=True); os.kill(os.getpid(), 9)", "ended with -9"),
        ("", "printed nothing"),
        ("print('  ')", "printed nothing"),
        ("print('the-key'); print('and more')", "is no key"),
        ("print('the-key' * 5_000)", "is no key"),
        ("import sys; sys.stdout.buffer.write(b'the-key\\xff')", "is no key"),
        ("import sys; sys.stderr.write('the-key')", "printed nothing"),
    ],
)
def test_a_command_without_a_key_is_a_fault_that_does_not_quote_it(body, says):
    error = refused(key_command=command(body))
    assert says in error.message
    assert "the-key" not in str(error)


def test_a_command_that_is_missing_is_named(tmp_path):
    error = refused(key_command=(str(tmp_path / "gone"),))
    assert "No such file" in error.message
    assert "key_command" in error.cure
    (tmp_path / "closed").write_text("")
    assert "ermission" in refused(key_command=(str(tmp_path / "closed"),)).message


def test_what_a_command_complains_of_is_shown_nowhere(capfd):
    found(key_command=command("import sys; sys.stderr.write('the-key'); print('k')"))
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def life(tmp_path):
    made = Life(tmp_path)
    yield made
    made.close()


ALIVE = "import os, signal; os.write(os.open({path!r}, os.O_WRONLY), b'x'); "


@pytest.mark.slow
@pytest.mark.parametrize("then", ["signal.pause()", "os.fork(); signal.alarm(60); signal.pause()"])
def test_a_slow_command_is_ended_with_its_children(then, life, monkeypatch):
    monkeypatch.setattr(keys, "COMMAND_S", 0.4)
    refused(key_command=command(ALIVE.format(path=life.path) + then))
    assert life.is_over()


@pytest.mark.slow
def test_a_command_that_prints_without_end_is_not_kept_in_memory(monkeypatch):
    monkeypatch.setattr(keys, "COMMAND_S", 5.0)
    body = "import os\nfor _ in range(250): os.write(1, b'x' * 65_536)"  # 16 MB
    error, kept = traced(lambda: refused(key_command=command(body)))
    assert "is no key" in error.message
    assert kept < 4_000_000


def traced(act):
    """What `act` returns, and the most memory that it held."""
    tracemalloc.start()
    try:
        return act(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@given(st.text(), st.text(), st.text("ab1-_", min_size=8))
def test_a_hidden_key_is_gone(before, after, key):
    assert key not in hide(before + key + after + key, key)


def test_a_slow_command_says_so(monkeypatch):
    monkeypatch.setattr(keys, "COMMAND_S", 0.05)
    error = refused(key_command=command("import signal; signal.pause()"))
    assert "did not end in 0.05 s" in error.message
    assert "key_command" in error.cure


@pytest.mark.parametrize(
    ("text", "key", "hidden"),
    [
        ("Bearer sk-12345 is wrong", "sk-12345", f"Bearer {HIDDEN} is wrong"),
        ("nothing here", "sk-12345", "nothing here"),
        ("", "sk-12345", ""),
        ("as it is", "", "as it is"),
        ("a k is a letter", "k", "a k is a letter"),  # too short to be one
    ],
)
def test_what_is_hidden(text, key, hidden):
    assert hide(text, key) == hidden


def test_a_short_key_does_not_tear_what_is_still_to_be_read():
    body = b'{"created": 1761234000, "text": "1234"}'
    long = "sk-0123456789-abcdef"
    assert keys.hide_bytes(body, "1234") == body
    assert long.encode() not in keys.hide_bytes(b"x " + long.encode(), long)
