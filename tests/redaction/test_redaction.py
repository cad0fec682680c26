"""The redactor: marks, values, what is private, its key."""

import json
import random
import stat
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.errors import UsageError
from atlas_actors.redaction import DEPTH_MAX, KEY_BYTES, TAGS, Redactor, load_key
from atlas_actors.secret_search import may_hold
from tests.support.fake_secrets import AROUND, PLACES, TOKENS, generic

REDACTOR = Redactor(b"k" * 32)
SECRET = TOKENS["github-classic"](random.Random(1))
PIECES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "password", "token", "=", ": ", " ", "\n", '"', "'", "\\", "`", "[secret:", "]",
            "<private>", "</private>", "[private]", "\u200b", "\\u0041", "api_key", "://u:", "@h",
            "Bearer ",            "name: ", "value: ",
            "[secret:token:12345678]", "hunter2",
            "-----BEGIN PRI" "VATE KEY-----", "&", ";", "is ",
            SECRET, SECRET[:9], "cookie: ", "--token ", "\ud800", "\0", "%s", "$",
        ]
    ),
)  # fmt: skip


@given(st.lists(PIECES, max_size=14).map("".join))
def test_twice_is_as_once(text):
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


@given(st.lists(PIECES, max_size=14).map("".join))
def test_a_secret_does_not_survive_whatever_stands_around_it(text):
    assert SECRET not in REDACTOR.text(f"{text}\n{SECRET}\n{text}")


@given(st.lists(PIECES, max_size=6).map("".join))
def test_the_quick_look_misses_nothing(text):
    data = text.encode("utf-8", "surrogatepass")
    if not may_hold(data, *TAGS):
        assert not REDACTOR.found(text)


@pytest.mark.parametrize("word", ["session", "api_key", "password", "project", "at_ms"])
def test_a_single_word_is_known_to_hold_nothing_at_a_glance(word):
    assert not may_hold(word.encode())


@given(st.text())
def test_a_text_without_secrets_comes_back_as_it_was(text):
    if not REDACTOR.found(text):
        assert REDACTOR.text(text) == text


@pytest.mark.parametrize("place", AROUND)
def test_every_place_is_idempotent(place):
    once = REDACTOR.text(place.format(SECRET))
    assert REDACTOR.text(once) == once


@pytest.mark.parametrize("after", ["!", ",password=hunter2", ".", "rest9word", "&x=1"])
def test_a_mark_is_no_secret_and_hides_none_behind_it(after):
    once = REDACTOR.text(f"see {SECRET}{after}")
    assert once.startswith("see [secret:github:")
    assert "hunter2" not in once
    assert "[secret:[" not in once
    assert REDACTOR.text(once) == once


def test_the_same_secret_has_the_same_mark_in_one_home_and_another_elsewhere():
    first, again = REDACTOR.text(f"a {SECRET}"), REDACTOR.text(f"b: {SECRET}!")
    assert again == first.replace("a ", "b: ") + "!"
    assert first != Redactor(b"j" * 32).text(f"a {SECRET}")
    assert first.startswith("a [secret:github:")


def test_a_mark_is_valid_inside_json():
    document = json.dumps({"a": {"password": "hunter2", "b": [SECRET]}})
    redacted = json.loads(REDACTOR.text(document))
    assert redacted["a"]["password"].startswith("[secret:password:")
    assert redacted["a"]["b"][0].startswith("[secret:github:")


def test_values_are_redacted_to_the_last_member_and_its_name():
    value = {
        "tags": [SECRET, "plain"],
        f"x {SECRET}": 1,
        "deep": {"password": "opensesame", "count": 3, "on": True, "nothing": None},
        "env": [{"name": "DB_PASSWORD", "value": "opensesame"}],
        "pair": ("a", SECRET),
    }
    redacted = REDACTOR.value(value)
    assert SECRET not in str(redacted)
    assert "opensesame" not in str(redacted)
    assert redacted["tags"][1] == "plain"
    assert {key: redacted["deep"][key] for key in ("count", "on", "nothing")} == {
        "count": 3, "on": True, "nothing": None,
    }  # fmt: skip
    assert isinstance(redacted["pair"], tuple)
    assert REDACTOR.value(redacted) == redacted


def test_a_value_that_is_nested_too_deeply_is_refused():
    value = "x"
    for _ in range(DEPTH_MAX + 1):
        value = [value]
    with pytest.raises(UsageError, match="nested deeper"):
        REDACTOR.value(value)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a <private>b</private> c", "a [private] c"),
        ("a <PRIVATE reason='x'>b</Private >c", "a [private]c"),
        ("a <private>b <private>c</private> d</private> e", "a [private] e"),
        ("a <private>b and no end", "a [private]"),
        (" <private>b</private>\n", ""),
        ("<private></private>", ""),
        ("<pri\u200bvate>b</private> c", "[private] c"),
        ("\\u003cprivate\\u003eb\\u003c/private\\u003e c", "[private] c"),
        ("no tag: private, <privateer>", "no tag: private, <privateer>"),
        ("a </private> b", "a </private> b"),
    ],
)
def test_what_is_private_is_gone(text, left):
    assert REDACTOR.text(text) == left


def test_what_is_private_is_gone_also_when_secrets_are_kept():
    kept = Redactor(enabled=False)
    assert kept.text(f"a <private>b</private> {SECRET}") == f"a [private] {SECRET}"
    assert kept.value({"password": "opensesame"}) == {"password": "opensesame"}


def test_half_a_surrogate_pair_and_zero_bytes_are_no_obstacle():
    assert REDACTOR.text(f"\ud800 {SECRET} \0") == f"\ud800 {REDACTOR.text(SECRET)} \0"


def test_what_is_found_is_told_by_its_kind():
    assert REDACTOR.found(f"{SECRET} and password=hunter2 <private>x</private>") == [
        "private", "github", "password",
    ]  # fmt: skip
    assert REDACTOR.found("plain") == []


def test_a_key_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "redaction.key"
    key = load_key(path)
    assert (len(key), load_key(path)) == (KEY_BYTES, key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("bad", [b"", b"short", b"x" * (KEY_BYTES + 1)])
def test_what_is_no_key_is_replaced(tmp_path, bad):
    path = tmp_path / "redaction.key"
    path.write_bytes(bad)
    key = load_key(path)
    assert (len(key), path.read_bytes()) == (KEY_BYTES, key)


def test_a_link_is_no_key_and_what_it_leads_to_is_not_touched(tmp_path):
    (tmp_path / "other").write_bytes(b"y" * KEY_BYTES)
    path = tmp_path / "redaction.key"
    path.symlink_to(tmp_path / "other")
    assert load_key(path) != b"y" * KEY_BYTES
    assert (tmp_path / "other").read_bytes() == b"y" * KEY_BYTES


def test_a_home_that_takes_no_key_has_one_for_this_run(tmp_path):
    assert len(load_key(tmp_path / "missing" / "redaction.key")) == KEY_BYTES


def test_many_threads_may_use_it_at_once():
    random_ = random.Random(3)
    lines = [place.format(generic(random_)) for _, place in PLACES]
    alone = [REDACTOR.text(line) for line in lines]
    found = []

    def work():
        found.append([REDACTOR.text(line) for line in lines])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 4


def test_basic_credentials_are_found_though_their_base64_is_of_letters_alone():
    value = "dXNlcjpVOTdoNHVOZzRLdmpWcVFUQUdKOEZaNUY="
    assert value not in REDACTOR.text(f"Authorization: Basic {value}")
    assert value not in REDACTOR.text(f'{{"authorization": "Basic {value}"}}')
