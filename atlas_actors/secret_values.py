"""Pure: whether a value that stands where a secret stands is one, or only stands for one."""

import math
from collections import Counter
from itertools import pairwise
from typing import Any, Final, Literal

import re2

# What the name says: a password may be any word, a token or a key is made by a machine.
Position = Literal["password", "token"]
# How it is written: in quotes; NAME=value of an environment; name: value as a whole line, which
# may be YAML or a declaration; anything else.
Writing = Literal["quoted", "environment", "line", "bare"]

_LATIN: Final = re2.Options()
_LATIN.encoding = re2.Options.Encoding.LATIN1
_LATIN.log_errors = False
_LATIN.max_mem = 64 * 1_048_576


def pattern(text: str) -> Any:
    """A pattern on bytes: any bytes may come, also such as are no UTF-8."""
    return re2.compile(text.encode("ascii"), _LATIN)


def together(*patterns: Any) -> Any:
    """A set of such patterns, of which one pass tells whether any is found."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = 256 * 1_048_576
    found = re2.Set.SearchSet(options)
    for one in patterns:
        found.Add(one.pattern)
    found.Compile()
    return found


# Of a value; what is longer is judged by its beginning, so that rows of names cost little.
_LOOKED_AT: Final = 200
MARK: Final = pattern(r"\[secret:[a-z0-9-]{1,40}:[0-9a-f]{8}\]")

_WORDS: Final = (
    "your|the|an?|some|insert|enter|replace|with|me|here|examples?|sample|tests?|testing|fake|dummy"
    "|mock|placeholder|change|changeme|changeit|secrets?|passwords?|passwd|passphrase|pwd|pass"
    "|tokens?|api|apikey|keys?|access|private|public|client|user|username|value|string|str|text"
    "|todo|tbd|none|null|nil|true|false|yes|no|redacted|hidden|masked|removed|omitted|filtered"
    "|required|optional|default|undefined|unset|empty|auth|bearer|basic|login|credentials?|invalid"
    "|missing|wrong|bytes|object|number|integer|bool|boolean|any|type|varchar|char|field|input"
    "|unknown|unused|sensitive|protected|encrypted|hash|hashed|prompt|stdin|self|this|not|set|to"
    "|env|environ|variable|name|id|session|refresh|csrf|new|old|current|confirm|repeat|again"
    "|show|hide|forgot|reset|update|delete|create|generate|disabled|enabled|foo|bar|baz|x+"
    "|expired|incorrect|mismatch|failed|error|ok|is|was|has|been|for|of|in|on|or|and|it"
)
_PLACEHOLDER: Final = pattern(
    r"(?i)(?:(?:" + _WORDS + r")[\s_\-.:/*]*)+|[xX*.#_?\-=+~\s0\x80-\xff]+"
    r"|<[^<>]*>?|\[[^\[\]]*\]?|(?:\\*[{(])?\{+[^{}]*\}*\)?|%[A-Za-z_0-9()]+[%sd]?|%[sdr]"
    r"|(?:\.\.\.|\xe2\x80\xa6)+"
)
# A reference to where the secret is kept, or the beginning of an expression.
_REFERENCE: Final = pattern(
    r"(?i)(?:\\*\$|\$?\{|`|@|&|\*|!|\(|\[|<|%\(|#\{)"
    r"|(?:os\.|process\.env|import\.meta|env[.(\[]|getenv|system\.getenv|config[.(\[]|secrets?[.(\[{]"
    r"|vault:|op://|ref\+|aws:|arn:|file:|keyring|vars?[.\[]|data\.|local\.|module\.|params?[.\[(])"
)
_ADDRESS: Final = pattern(r"~?\.{0,2}/|[A-Za-z]:\\|[a-z]+://")
_RANDOM_PART: Final = pattern(r"[A-Za-z0-9+=]{12,}")
_FORMAT: Final = pattern(r"%[sdr]|%?\{[^{}]*\}|[:/@ ._-]")
# identifiers, members, calls: code, as long as there is no digit in it
_EXPRESSION: Final = pattern(
    r"[A-Za-z_$][\w$]*(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$]*)*(?:[\[({<].*|[|?:!+*/=]+.*)?"
)
_WORD_LIKE: Final = pattern(r"[A-Za-z_\-./: ,'!?()]+")
_NUMBER: Final = pattern(r"[0-9][0-9.,:_/x-]*|0x[0-9a-fA-F]{1,8}|[0-9.]+ ?[A-Za-z%]{1,3}")
_PHRASE: Final = pattern(r"[a-z]{3,12}(?:[ -][a-z]{3,12}){3,7}")
_TELLING: Final = pattern(
    r"(?i)(?:^|\W)(?:your|enter|password|passphrase|the|this|that|must|please|invalid|wrong|not"
    r"|missing|required|should|will|can|are|for|from|with|when|and|was|has|use|used)(?:\W|$)"
)


def is_secret(position: Position, writing: Writing, value: bytes) -> bool:
    """Whether this value is a secret; `value` without its quotes. Errs to yes for passwords that
    are written as such, to no where it may be code or prose."""
    value = value[:_LOOKED_AT]
    value = MARK.sub(b"", value) if b"[secret:" in value else value
    if len(value) < (4 if position == "password" else 8):
        return False
    if _PLACEHOLDER.fullmatch(value) or _is_address(value) or len(_FORMAT.sub(b"", value)) < 4:
        return False
    if writing != "quoted" and _REFERENCE.match(value) and not _SYMBOL_FIRST.match(value):
        return False
    if b" " in value or b"\t" in value or b"\n" in value:
        return position == "password" and _is_phrase(value)
    return _is_password(writing, value) if position == "password" else _is_token(writing, value)


# A password may begin with a sign that begins a reference, but a reference holds none of these.
_SYMBOL_FIRST: Final = pattern(r"[@&*!][^\s.(\[{]*[0-9][^\s.(\[{]*$")


def _is_password(writing: Writing, value: bytes) -> bool:
    if writing == "environment":
        return not _NUMBER.fullmatch(value) or len(value) >= 6
    if writing == "quoted":
        return not _is_number(value) and (
            _is_mixed(value) or (len(value) >= 6 and not _looks_named(value))
        )
    if _is_number(value):
        return False
    if writing == "line" and len(value) >= 8 and value.isalpha() and value.islower():
        return True
    return _is_mixed(value) and not _is_code(value)


def _is_token(writing: Writing, value: bytes) -> bool:
    if _is_number(value) and len(value) < 16:
        return False
    if _WORD_LIKE.fullmatch(value):
        if writing == "environment":
            return entropy(value) >= 2.5
        return len(value) >= 20 and b" " not in value and _is_random_letters(value)
    if writing in ("bare", "line") and _is_code(value):
        return False
    return has_digit(value) and entropy(value) >= 2.3


def _is_address(value: bytes) -> bool:
    """A path or a URL; base64 too may begin with a slash."""
    if not _ADDRESS.match(value):
        return False
    parts = (part[0] for part in _RANDOM_PART.finditer(value))
    return not any(has_digit(part) and not part.islower() and entropy(part) > 3 for part in parts)


def _is_phrase(value: bytes) -> bool:
    """Words that make a passphrase, and no sentence."""
    return _PHRASE.fullmatch(value) is not None and _TELLING.search(value) is None


def _is_number(value: bytes) -> bool:
    return _NUMBER.fullmatch(value) is not None


def has_digit(value: bytes) -> bool:
    """Whether there is one in it."""
    return value.translate(None, b"0123456789") != value


def _is_mixed(value: bytes) -> bool:
    """Of more than letters alone."""
    letters = value.lower() != value.upper()
    return (letters or len(value) >= 8) and value.translate(None, b"0123456789!@#$%^&*+~") != value


def _is_code(value: bytes) -> bool:
    """An expression of a program: names alone, or a call, an index, an operator after names."""
    if not _EXPRESSION.fullmatch(value):
        return False
    return value.translate(None, b"([{<.") != value or not has_digit(value)


def _looks_named(value: bytes) -> bool:
    """A name of something: a header, a path of a setting, a format."""
    return value.translate(None, b"{}%<>/\\:|()[]=") != value or (
        value[:1].isupper() and value[1:].isalpha() and value[1:].islower()
    )


def _is_random_letters(value: bytes) -> bool:
    """Letters alone, changing between small and capital as no name does."""
    changes = sum(
        1
        for first, second in pairwise(value)
        if chr(first).isalpha() and chr(second).isalpha() and (first ^ second) & 0x20
    )
    return changes >= len(value) / 4 and entropy(value) >= 3.5


def entropy(value: bytes) -> float:
    """Shannon's, in bits a byte."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values()) if size else 0.0
