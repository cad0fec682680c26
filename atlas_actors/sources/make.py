"""Makes the outline of a file's bytes by its name; runs in child.py, never in the daemon."""

import warnings

from atlas_actors.sources import outline_python, outline_text
from atlas_actors.sources.outline import Outline, language_of

_TEXTS = {
    "markdown": outline_text.markdown,
    "toml": outline_text.toml,
    "json": outline_text.json_keys,
    "yaml": outline_text.yaml,
}


def outline(name: str, data: bytes) -> Outline | None:
    """The outline; None when there is none of its language, or the file is not in it."""
    language = language_of(name)
    if language is None:
        return None
    if language in _TEXTS:
        try:
            return _TEXTS[language](data.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError):
            return None
    if language == "python":
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the file's own: a strange escape
                return outline_python.outline(data.decode("utf-8-sig"))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass  # half-written, of another age, or hostile: the tolerant parser takes it
    from atlas_actors.sources import outline_code  # noqa: PLC0415

    return outline_code.outline(language, data)
