"""atlas costs: what was spent, on what, and what the best tier would have cost."""

import argparse
import sys
import time
from typing import Any, Final

from atlas_actors.cli import lineage, show
from atlas_actors.cli.client import Client
from atlas_actors.clock import DAY_MS
from atlas_actors.home import Home

_BY: Final = ("day", "provider", "intent", "strategy", "project")


def add_to(groups: Any) -> None:
    """Add the command."""
    costs = groups.add_parser("costs", help="what was spent, on what, and what it saved")
    costs.add_argument("--by", choices=_BY, default="day")
    costs.add_argument("--days", type=float, metavar="N", help="of the last N days only")
    costs.add_argument("--json", action="store_true")
    costs.set_defaults(run=run_costs)


def run_costs(options: argparse.Namespace, home: Home) -> int:
    """Sums by one thing."""
    params: dict[str, Any] = {"by": options.by}
    if options.days is not None:
        params["since_ms"] = max(0, int(time.time() * 1000 - options.days * DAY_MS))
    with Client(home) as client:
        found = client.call("cost.stats", **params)
        leading = lineage.leads(client) if options.by == "strategy" and not options.json else {}
    if options.json:
        show.print_json(found)
        return 0
    if not found["rows"]:
        sys.stdout.write("nothing was attempted yet\n")
        return 0
    rows = [*found["rows"], {options.by: "total", **found["total"]}]
    show.table(
        (options.by, "tasks", "attempts", "in", "cached", "out", "cost", "on the best tier*"),
        (_row(row, lineage.named(row[options.by] or "-", leading)) for row in rows),
        "",
        drop=("cached", "in", "out"),
    )
    sys.stdout.write("\n".join(_notes(found)) + "\n")
    return 0


def _row(row: dict[str, Any], name: str) -> tuple[str, ...]:
    tokens = row["tokens"]
    return (
        name,
        str(row["tasks"]),
        str(row["attempts"]),
        str(tokens["input"] + tokens["cache_write"]),
        str(tokens["cache_read"]),
        str(tokens["output"]),
        show.usd(row["cost_usd"]),
        show.usd(row["quality_usd_estimate"]),
    )


def _notes(found: dict[str, Any]) -> list[str]:
    notes = ["* no provider with a known price is configured"]
    if found["quality_provider"]:
        notes = [
            f"* an estimate: the tokens of the answered attempts at the prices of"
            f" {found['quality_provider']} ({found['quality_model']}), as of {found['prices_of']}"
        ]
    guessed = found["total"]["estimated_attempts"]
    if guessed:
        notes.append(f"  the tokens of {guessed} attempts that broke off are estimates")
    return notes
