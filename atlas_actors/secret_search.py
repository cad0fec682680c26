"""Pure: finds the secrets in a text, by their own form or by where they stand; linear in time."""

import tomllib
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.secret_values import (
    MARK,
    Position,
    Writing,
    entropy,
    has_digit,
    is_secret,
    pattern,
    together,
)

_TOKENS_FILE: Final = Path(__file__).with_name("secret_tokens.toml")
# What may stand before a token: no letter or digit, an escape, a colour, a percent code.
_START: Final = r"(?:^|[^A-Za-z0-9]|\\[nrtfv]|\x1b\[[0-9;]*m|%[0-9A-Fa-f]{2})"
_LOOK_BACK: Final = 64
_KNOWN_BYTES: Final = 64  # names of fields are short, and the same again and again
_VALUE_BYTES: Final = 2_048
_LONG: Final = pattern(r"""[^\s"'`;\\]*""")


@attrs.frozen
class Found:
    """A secret from `start` to `end`, in bytes."""

    start: int
    end: int
    kind: str


def _load_tokens() -> tuple[Any, tuple[str, ...]]:
    rows = tomllib.loads(_TOKENS_FILE.read_text("utf-8"))["token"]
    parts = []
    for row in rows:
        for alternative in _alternatives(row["pattern"]):
            bare = alternative.removeprefix("{start}")
            before = _START if bare != alternative else ""
            parts.append((f"{before}({bare})", row["kind"]))
    return pattern("|".join(part for part, _ in parts)), tuple(kind for _, kind in parts)


def _alternatives(text: str) -> Iterator[str]:
    """Split at the bars that are in no group."""
    depth, begin = 0, 0
    for at, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            yield text[begin:at]
            begin = at + 1
    yield text[begin:]


_TOKEN, _TOKEN_KINDS = _load_tokens()
# A token's form, but a row of the same sign: a placeholder.
_BLANKED: Final = pattern(r".{0,24}?[-_./]?[xX*._#-]{8,}=*")

