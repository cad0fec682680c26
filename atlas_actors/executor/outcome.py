"""Pure: what a start of the embedded model came to, as an outcome."""

from atlas_actors.messages.outcome import RecordOutcome


def of_start(provider: str, model: str, *, now_ms: int, took_s: float, error: str) -> RecordOutcome:
    """An empty `error` is a success."""
    return RecordOutcome(
        action=f"start {model}",
        kind="model",
        result="failure" if error else "success",
        verified_by="start",
        infrastructure=bool(error),
        context={"provider": provider, "model": model},
        duration_ms=round(took_s * 1000),
        at_ms=now_ms,
        key=f"model {provider} {now_ms}",
    )
