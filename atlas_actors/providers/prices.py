"""What tokens cost, in USD per million, and sums over them. Pure."""

import attrs

PER: float = 1e6


@attrs.frozen(kw_only=True)
class Price:
    """USD per million tokens of each kind; 0 is free, or not known."""

    input: float = 0.0
    output: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0

    def estimate_usd(self, input_tokens: float, output_tokens: float) -> float:
        """What a request without any cache costs."""
        return (input_tokens * self.input + output_tokens * self.output) / PER


def switch_saves_usd(context_tokens: float, answer_tokens: float, old: Price, new: Price) -> float:
    """What the next answer costs less at `new` than at `old`, with the prompt cache in account.

    Staying reads the context from old's cache. Switching pays the context in full at new, and
    writes it anew into old's cache when the session returns.
    """
    stay = context_tokens * old.cache_read + answer_tokens * old.output
    leave = context_tokens * new.input + answer_tokens * new.output
    back = context_tokens * max(0.0, old.cache_write - old.cache_read)
    return (stay - leave - back) / PER
