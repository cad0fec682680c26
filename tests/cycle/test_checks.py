"""A failing check as proposed work: when it fails in the same way, and what is asked for."""

import pytest

from atlas_actors.cycle.checks import OUTPUT_BYTES_MAX, fingerprint, output_of, proposal_of
from atlas_actors.proposals.decide import checked
from atlas_actors.settings import CheckSettings

CHECK = CheckSettings(name="tests", command=("pytest", "-q", "two words"))
FAILED = """\
FAILED tests/test_pager.py::test_last_page - assert 9 == 10
1 failed, 20 passed in 0.53s (2026-11-22 20:14:03)
object at 0x7f3a2c1b in /tmp/tmpab12cd34/x"""


@pytest.mark.parametrize(
    ("change", "to"),
    [
        ("0.53s", "12.7s"),
        ("20:14:03", "08:00:59"),
        ("0x7f3a2c1b", "0x7f00ffee"),
        ("tmpab12cd34", "tmpzz98yx76"),
        ("20 passed", "21 passed"),
        ("\n", "\n\n"),
    ],
)
def test_what_is_new_each_time_does_not_count(change, to):
    assert fingerprint("tests", FAILED) == fingerprint("tests", FAILED.replace(change, to))


def test_the_order_of_lines_does_not_count():
    lines = FAILED.splitlines()
    assert fingerprint("tests", FAILED) == fingerprint("tests", "\n".join(reversed(lines)))


@pytest.mark.parametrize(
    ("name", "output"),
    [("lint", FAILED), ("tests", FAILED.replace("last_page", "first_page")), ("tests", "")],
)
def test_another_check_or_another_failure_is_another(name, output):
    assert fingerprint(name, output) != fingerprint("tests", FAILED)


def test_colours_and_a_line_that_was_cut_are_left_out():
    assert output_of(b"\x1b[31mred\x1b[0m") == "red"
    assert output_of(b"x" * (OUTPUT_BYTES_MAX - 4) + b"\nend") == "end"


def test_in_a_directory_the_command_itself_proves_the_work():
    asked = proposal_of(CHECK, "/p", 1, FAILED)
    assert (asked.check, asked.cwd, asked.subject) == (CHECK.command, "/p", "check:tests")
    assert proposal_of(CHECK, None, 1, FAILED).check is None


def test_the_prompt_holds_command_and_output_as_data_and_the_persons_own_words():
    asked = proposal_of(CHECK, "/p", 2, FAILED)
    assert "pytest -q 'two words'" in asked.prompt
    assert "assert 9 == 10" in asked.prompt
    assert "exited 2" in asked.prompt
    own = CheckSettings(name="tests", command=("x",), prompt="Mend it my way")
    assert proposal_of(own, "/p", 1, FAILED).prompt.startswith("Mend it my way\n")


def test_evidence_and_prompt_are_bounded():
    asked = proposal_of(CHECK, "/p", 1, "y" * OUTPUT_BYTES_MAX)
    assert len(asked.prompt) < 10_000
    assert len(str(asked.evidence)) < 5_000


@pytest.mark.parametrize("letter", ["字", "🚀", "\x01"])
def test_whatever_a_check_is_and_says_its_failure_can_be_proposed(letter):
    check = CheckSettings(name="long", command=("sh", "-c", letter * 30_000))
    proposal = checked(proposal_of(check, None, 1, letter * 30_000))
    assert proposal.evidence["command"].startswith("sh -c ")
    assert proposal.evidence["output"] == letter * 2_000