_QUOTE: Final = r"""\\{0,8}["'`]"""
_WORD: Final = (
    r"passwords?|passwd|passphrase|pass_?code|passwort|kennwort|mot[ _]de[ _]passe"
    r"|contrase(?:\xc3\xb1|n)a|(?:^|[^A-Za-z])(?:pass|pwd?)|_auth|userpass"
)
_KEY: Final = (
    r"(?:api|access|private|auth|encryption|signing|master|account|shared[_-]?access|subscription"
    r"|deploy|storage|service|webhook|app|application|hmac|cipher|jwt|license|secret|project|write"
    r"|read|admin|server|client|consumer|integration|developer|openai|anthropic|stripe)[_ .-]?key"
)
_TOKENISH: Final = r"secrets?|tokens?|credentials?|sharedaccesssignature|connection[_-]?string"
_SUFFIX: Final = (
    r"(?:[_-]?(?:key|value|base|text|plain|string|str|prod|production|dev|test|staging|live"
    r"|key[_-]base|[0-9]{1,3}))?"
)
_NAME: Final = rf"(?:({_WORD})|({_KEY}|{_TOKENISH})){_SUFFIX}"
# The inside of a value, by the quote before it; none of these captures, which would be slow.
_QUOTED: Final = {
    b'"': pattern(r"""(?:[^"\\\r\n]|\\[^\r\n])*"""),
    b"'": pattern(r"""(?:[^'\\\r\n]|\\[^\r\n])*"""),
    b"`": pattern(r"""[^`\r\n]*"""),
}
_ESCAPED: Final = pattern(r"""[^"'\\\r\n]*""")
_BARE: Final = pattern(r"""(?:[^\s"'`;\\]|\\[^nrt"'\\\s])*""")
_OPENING: Final = pattern(rf"(?:[rbfuRBFU]{{0,2}}{_QUOTE}{{1,3}})?")
_ANNOTATED: Final = r"(?::[ \t]*(?:&(?:'static )?)?[A-Za-z][A-Za-z\[\] |.]{1,24}=)"
_ASSIGNMENT: Final = pattern(
    rf"(?i){_NAME}((?:{_QUOTE})?\]?[ \t]{{0,16}}"
    rf"(?:{_ANNOTATED}|:=|[=-]>|={{1,3}}|:(?:[ \t]*\r?\n[ \t]{{1,16}})?)[ \t]{{0,16}})"
)
# --password VALUE, and a value on its own line below its name, as Kubernetes writes them
_FLAG: Final = pattern(rf"(?i)(?:^|[\s'\"])--?[a-z0-9-]{{0,24}}?{_NAME}([ \t]+)")
_PAIR: Final = pattern(
    rf"(?i)name(?:{_QUOTE})?[ \t]*[:=][ \t]*(?:{_QUOTE})?[A-Za-z0-9_.-]{{0,40}}?{_NAME}"
    rf"(?:{_QUOTE})?([,\s]{{0,40}}(?:{_QUOTE})?value(?:{_QUOTE})?[ \t]*[:=][ \t]*)"
)
_PROSE: Final = pattern(
    r"(?i)(password|passphrase|passcode|passwd|token|api[ _-]?key|access[ _-]?key"
    r"|secret(?:[ _-](?:access[ _-])?key)?|credentials?)"
    r"(?: [a-z]+){0,4}(?: is| was|'s| are| to|:)(?: now| still| set to)?:?[ \t]+"
    r"""(["'`*(]{0,3})([^\s"'`]{6,})"""
)
# Where a value stands after something else than a name. (kind, pattern with one group)
_PLACES: Final = tuple(
    (kind, pattern(text))
    for kind, text in (
        (
            "authorization",
            rf"(?i)authorization(?:{_QUOTE})?[ \t]*[:=,][ \t]*(?:[rbfuRBFU]?{_QUOTE})?"
            r"(?:bearer|basic|token|apikey|negotiate|aws4-hmac-sha256 credential=)[ \t]+"
            r"([A-Za-z0-9._~+/=:-]{6,})",
        ),
        ("authorization", rf"(?i){_START}bearer[ \t]+([A-Za-z0-9._~+/=-]{{16,}})"),
        (
            "cookie",
            rf"(?i)(?:set-)?cookie(?:{_QUOTE})?[ \t]*[:=][ \t]*(?:{_QUOTE})?"
            r"""([A-Za-z0-9_.-]+=[^\s"'`\\;]{8,}[^\r\n"'`\\]*)""",
        ),
        (
            "cookie",
            r"(?i)(?:sessionid|session_id|jsessionid|phpsessid|connect\.sid|_session|sid)="
            r"([A-Za-z0-9%._+/=-]{16,})",
        ),
        (
            "password",
            r"""[A-Za-z][A-Za-z0-9+.-]{1,20}:\\?/\\?/[^\s/:@"'<>]{0,100}:([^\s/@"'<>]{2,200})@""",
        ),
        ("token", r"""https?:\\?/\\?/([A-Za-z0-9_-]{20,200})@[A-Za-z0-9]"""),
        ("password", r"(?i)login[ \t\r\n]+\S{1,100}[ \t\r\n]+password[ \t\r\n]+(\S{3,})"),
        ("spaced", r"""(?i)(?:password|passwd|passphrase)[ \t]+["'`]?([^\s"'`:=]{6,64})"""),
        ("spaced-token", rf"(?i)(?:{_KEY}|token|secret)[ \t]+([A-Za-z0-9+/=_.-]{{16,200}})"),
        ("password", r"""(?i)(?:identified by|password)[ \t]+'([^'\r\n]{3,})'"""),
        (
            "password",
            r"""(?i)(?:sshpass|mysql[a-z]*|docker login|mongo[a-z]*|redis-cli)[^\n|;]{0,100}?"""
            r"""[ \t]-(?:p|a)[ \t]?["']?([^\s"'-][^\s"']{3,})""",
        ),
        ("password", r"""(?i)(?:[ \t]-u|--user)[ =]?["']?[A-Za-z0-9_.@-]+:([^\s"'@/]{4,})"""),
        ("password", r"""(?i)<[a-z:]*(?:password|passwd|secret|token|apikey)>([^<\s]{4,})</"""),
        (
            "password",
            r"""(?i)ConvertTo-SecureString[ \t]+(?:-String[ \t]+)?["']([^"'\r\n]{4,})["']""",
        ),
        ("docker", r"""\\{0,4}"auth\\{0,4}"[ \t]*:[ \t]*\\{0,4}"([A-Za-z0-9+/=]{12,})\\{0,4}\""""),
        ("aws", r"""(?:AKIA|ASIA)[0-9A-Z]{16}[\s,;:|"'=\\n/]{1,40}([A-Za-z0-9/+]{40})"""),
    )
)

