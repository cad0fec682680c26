"""Power cuts at every k-th operation of the disk while a room works, and what is found after.

Options: --cuts N of each mode (default 2,000), --seed N. The last row is the negative control.
Exit code 1 when a durable commit was lost, a file was corrupt, or the control found nothing.
"""

import argparse
import random
import time
from typing import get_args

from loguru import logger

from tests.support.power import Found, Mode, cut

SPREAD = 7_919  # a prime: few cuts, too, go over all of the work


def main(words: list[str]) -> int:
    """Run the campaign and print a table."""
    parser = argparse.ArgumentParser(prog="scripts/bench power", description=__doc__)
    parser.add_argument("--cuts", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(words)
    logger.remove()
    print(f"seed {options.seed}")
    print("mode      cuts  acknowledged  durable lost in  others gone in  broken      s")
    good = True
    for mode in get_args(Mode):
        begun = time.monotonic()
        operations = cut(mode, 10**9, options.seed).operations
        wanted = options.cuts if mode != "off" else options.cuts // 20
        found: list[Found] = []
        number = 0
        while len(found) < wanted:
            number += 1
            one = cut(mode, 1 + number * SPREAD % operations, options.seed + number)
            found += [one] if one.was_cut else []  # some work is over before that operation
        lost = sum(bool(one.lost) for one in found)
        broken = sum(bool(one.broken) for one in found)
        print(
            f"{mode:<8} {len(found):5} {sum(one.acknowledged for one in found):13}"
            f" {lost:16} {sum(bool(one.forgotten) for one in found):15} {broken:7}"
            f" {time.monotonic() - begun:6.1f}",
            flush=True,
        )
        good = good and (bool(lost + broken) == (mode == "off"))
    return 0 if good else 1
