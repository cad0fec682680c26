"""Pure: whether two prompts are the same request."""

import hashlib
import unicodedata


def fingerprint(prompt: str) -> str:
    """The same 32 characters for prompts that differ in case, spaces and writing of characters
    only; "" for a prompt without words."""
    words = " ".join(unicodedata.normalize("NFKC", prompt).casefold().split())
    if not words:
        return ""
    return hashlib.blake2b(words.encode("utf-8", "replace"), digest_size=16).hexdigest()
