"""What is secret in the parameters of outcomes and strategies does not come in."""

import random

import anyio
import pytest

from atlas_actors.gateway.privacy import redacted
from atlas_actors.gateway.rpc import Call
from atlas_actors.redaction import Redactor
from tests.support.fake_secrets import TOKENS

SECRET = next(iter(TOKENS.values()))(random.Random(1))
RECORD = {"action": "a", "kind": "hook", "result": "success"}
AMEND = {"id": "i", "result": "failure", "reason": "r"}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("outcome.record", {**RECORD, "action": f"ran {SECRET}"}),
        ("outcome.record", {**RECORD, "context": {"files": [f"/tmp/{SECRET}"]}}),
        ("outcome.record", {**RECORD, "context": {"check": SECRET, "path": SECRET}}),
        ("outcome.record", {**RECORD, "context": {f"key {SECRET}": [{"deep": [SECRET]}]}}),
        ("outcome.amend", {**AMEND, "reason": f"it printed {SECRET}"}),
        ("strategy.retire", {"id": "abcd", "reason": f"it printed {SECRET}"}),
    ],
)
def test_a_secret_is_not_kept_wherever_it_stands(method, params):
    assert SECRET in str(params)
    call = Call(id=1, method=method, params=params, wants_answer=True)
    assert SECRET not in str(anyio.run(redacted, Redactor(), call))
