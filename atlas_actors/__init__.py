"""The actors of Atlas: what each room of the daemon does."""

import sys

__version__ = "0.1.0"

# httpcore imports sniffio at every lock. Not installed, each look searches sys.path anew, a third
# of a call's time; installed, it tells anyio that a callback runs in no loop, and spawning fails.
sys.modules["sniffio"] = None  # type: ignore[assignment]
