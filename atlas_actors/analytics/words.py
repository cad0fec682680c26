"""Pure: how shares and durations are said in what people read of health."""


def percent(share: float) -> str:
    """0.5 as 50 %."""
    return f"{100 * share:.0f} %"


def time(ms: float) -> str:
    """500 ms, 1.5 s."""
    return f"{ms:.0f} ms" if ms < 1_000 else f"{ms / 1_000:.1f} s"
