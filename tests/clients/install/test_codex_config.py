"""Trust in Codex' config.toml comes and goes, and every other byte stays."""

import tomllib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from atlas_actors.clients.install.codex_config import (
    MARK,
    are_hooks_off,
    project_level,
    renamed,
    settings_of,
    trusted_hash,
    with_hooks,
    with_project,
    without_hooks,
    without_project,
)
from atlas_actors.errors import UsageError

FILE = "/home/me/.codex/hooks.json"
KEY = f"{FILE}:pre_tool_use:0:0"
OTHER = f"{FILE}:session_start:1:0"
OURS = {KEY: "sha256:aa", OTHER: "sha256:bb"}
ODD = """# mine
model="gpt"    # odd
  approval_policy =   'never'
[ features ]
hooks=true

[[hooks.Stop]]
hooks = [ {type="command", command="/bin/true"},
 ]
[hooks.state."/home/me/.codex/hooks.json:stop:0:0"]
trusted_hash = "sha256:users"


[projects."/some/where"]
trust_level = "trusted"
# the last line"""
FILES = {
    "none": None,
    "empty": b"",
    "odd": ODD.encode(),
    "odd with a last line end": f"{ODD}\n".encode(),
    "odd with CRLF": ODD.replace("\n", "\r\n").encode(),
    "odd with a BOM": f"\ufeff{ODD}".encode(),
    "line ends only": b"\n\n\n",
    "an inline array of hooks": b'hooks.Stop = [{hooks=[{type="command",command="x"}]}]\n',
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_our_hooks_become_trusted_and_what_was_there_stays_as_it_was(data):
    trusted = with_hooks(data, OURS)
    settings = settings_of(trusted)
    assert {key: trusted_hash(settings, key) for key in OURS} == OURS
    assert trusted.startswith(data or b"")
    assert (without_hooks(trusted, FILE.__eq__) or b"") == (data or b"")


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_trusting_twice_is_trusting_once(data):
    once = with_hooks(data, OURS)
    assert with_hooks(once, OURS) == once


def test_what_is_ours_and_trusted_no_more_goes():
    both = with_hooks(ODD.encode(), OURS)
    one = {OTHER: "sha256:cc"}
    settings = settings_of(with_hooks(without_hooks(both, FILE.__eq__, keep=one), one))
    assert trusted_hash(settings, KEY) == ""
    assert trusted_hash(settings, OTHER) == "sha256:cc"
    assert trusted_hash(settings, f"{FILE}:stop:0:0") == "sha256:users"


def test_hooks_of_another_file_of_ours_stay_trusted():
    elsewhere = {"/repo/.codex/hooks.json:stop:0:0": "sha256:dd"}
    both = with_hooks(with_hooks(None, elsewhere), OURS)
    settings = settings_of(without_hooks(both, FILE.__eq__))
    assert trusted_hash(settings, "/repo/.codex/hooks.json:stop:0:0") == "sha256:dd"
    assert trusted_hash(settings, KEY) == ""


def test_what_a_person_wrote_behind_ours_stays():
    data = with_hooks(b"a = 1\n", OURS) + b"# behind\n\n[x]\ny = 2 # z\n"
    assert without_hooks(data, FILE.__eq__) == b"a = 1\n# behind\n\n[x]\ny = 2 # z\n"


def test_a_hook_that_its_user_switched_off_in_codex_leaves_nothing():
    data = with_hooks(b"a = 1\n", {KEY: "sha256:aa"}) + b"enabled = false\n"
    assert without_hooks(data, FILE.__eq__) == b"a = 1\n"


def test_trust_that_codex_itself_wrote_is_brought_up_to_date_where_it_stands():
    data = f"[hooks.state.\"{KEY}\"]\r\ntrusted_hash='sha256:old'  # x\r\n[a]\r\n".encode()
    new = with_hooks(data, {KEY: "sha256:new"})
    assert new == f'[hooks.state."{KEY}"]\r\ntrusted_hash = "sha256:new"  # x\r\n[a]\r\n'.encode()


def test_a_hook_known_to_codex_but_not_trusted_is_trusted_where_it_stands():
    data = f'[hooks.state."{KEY}"]\nenabled = true\n'.encode()
    new = with_hooks(data, {KEY: "sha256:new"})
    assert tomllib.loads(new.decode())["hooks"]["state"][KEY] == {
        "enabled": True,
        "trusted_hash": "sha256:new",
    }


@pytest.mark.parametrize(
    "text",
    [
        "hooks = {state = {}}",
        f'[hooks]\nstate."{KEY}".trusted_hash = "x"\n',
        f'hooks = {{state = {{"{KEY}" = {{trusted_hash = "x"}}}}}}',
    ],
)
def test_what_cannot_be_added_to_is_left_alone_and_said(text):
    with pytest.raises(UsageError, match="/hooks"):
        with_hooks(text.encode(), OURS)


def test_a_file_that_is_no_toml_is_named_as_such():
    with pytest.raises(UsageError, match="line 1"):
        with_hooks(b"[features\nhooks = false", OURS)
    with pytest.raises(UsageError, match="UTF-8"):
        with_hooks(b"a = '\xff'", OURS)


def test_our_table_into_which_somebody_wrote_is_left_to_them():
    data = with_hooks(b"", {KEY: "sha256:aa"}) + b"own = 1\n"
    with pytest.raises(UsageError):
        without_hooks(data, FILE.__eq__)


def test_text_that_looks_like_a_table_is_not_taken_for_one():
    data = f'a = """\n[hooks.state."{KEY}"] {MARK}\ntrusted_hash = "x"\n"""\n'.encode()
    assert without_hooks(data, FILE.__eq__) == data


def test_a_project_is_trusted_and_is_not_any_more():
    data = with_project(b"a = 1", "/repo")
    assert project_level(settings_of(data), "/repo") == "trusted"
    assert without_project(data, "/repo") == b"a = 1"


def test_a_project_that_its_user_trusts_stays_so():
    data = b'[projects."/repo"]\ntrust_level = "trusted"\n'
    assert with_project(data, "/repo") == data
    assert without_project(data, "/repo") == data


def test_trust_follows_a_users_hook_to_its_new_place():
    first, second = f"{FILE}:stop:1:0", f"{FILE}:stop:2:0"
    data = (
        f'[hooks.state."{first}"]\ntrusted_hash = "sha256:1" # mine\n'
        f'[hooks.state."{second}"]\ntrusted_hash = "sha256:2"\n'
    ).encode()
    moved = settings_of(renamed(data, {first: f"{FILE}:stop:0:0", second: first}))
    assert trusted_hash(moved, f"{FILE}:stop:0:0") == "sha256:1"
    assert trusted_hash(moved, first) == "sha256:2"
    assert trusted_hash(moved, second) == ""


def test_hooks_may_be_switched_off_as_a_whole():
    assert are_hooks_off(settings_of(b"[features]\nhooks = false\n"))
    assert not are_hooks_off(settings_of(b"[features]\nhooks = true\n"))
    assert not are_hooks_off(settings_of(b"features = 3\n"))


_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
_KEYS = st.from_regex(r"[a-z_]+:[0-9]+:[0-9]+", fullmatch=True).map(f"{FILE}:{{}}".format)
_LINES = st.one_of(
    st.just(""),
    st.just("   "),
    _NAMES.map(lambda name: f"# {name}"),
    st.builds("[t{}]".format, st.uuids()),
    st.builds("k{} = '''\n[x]\n'''  #".format, st.uuids()),
    st.builds('[hooks.state."/h/hooks.json:{}:0:0"]\ntrusted_hash = "a"'.format, st.uuids()),
)


@pytest.mark.slow
@settings(max_examples=50)
@given(
    st.lists(_LINES, max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.dictionaries(_KEYS, _NAMES.filter(bool), max_size=3),
    st.lists(_LINES, max_size=4),
)
@example([], "\n", False, {KEY: "x"}, [])
def test_ours_comes_and_goes_without_a_trace(lines, line_end, ends, hashes, behind):
    text = "\n".join(lines) + ("\n" if ends else "")
    data = text.replace("\n", line_end).encode()
    trusted = with_hooks(data, hashes)
    assert without_hooks(trusted, FILE.__eq__) == data
    rest = ("\n# b\n[b]\n" + "\n".join(behind) + "\n").replace("\n", line_end).encode()
    assert without_hooks(trusted + rest, FILE.__eq__).split() == (data + rest).split()