_BEGIN: Final = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
_END: Final = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
_PEM: Final = pattern(f"({_BEGIN})|({_END})|(PuTTY-User-Key-File-[0-9])")
_PEM_GAP: Final = r"""(?:[\s>+|#*"',;:\\-]|\\[nrt]|[0-9]{1,5}(?:\xe2\x86\x92|[:|\t]))*"""
_PEM_REST: Final = pattern(
    r"(?:(?:\r?\n|\\r?\\?n)[ \t>+|]{0,8}[A-Za-z0-9+/]{4,}={0,2}(?:[\r\n\\\"']|$))?"
    rf"(?:{_PEM_GAP}(?:(?:Proc-Type|DEK-Info|Comment|Encryption|Public-Lines|Private-Lines"
    rf"|Private-MAC|Key-Derivation|Argon2-[A-Za-z]+)[^\n\\]*|[A-Za-z0-9+/]{{20,}}={{0,2}}))*"
    rf"(?:{_PEM_GAP}[A-Za-z0-9+/]+={{1,2}})?"
)
_PEM_BEFORE: Final = pattern(
    rf"(?:[A-Za-z0-9+/]{{40,}}={{0,2}}{_PEM_GAP})+[A-Za-z0-9+/=]*{_PEM_GAP}{_END}"
)
_GATE: Final = pattern(
    r"(?i)pass|pwd|_pw|_auth|secret|token|key|credential|authori|bearer|cookie|sess|sid=|connection"
    r"|signature|private|login|identified|mysql|mongo|redis|://|:\\?/\\?/|[ \t]-u|--user|\"auth"
    r"|auth\\*\""
)
# What may be inside a secret without being a part of it: characters that nobody sees, colours,
# and the escapes of JSON, of which the second group is the character that is meant.
NOISE: Final = pattern(
    r"(?:\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xc2\xad|\xd8\x9c"
    r"|\xe1\xa0\x8e|\xcd\x8f|\xef\xb8[\x80-\x8f]|\xf3\xa0[\x80\x81][\x80-\xbf]"
    r"|\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
    r"|\\{1,8}u(?:200[b-fB-F]|202[a-eA-E]|206[0-9a-fA-F]|feff|FEFF|00ad|00AD|00[01][0-9a-fA-F]))+"
    r"|\\{1,8}u00([2-7][0-9a-fA-F])|\\{1,8}(/)"
)
_SUSPECT: Final = together(_TOKEN, _GATE, pattern("-----|PuTTY"), NOISE)
_ONLY_GATE: Final = [1]


def may_hold(data: bytes, *more: bytes) -> bool:
    """A quick look, in one pass: False when `search` would find nothing in it, and none of
    `more` is in it."""
    found = _SUSPECT.Match(data)
    if found and found != _ONLY_GATE:
        return True
    # A single word, as the name of a field, says where a secret may stand, but holds none.
    if found and not data.replace(b"_", b"").isalnum():
        return True
    return any(one in data for one in more)


def search(data: bytes) -> list[Found]:
    """Where the secrets are, in order, none over another; marks of ours are none."""
    marks = [match.span() for match in MARK.finditer(data)] if b"[secret:" in data else []
    found = [*_tokens(data)]
    if b"-----" in data or b"PuTTY" in data:
        found += _private_keys(data)
    if _GATE.search(data):
        found += _assigned(data, marks)
        found += _placed(data)
    if not found:
        return []
    return joined(one for one in found if not _mark_over(one.start, marks))


