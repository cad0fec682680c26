"""Into which tier each file goes: the likeliest first, as far as each tier's tokens reach."""

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from atlas_actors.messages.context import FileMeasure, RankedFile, Tier, TierCosts, TieredFile
from atlas_actors.providers.wire import CHARACTERS_PER_TOKEN
from atlas_actors.settings import ContextSettings

REFERENCE_CHARACTERS: Final = 16  # of a line that names a file, besides its path


@attrs.frozen(kw_only=True)
class Budgets:
    """Tokens of each tier, and how present a file must be for the upper two."""

    hot: int
    warm: int
    cold: int
    hot_least: float = 0.0
    warm_least: float = 0.0


@attrs.frozen(kw_only=True)
class Plan:
    """The files that fit, those that do not, and the costs of all that could be looked at."""

    files: tuple[TieredFile, ...]
    left_out: int
    unmeasured: int
    costs: TierCosts


def budgets(settings: ContextSettings, tokens: int | None) -> Budgets:
    """The settings' budgets, shrunk in proportion to `tokens` for all of them."""
    hot, warm, cold = settings.hot_tokens, settings.warm_tokens, settings.cold_tokens
    total = hot + warm + cold
    part = 1.0 if tokens is None or not total else min(1.0, tokens / total)
    return Budgets(
        hot=int(hot * part),
        warm=int(warm * part),
        cold=int(cold * part),
        hot_least=settings.hot_least,
        warm_least=settings.warm_least,
    )


def plan(ranked: Sequence[RankedFile], budgets: Budgets) -> Plan:
    """Tiers for the files, the likeliest first; no tier exceeds its budget.

    A file too long for what is left of HOT may be WARM, and a shorter one after it HOT.
    """
    left = {"HOT": budgets.hot, "WARM": budgets.warm, "COLD": budgets.cold}
    files: list[TieredFile] = []
    unmeasured = left_out = 0
    for file in ranked:
        measure = file.measure
        if measure is not None and measure.state != "text":
            continue
        unmeasured += measure is None
        for tier, tokens in _choices(file, budgets):
            if tokens <= left[tier]:
                left[tier] -= tokens
                files.append(_tiered(file, tier, tokens))
                break
        else:
            left_out += 1
    return Plan(
        files=tuple(files),
        left_out=left_out,
        unmeasured=unmeasured,
        costs=_costs(ranked, sum(file.tokens for file in files)),
    )


def reference_tokens(path: str) -> int:
    """What it costs to name a file."""
    return -(-(len(path) + REFERENCE_CHARACTERS) // CHARACTERS_PER_TOKEN)


def _choices(file: RankedFile, budgets: Budgets) -> Iterable[tuple[Tier, int]]:
    """The tiers that it may be in, with what it costs there, the best first."""
    measure = file.measure
    if measure is not None:
        if file.score >= budgets.hot_least:
            yield "HOT", measure.tokens_full
        outline = measure.tokens_outline
        if outline is not None and file.score >= budgets.warm_least:
            yield "WARM", warm_tokens(measure.tokens_full, outline)
    yield "COLD", reference_tokens(file.path)


def _tiered(file: RankedFile, tier: Tier, tokens: int) -> TieredFile:
    measure = file.measure or FileMeasure(path=file.path, state="text")
    return TieredFile(
        path=file.path,
        tier=tier,
        score=file.score,
        why=file.why if file.measure is not None else f"{file.why}; not looked at yet",
        tokens=tokens,
        tokens_full=measure.tokens_full,
        tokens_outline=measure.tokens_outline,
    )


def _costs(ranked: Iterable[RankedFile], planned: int) -> TierCosts:
    seen = [
        (file.path, file.measure)
        for file in ranked
        if file.measure is not None and file.measure.state == "text"
    ]
    return TierCosts(
        hot=sum(measure.tokens_full for _, measure in seen),
        warm=sum(warm_tokens(measure.tokens_full, measure.tokens_outline) for _, measure in seen),
        cold=sum(reference_tokens(path) for path, _ in seen),
        planned=planned,
    )


def warm_tokens(full: int, outline: int | None) -> int:
    """What a file costs at most when outlines are given."""
    return full if outline is None else min(full, outline)
