"""Our hooks go into a settings file and out of it, and nothing else of it changes."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from atlas_actors.clients.install.hook_groups import Wanted, merged, ours, removed
from atlas_actors.clients.install.json_text import read_json
from atlas_actors.errors import UsageError
from tests.clients.install.spelled import EVENTS, settings, spelled

OURS = {"type": "command", "command": "atlas", "timeout": 5}
WANTED = (
    Wanted(event="SessionStart", handler=OURS),
    Wanted(event="PreToolUse", handler=OURS, matcher="Bash|Read"),
    Wanted(event="Stop", handler=OURS),
)


def is_ours(handler):
    return handler.get("command") == "atlas"


def install(data, wanted=WANTED):
    return merged(data, "settings.json", wanted, is_ours)


def uninstall(data):
    return removed(data, "settings.json", is_ours)


def value_of(data):
    return read_json(data, "settings.json").value


def text_of(value):
    return json.dumps(value, indent=2).encode() + b"\n"


def placed(value, wanted=WANTED):
    """What the value with our hooks is, by the rule itself."""
    value = copy.deepcopy(value)
    hooks = value.setdefault("hooks", {})
    for one in wanted:
        hooks.setdefault(one.event, []).append(one.group)
    return value


def has_empty_lists(value):
    hooks = value.get("hooks", {"": [1]})
    return not value or not hooks or any(not groups for groups in hooks.values())


files = settings().flatmap(lambda value: st.tuples(st.just(value), spelled(value)))


@pytest.mark.slow
@examples(max_examples=60)
@given(files)
def test_hooks_of_ours_come_behind_those_of_others_in_any_spelling(file):
    value, data = file
    assert value_of(data) == value
    assert value_of(install(data)) == placed(value)


@pytest.mark.slow
@examples(max_examples=60)
@given(files)
def test_installing_twice_is_installing_once(file):
    once = install(file[1])
    assert install(once) == once


@pytest.mark.slow
@examples(max_examples=60)
@given(files)
def test_taking_ours_out_again_gives_the_bytes_of_before(file):
    value, data = file
    after = uninstall(install(data))
    if has_empty_lists(value):
        hooks = {name: groups for name, groups in value.get("hooks", {}).items() if groups}
        rest = {name: part for name, part in value.items() if name != "hooks"}
        kept = dict(value_of(after))  # it is remembered
        kept_hooks = {name: part for name, part in kept.pop("hooks", {}).items() if part}
        assert (kept, kept_hooks) == (rest, hooks)
    else:
        assert after == data


@pytest.mark.slow
@examples(max_examples=60)
@given(files)
def test_each_member_that_is_not_hooks_keeps_its_bytes(file):
    _, data = file
    before, after = read_json(data, "a"), read_json(installed := install(data), "a")
    old = [data[child.start : child.node.end] for child in before.children if child.key != "hooks"]
    new = [installed[child.start : child.node.end] for child in after.children]
    new = [text for child, text in zip(after.children, new, strict=True) if child.key != "hooks"]
    assert new == old


@pytest.mark.slow
@examples(max_examples=60)
@given(files, st.sampled_from(EVENTS))
def test_hooks_that_are_not_wanted_any_more_go(file, event):
    wanted = tuple(one for one in WANTED if one.event != event)
    changed = install(install(file[1]), wanted)
    left = sorted(found.event for found in ours(changed, "a", is_ours))
    assert left == sorted(one.event for one in wanted)


@pytest.mark.parametrize("data", [None, b"", b"\n", b"{}", b"{}\n", b"\xef\xbb\xbf{}"])
def test_what_is_missing_or_empty_takes_them(data):
    assert value_of(install(data)) == placed({})


@pytest.mark.parametrize("data", [b"{}", b"{}\n", b"\xef\xbb\xbf{}\r\n"])
def test_an_empty_object_is_one_again(data):
    assert uninstall(install(data)) == data


def test_a_file_is_written_in_its_own_style():
    tabbed = b'{\r\n\t"model": "x"\r\n}'
    lines = install(tabbed, WANTED[2:]).split(b"\r\n")
    assert lines[1:5] == [b'\t"model": "x",', b'\t"hooks": {', b'\t\t"Stop": [', b"\t\t\t{"]
    assert install(b'{"a":1}', WANTED[2:]).startswith(b'{"a":1,"hooks":{"Stop":[{"hooks":[{')


def test_an_older_one_is_replaced_where_it_stands():
    old, other = {"command": "atlas", "timeout": 1}, {"command": "lint"}
    groups = [{"hooks": [old]}, {"hooks": [other]}]
    changed = value_of(install(text_of({"hooks": {"Stop": groups}})))
    assert changed["hooks"]["Stop"] == [{"hooks": [OURS]}, {"hooks": [other]}]


def test_one_among_handlers_of_others_keeps_their_group_and_matcher():
    group = {"matcher": "Edit", "hooks": [{"command": "a"}, {"command": "atlas"}, {"command": "b"}]}
    data = text_of({"hooks": {"PreToolUse": [group]}})
    changed = value_of(install(data))["hooks"]["PreToolUse"]
    assert changed == [{**group, "hooks": [{"command": "a"}, OURS, {"command": "b"}]}]
    left = value_of(uninstall(data))["hooks"]["PreToolUse"]
    assert left == [{**group, "hooks": [{"command": "a"}, {"command": "b"}]}]


def test_a_second_one_of_the_same_event_goes():
    data = text_of({"hooks": {"Stop": [{"hooks": [OURS]}, {"hooks": [OURS, OURS]}]}})
    assert value_of(install(data, WANTED[2:]))["hooks"]["Stop"] == [{"hooks": [OURS]}]


def test_a_name_that_stands_twice_is_used_where_the_client_reads_it():
    first = b'"hooks": {"Stop": [{"hooks": [{"command": "hidden"}]}]}'
    data = b"{" + first + b', "hooks": {"Stop": [{"hooks": [{"command": "read"}]}]}}'
    changed = install(data, WANTED[2:])
    commands = [group["hooks"][0]["command"] for group in value_of(changed)["hooks"]["Stop"]]
    assert commands == ["read", "atlas"]
    assert first in changed
    assert uninstall(changed) == data


def test_one_that_a_later_name_hides_is_moved_to_where_it_is_read():
    hidden = b'"hooks": {"Stop": [{"hooks": [{"command": "atlas"}]}]}'
    changed = install(b"{" + hidden + b', "hooks": {"Stop": []}}', WANTED[2:])
    assert value_of(changed)["hooks"]["Stop"] == [{"hooks": [OURS]}]
    assert changed.count(b"atlas") == 1


def test_a_comment_behind_the_last_member_stays_its_own():
    data = b'{\n  "model": "x" // the cheap one\n}\n'
    changed = install(data)
    assert b'"model": "x", // the cheap one\n  "hooks": {' in changed
    assert uninstall(changed) == data


@pytest.mark.parametrize(
    ("data", "line", "why"),
    [
        (b'{"a": }', 1, "a value should be here"),
        (b'{\n "a": 1\n "b": 2}', 3, "a comma or } should be here"),
        (b"{'a': 1}", 1, "a name in double quotes"),
        (b'{"a": 1} x', 1, "nothing may follow"),
        (b'{"a": 1', 1, "a comma or } should be here"),
        (b'{"a": 1,, "b": 2}', 1, "a name in double quotes"),
        (b'{"a" 1}', 1, "a colon"),
        (b'{"a": 01}', 1, "a comma or }"),
        (b'{"a": NaN}', 1, "a value"),
        (b'{"a": "x\ty"}', 1, "a value"),
        (b'\n{"a": "\xff"}', 2, "not UTF-8"),
        (b"{1: 2}", 1, "a name in double quotes"),
        (b"{,}", 1, "a name in double quotes"),
        (b'{"a": ' + b"[" * 300, 1, "nested more than"),
        (b'{"a": 1 /* no end }', 1, "a comma or }"),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(data, line, why):
    with pytest.raises(UsageError, match=rf"settings\.json, line {line}: .*{why}"):
        install(data)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"[]", "no JSON object"),
        (b"7", "no JSON object"),
        (b'{"hooks": []}', "hooks is not an object"),
        (b'{"hooks": null}', "hooks is not an object"),
        (b'{"hooks": {"Stop": {}}}', r"hooks\.Stop is not a list"),
    ],
)
def test_what_has_another_shape_is_refused(data, what):
    with pytest.raises(UsageError, match=what):
        install(data, WANTED[2:])


def test_strange_things_among_the_hooks_of_others_are_passed_over():
    odd = {"hooks": {"Stop": ["x", 7, {"hooks": "y"}, {"hooks": [3, None]}, {}], "Else": "z"}}
    changed = value_of(install(text_of(odd), WANTED[2:]))
    assert changed["hooks"]["Stop"] == [*odd["hooks"]["Stop"], {"hooks": [OURS]}]


def test_a_comment_before_one_that_goes_does_not_swallow_what_follows():
    data = b'{"hooks": {"Stop": [{"hooks": [{"command": "a"}, // theirs\n{"command": "atlas"}]}]}}'
    left = uninstall(data)
    assert value_of(left) == {"hooks": {"Stop": [{"hooks": [{"command": "a"}]}]}}
    assert b"// theirs\n" in left