def joined(found: "Iterator[Found] | list[Found]") -> list[Found]:
    """In order; those that overlap become one, named after the longest."""
    kept: list[Found] = []
    longest = 0
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if kept and one.start < kept[-1].end:
            last = kept[-1]
            size = one.end - one.start
            kind = one.kind if size > longest else last.kind
            longest = max(longest, size)
            kept[-1] = Found(last.start, max(last.end, one.end), kind)
        else:
            kept.append(one)
            longest = one.end - one.start
    return kept


def position_of(name: bytes) -> Position | None:
    """What a name, as of a field, says about its value; None: nothing."""
    return _known_position(name) if len(name) <= _KNOWN_BYTES else _position(name)


def _position(name: bytes) -> Position | None:
    shown = name[-200:]
    match = _ASSIGNMENT.search(shown + b"=")
    if match is None or match.start(3) != len(shown):
        return None
    return "password" if match.start(1) >= 0 else "token"


_known_position: Final = lru_cache(maxsize=1_024)(_position)


def _mark_over(at: int, marks: list[tuple[int, int]]) -> tuple[int, int] | None:
    """The mark that a place is in, not at its beginning: a name in a mark is none."""
    number = bisect_left(marks, (at, 0)) - 1
    return marks[number] if number >= 0 and at < marks[number][1] else None


def _tokens(data: bytes) -> Iterator[Found]:
    for match in _TOKEN.finditer(data):
        number = next(n for n in range(len(_TOKEN_KINDS)) if match.start(n + 1) >= 0)
        start, end = match.span(number + 1)
        if not _BLANKED.fullmatch(data[start:end]):
            yield Found(start, end, _TOKEN_KINDS[number])


def _private_keys(data: bytes) -> Iterator[Found]:
    """Whole blocks, those without an end, those whose beginning is missing."""
    marks = list(_PEM.finditer(data))
    for number, match in enumerate(marks):
        begins, ends, putty = (match.start(group) >= 0 for group in (1, 2, 3))
        after = marks[number + 1] if number + 1 < len(marks) else None
        if begins and after is not None and after.start(2) >= 0:
            yield Found(match.start(), after.end(), "private-key")
        elif begins or putty:
            rest = _PEM_REST.match(data, match.end())
            end = match.end() + len(data[match.end() : rest.end()].rstrip(b"\r\n\\\"'"))
            yield Found(match.start(), end, "private-key")
        elif ends and (number == 0 or marks[number - 1].start(1) < 0):
            from_byte = marks[number - 1].end() if number else 0
            before = _PEM_BEFORE.search(data, from_byte, match.end())
            if before is not None and before.end() == match.end():
                yield Found(before.start(), match.end(), "private-key")


def _assigned(data: bytes, marks: list[tuple[int, int]]) -> Iterator[Found]:
    for finder in (_ASSIGNMENT, _FLAG, _PAIR):
        at = 0
        while (name := finder.search(data, at)) is not None:
            mark = _mark_over(name.start(3), marks)
            if mark is not None:
                at = max(mark[1], name.start() + 1)
                continue
            at = name.end()  # what is no secret may itself be an assignment
            found = _judged(data, name, flag=finder is _FLAG)
            if found is not None:
                yield found
                at = found.end


def _judged(data: bytes, name: Any, *, flag: bool) -> Found | None:
    """What stands after a name, if it is a secret. `name` has the groups password, token, sep."""
    position: Position = "password" if name.start(1) >= 0 else "token"
    before_sep = data[name.start() : name.start(3)].lstrip(b" _-")
    if before_sep.endswith(b"PASS") and b":" in data[name.start(3) : name.end()]:
        return None  # as tests say it
    start, end, quoted = _value_at(data, name.end())
    whole = end - start < _VALUE_BYTES
    writing: Writing = "quoted"
    if not quoted:
        start, end = _trimmed(data, (start, end), name.start())
        writing = "bare" if flag else _writing(data, name, end)
    if not is_secret(position, writing, data[start:end]):
        return None
    return Found(start, end if whole else _LONG.match(data, end).end(), position)


