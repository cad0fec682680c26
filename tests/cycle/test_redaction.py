"""What a detector has read is proposed without its secrets; a command with one is refused."""

import random

import pytest

from atlas_actors.cycle.checks import proposal_of
from atlas_actors.cycle.detectors import _redacted
from atlas_actors.errors import UsageError
from atlas_actors.redaction import Redactor
from atlas_actors.settings import CheckSettings
from tests.support.fake_secrets import TOKENS

SECRET = TOKENS["gitlab"](random.Random(5))
REDACTOR = Redactor(b"k" * 32)


def failed(*command):
    check = CheckSettings(name="c", command=command)
    return proposal_of(check, "/tmp", 1, f"error: token {SECRET} was refused")


def test_output_of_a_check_is_proposed_without_its_secrets():
    clean = _redacted(REDACTOR, failed("pytest", "-q"))
    assert SECRET not in f"{clean.prompt} {clean.evidence}"
    assert "[secret:gitlab:" in clean.prompt
    assert clean.check == ("pytest", "-q")
    assert clean.fingerprint == failed("pytest", "-q").fingerprint


def test_a_command_with_a_secret_is_refused_and_says_what_to_do():
    with pytest.raises(UsageError, match="environment variable"):
        _redacted(REDACTOR, failed("curl", "--header", f"PRIVATE-TOKEN: {SECRET}"))
