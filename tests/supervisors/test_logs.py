"""The log: a line is redacted as a whole, what an error quotes included."""

import random

import pytest
from loguru import logger

from atlas_actors.config import Home
from atlas_actors.redaction import Redactor
from supervisors.logs import set_up_logging
from tests.support.fake_secrets import TOKENS

SECRET = TOKENS["anthropic"](random.Random(4))


@pytest.fixture
def log(tmp_path, capsys):
    def written():
        logger.complete()
        return capsys.readouterr().err + (tmp_path / "log" / "atlas.log").read_text()

    yield written
    logger.remove()


def fail():
    raise ValueError(f"not JSON: {{'password': 'opensesame1', <b>{SECRET}")


@pytest.mark.parametrize("enabled", [True, False])
def test_a_secret_in_a_field_or_in_a_traceback_is_in_no_line_unless_it_is_off(
    tmp_path, log, enabled
):
    set_up_logging(Home(root=tmp_path), "INFO", 2, 10_000, Redactor(b"k" * 32, enabled=enabled))
    logger.info("it.happened", why=f"{{of}} <red>{SECRET}")
    try:
        fail()
    except ValueError:
        logger.exception("it.failed")
    shown = log()
    assert (SECRET in shown, "opensesame1" in shown) == (not enabled, not enabled)
    assert shown.count("it.happened why={of} <red>") == 2
    assert shown.count("in fail") == 2
    assert shown.count("ValueError: not JSON") == 2
