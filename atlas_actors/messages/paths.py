"""The addresses of the tree; a path outlives every incarnation of its actor."""

from typing import Final

ROOT: Final = "atlas"

LEARNING: Final = "atlas/learning"
MEMORY: Final = "atlas/learning/memory"
CONTEXT: Final = "atlas/learning/context"
OUTCOMES: Final = "atlas/learning/outcomes"
STRATEGIES: Final = "atlas/learning/strategies"
ANALYTICS: Final = "atlas/learning/analytics"

EXECUTORS: Final = "atlas/executors"

WORK: Final = "atlas/work"
ROUTER: Final = "atlas/work/router"
ORCHESTRATOR: Final = "atlas/work/orchestrator"
TASKS: Final = "atlas/work/tasks"
SCHEDULER: Final = "atlas/work/scheduler"
HANDOFFS: Final = "atlas/work/handoffs"
PROPOSALS: Final = "atlas/work/proposals"
CYCLE: Final = "atlas/work/cycle"

DOOR: Final = "atlas/door"
SESSIONS: Final = "atlas/door/sessions"
GATEWAY: Final = "atlas/door/gateway"
MCP: Final = "atlas/door/mcp"


def executor(provider: str) -> str:
    """The address of the executor of one provider."""
    return f"{EXECUTORS}/executor.{provider}"
