"""A room of strategies that is killed in mid-stream: no choice changes, no trial is lost or counts
twice."""

import json
import random
import subprocess
import sys
from collections import Counter

import pytest

from tests.support.daemons import ROOT
from tests.support.ledger import Ledger
from tests.support.strategists import replayed, room_on

KILLS = 5
# Asks, writes each answer to the feed once it has it, and reads the feed after its own cursor. The
# feed outlives it, as outcomes.db does.
LIFE = """
import sys
from pathlib import Path
from loguru import logger
from atlas_actors.messages.strategy import Strategy, StrategyChosen, Genome
from atlas_actors.strategies import journal, records
from tests.support.ledger import Ledger
from tests.support.ledger_room import handle
from tests.support.strategists import asking, batch, ended, room_on

logger.remove()
journal.SNAPSHOT_EVERY = 40
folder, first = Path(sys.argv[1]), int(sys.argv[2])
feed = Ledger(folder / "feed")
room = room_on(folder)
room.start()
if room.actor.store.connection.in_transaction:
    room.actor.store.commit()


def told(seq, words):
    choice, strategy, task, passed = words
    chosen = StrategyChosen(
        request_id="", choice=int(choice),
        strategy=Strategy(id=strategy, intent="bug_fix", genome=Genome(providers=("localai",))),
    )
    return ended(seq, chosen, task, passed == "1")


for number in range(first, first + 100_000):
    (reply,) = handle(room, [asking(number)])
    chosen = reply.value
    passed = str(int(number % 3 > 0))
    feed.write(str(chosen.choice), chosen.strategy.id, f"t{number}", passed)
    if number % 3 == 0:
        after = records.cursor(room.actor.store)
        lines = list(enumerate(feed.lines(), 1))[max(0, after - 2) :]  # some of them once more
        handle(room, [batch(*(told(seq, words) for seq, words in lines))])
    print(number, flush=True)
"""


@pytest.mark.slow
def test_killed_again_and_again_it_counts_each_trial_once_and_replays_each_choice(tmp_path):
    dice, first = random.Random(7), 1
    for _ in range(KILLS):
        first = live_until_killed(tmp_path, first, dice.randint(5, 60)) + 1
    feed = Ledger(tmp_path / "feed").lines()
    room = room_on(tmp_path)
    room.start()
    rows = room.actor.store.rows("select seq, kind, event, choice, chosen from log order by seq")
    kept = {row["choice"]: row["chosen"] for row in rows if row["kind"] == "asked"}
    answered = {int(words[0]): words[1] for words in feed}
    assert len(feed) > 5 * KILLS
    assert list(kept) == list(range(1, len(kept) + 1))
    assert answered.items() <= kept.items()
    counts = Counter(json.loads(row["event"])["choice"] for row in rows if row["kind"] == "ended")
    assert set(counts.values()) == {1}
    read = room.actor.store.row("select seq from cursors")["seq"]
    assert set(counts) == {int(words[0]) for words in feed[:read]}
    assert read >= len(feed) - 3
    found = replayed(room)
    assert (found.choices, found.same) == (len(kept), len(kept))
    room.stop()


def live_until_killed(folder, first, after):
    """Run one life and kill it once it has said so many numbers; the last that it said."""
    life = subprocess.Popen(
        [sys.executable, "-c", LIFE, str(folder), str(first)], cwd=ROOT, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        said = [int(life.stdout.readline()) for _ in range(after)]
    finally:
        life.kill()
        rest, _ = life.communicate()
    said += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    return said[-1]
