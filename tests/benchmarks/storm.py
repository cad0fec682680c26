"""Crashes, hangs and noise against the real tree while tasks run; then everything must be flat.

Options: --seconds N of each phase (default 60), --seed N, --rate N crashes a second (default 100),
--rounds N crashes of every actor in turn (default 100). Exit code 1 when a promise was broken.
"""

import argparse
import random
import tempfile
import threading
import time
from pathlib import Path

from loguru import logger

from supervisors.daemon import keep_arenas_few
from tests.support.houses import House
from tests.support.model_server import model_server
from tests.support.storms import Ledger, Storm


def main(words: list[str]) -> int:
    """Run the storm and print what it did."""
    parser = argparse.ArgumentParser(prog="scripts/bench storm", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(words)
    logger.remove()
    keep_arenas_few()
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder, model_server() as server:
        house = House(
            Path(folder),
            ATLAS_PROVIDERS_LOCALAI_BASE_URL=server.url,
            ATLAS_TASKS_INTERRUPTIONS_MAX=10_000,
        )
        ledger = Ledger(house)
        storm = Storm(house, random.Random(options.seed))
        broken = []
        with ledger.submitting():
            for name, run in (
                ("every actor in turn", lambda: storm.in_turn(options.rounds)),
                ("random pairs", lambda: storm.pairs(options.seconds, options.rate / 2)),
                ("crashes at a rate", lambda: storm.at_rate(options.seconds, options.rate)),
                ("noise to every actor", lambda: storm.noise(options.seconds)),
                ("hung actors of each kind", storm.hangs),
            ):
                begun = time.monotonic()
                run()
                storm.calm()
                print(
                    f"{name:<26} {time.monotonic() - begun:6.1f} s, {storm.crashes} crashes,"
                    f" {len(ledger.accepted)} tasks accepted, {threading.active_count()} threads",
                    flush=True,
                )
        storm.calm()
        broken += ledger.lost()
        broken += storm.not_flat()
        house.tree.stop()
        print(f"before {storm.sizes[0]}, after {storm.sizes[1]}")
    for problem in broken:
        print(f"BROKEN {problem}")
    print(f"{len(ledger.accepted)} tasks accepted, {ledger.refused} refused with an error,"
          f" {len(broken)} promises broken")  # fmt: skip
    return int(bool(broken))
