"""Turns texts into vectors, where a static embedding is installed; nothing is ever downloaded."""

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from loguru import logger as log

_NEEDED: Final = ("wordllama", "numpy", "safetensors", "tokenizers")
_TEXT_MAX: Final = 4_000  # characters that are read


class Embedder(Protocol):
    """Makes vectors of length 1, an int8 a dimension; equal texts have equal vectors."""

    name: str
    dimensions: int

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """One vector a text; of an empty one zeros."""
        ...


def open_embedder(wanted: str) -> Embedder | None:
    """The embedder that a setting names: "auto" takes what is installed, "none" is None.

    So is one that is not installed: words find most without it.
    """
    if wanted == "none":
        return None
    if wanted in ("auto", "wordllama") and all(map(importlib.util.find_spec, _NEEDED)):
        return WordLlama()
    if wanted != "auto":
        log.warning("memory.embedder_missing", embedder=wanted)
    return None


class WordLlama:
    """The table of 256 dimensions in the wheel of wordllama (MIT); loaded when first used.

    The package itself is not imported: it takes 0.4 s and would look for its files on the net.
    """

    name = "wordllama-256"
    dimensions = 256

    def __init__(self) -> None:
        self._table: Any = None
        self._tokenizer: Any = None

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """The mean of the tokens' vectors."""
        if self._table is None:
            self._load()
        read = [text[:_TEXT_MAX].encode("utf-8", "replace").decode() for text in texts]
        numpy = importlib.import_module("numpy")
        result = []
        for encoded in self._tokenizer.encode_batch(read, add_special_tokens=False):
            mean = self._table[encoded.ids].sum(axis=0)
            length = float(numpy.linalg.norm(mean)) or 1.0
            result.append(numpy.rint(mean * (127.0 / length)).astype(numpy.int8).tobytes())
        return result

    def _load(self) -> None:
        safetensors = importlib.import_module("safetensors")
        tokenizers = importlib.import_module("tokenizers")
        found = importlib.util.find_spec("wordllama")
        assert found is not None and found.origin is not None
        folder = Path(found.origin).parent
        tokens = folder / "tokenizers" / "l2_supercat_tokenizer_config.json"
        self._tokenizer = tokenizers.Tokenizer.from_file(str(tokens))
        weights = folder / "weights" / "l2_supercat_256.safetensors"
        with safetensors.safe_open(str(weights), framework="np", device="cpu") as file:
            self._table = file.get_tensor("embedding.weight")
