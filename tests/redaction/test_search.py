"""Secrets are found by their form and by their place; what only looks like one is left alone."""

import random
import time

import pytest

from atlas_actors.redaction import Redactor
from tests.benchmarks.redaction import TRICKY
from tests.support.fake_secrets import AROUND, PLACES, TOKENS, generic, password

REDACTOR = Redactor(b"k" * 32)
DASHES = "-" * 5
BEGIN = f"{DASHES}BEGIN OPENSSH PRI" + f"VATE KEY{DASHES}"


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_is_found_by_its_form_wherever_it_stands(kind):
    random_ = random.Random(kind)
    for place in AROUND:
        secret = TOKENS[kind](random_)
        line = place.format(secret)
        redacted = REDACTOR.text(line)
        assert secret not in redacted, line
        assert "[secret:" in redacted


@pytest.mark.parametrize(("kind", "place"), PLACES)
def test_a_value_without_a_form_of_its_own_is_found_by_its_place(kind, place):
    for seed in range(20):
        make = password if kind == "password" else generic
        # in an address, other signs have to be written as percent codes
        secret = make(random.Random(seed)).replace("@", "a").replace("#", "b").replace("/", "c")
        redacted = REDACTOR.text(place.format(secret))
        assert secret not in redacted, place.format(secret)
        assert "[secret:" in redacted


@pytest.mark.parametrize("line", TRICKY)
def test_what_only_looks_like_a_secret_is_left_alone(line):
    assert REDACTOR.text(line) == line


@pytest.mark.parametrize(
    "line",
    [
        "password: correcthorse",
        'password = "correct horse battery staple"',
        "password -> hunter2",
        "password:\n  hunter2",
        "the password for the database is `hunter2`",
        'password = """hunter2"""',
        'os.environ["PASSWORD"] = "hunter2"',
        "setenv PASSWORD hunter2",
        "user=bob pass=hunter2",
        "Passwort: hunter2",
        "AWS_SECRET_ACCESS_KEY=" + "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYhunter2hunt",
        "X-Api-Key: " + "/qFubG9p0JQ+kmfXAQ7m6" + "HN7GxmXrUhH9tizoLhunter2",
    ],
)
def test_ways_that_people_write_a_password_are_known(line):
    redacted = REDACTOR.text(line)
    assert redacted.count("[secret:") == 1
    assert not {"hunter2", "correcthorse", "correct horse"} & {
        word for word in ("hunter2", "correcthorse", "correct horse") if word in redacted
    }


@pytest.mark.parametrize(
    "line", ["PASS: test_parse_2", "pass: 12, fail: 3", "--- PASS: TestApp2 (0.00s)"]
)
def test_a_report_of_tests_is_no_password(line):
    assert REDACTOR.text(line) == line


def test_a_private_key_without_its_end_is_found_with_what_there_is_of_it():
    body = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ"
    assert REDACTOR.text(f"{BEGIN}\n{body}\n{body}\n\nthen prose goes on").endswith(
        "]\n\nthen prose goes on"
    )
    assert body[:20] not in REDACTOR.text(f'{{"key": "{BEGIN}\\n{body}\\n{body}')
    assert body[:19] not in REDACTOR.text(f"{BEGIN}\n{body[:19]}")


def test_a_private_key_in_numbered_lines_is_found():
    body = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ"
    shown = REDACTOR.text(f"  1→{BEGIN}\n  2→{body}\n  3→{body}\n")
    assert body not in shown


@pytest.mark.parametrize(
    "hidden", ["\u200b", "\u200d", "\u2060", "\ufeff", "\u202e", "\0", "\u00ad"]
)
@pytest.mark.parametrize("kind", ["anthropic", "github-classic", "google"])
def test_signs_that_nobody_sees_do_not_hide_a_secret(kind, hidden):
    secret = TOKENS[kind](random.Random(1))
    line = f"use {secret[:2]}{hidden}{secret[2:9]}{hidden}{secret[9:]} now"
    redacted = REDACTOR.text(line)
    assert redacted == f"use {REDACTOR.text(secret)} now"


def test_escapes_of_json_do_not_hide_a_secret():
    secret = TOKENS["anthropic"](random.Random(2))
    escaped = "".join(f"\\u{ord(sign):04x}" for sign in secret[:10]) + secret[10:]
    assert REDACTOR.text(f'{{"a": "{escaped}"}}') == f'{{"a": "{REDACTOR.text(secret)}"}}'


HARD = {
    "names": "token=",
    "quotes": "password='",
    "begins": f"{BEGIN}",
    "private": "<private>",
    "escapes": "\\u0041",
    "secrets": "password='hunter77' ",
    "addresses": "a://b:",
    "noise": "\u200b",
    "pairs": "name: token, value: ",
    "marks": "[secret:password:12345678]",
}


@pytest.mark.slow
@pytest.mark.parametrize("part", HARD.values(), ids=HARD)
def test_time_grows_with_length_and_no_faster(part):
    def took_s(characters):
        text = part * (characters // len(part))
        began_s = time.process_time()
        REDACTOR.text(text)
        return time.process_time() - began_s

    took_s(1_000)
    small = min(took_s(10_000) for _ in range(3)) + 0.001
    # 8 times the text: a quadratic search would take 64 times as long
    assert min(took_s(80_000) for _ in range(3)) < small * 30