def _value_at(data: bytes, at: int) -> tuple[int, int, bool]:
    """(start, end, whether it is in quotes); bounded: a text that is nothing but names would be
    read again for each of them."""
    begin = _OPENING.match(data, at, at + 40).end()
    opening, most = data[at:begin].lstrip(b"rbfuRBFU"), begin + _VALUE_BYTES
    quote = opening[-1:]
    if quote and opening.startswith(b"\\"):
        end = _ESCAPED.match(data, begin, most).end()
        if data[end : end + 1] == b"\\" and end > begin:
            return begin, end, True
    elif len(opening) == 3:
        end = data.find(opening, begin, most)
        if end > begin:
            return begin, end, True
    elif quote:
        begin -= len(opening) - 1  # of two quotes, the second ends an empty text
        end = _QUOTED[quote].match(data, begin, most).end()
        if data[end : end + 1] in (quote, b""):
            return begin, end, True
    return begin, _BARE.match(data, begin, most).end(), False


def _trimmed(data: bytes, span: tuple[int, int], name_at: int) -> tuple[int, int]:
    """Without the punctuation of the sentence, the list or the address that it stands in."""
    start, end = span
    while name_at > 0 and (data[name_at - 1 : name_at].isalnum() or data[name_at - 1] in b"_-."):
        name_at -= 1
    if name_at > 0 and data[name_at - 1] in b"?&":
        cut = data.find(b"&", start, end)
        end = cut if cut >= 0 else end
    while end > start and data[end - 1] in b",;)]}>.\\|&:":
        end -= 1
    return start, end


def _writing(data: bytes, match: Any, end: int) -> Writing:
    """NAME=value with nothing around the sign, or a line of YAML; else it may be code or prose."""
    sep = data[match.start(3) : match.end(3)]
    begin = match.start()
    low = max(0, begin - _LOOK_BACK)
    while begin > low and (data[begin - 1 : begin].isalnum() or data[begin - 1] in b"_.-"):
        begin -= 1
    if sep == b"=":
        name = data[begin : match.start(3)].lstrip(b"\n\r\t ;")
        return "environment" if name.isupper() else "bare"
    if sep in (b": ", b":  "):
        line = data[max(0, begin - _LOOK_BACK) : begin].rpartition(b"\n")[2]
        if not line.strip(b" \t-") and data[end : end + 1] in (b"", b"\n", b"\r"):
            return "line"
    return "bare"


def _placed(data: bytes) -> Iterator[Found]:
    for kind, finder in _PLACES:
        for match in finder.finditer(data):
            start, end = match.span(1)
            if kind.startswith("spaced"):
                start, end = _trimmed(data, (start, end), match.start())
            if _is_placed(kind, data[start:end]):
                yield Found(
                    start, end, {"spaced": "password", "spaced-token": "token"}.get(kind, kind)
                )
    for match in _PROSE.finditer(data):
        start, end = _trimmed(data, match.span(3), match.start())
        value = data[start:end].rstrip(b"*!?")
        position: Position = "password" if match[1][:1] in b"pP" else "token"
        if is_secret(position, "bare", value):
            yield Found(start, start + len(value), position)


def _is_placed(kind: str, value: bytes) -> bool:
    match kind:
        case "password" | "docker":
            return is_secret("password", "environment", value.ljust(4, b"_"))
        case "spaced":
            return has_digit(value) and is_secret("password", "bare", value)
        case "spaced-token":
            return is_secret("token", "bare", value) and entropy(value) >= 3
        case "cookie":
            return has_digit(value) and is_secret("token", "quoted", value.translate(_JOINED))
        case "authorization":
            # Base64 of letters alone is none of theirs for its signs.
            return is_secret("token", "environment", value.rstrip(b"=").replace(b"+", b"-"))
    return is_secret("token", "quoted", value)


# A row of cookies as one value.
_JOINED: Final = bytes.maketrans(b"=; ", b"---")
