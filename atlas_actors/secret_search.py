"""Pure: finds the secrets in a text, by their own form or by where they stand; linear in time."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.secret_values import MARK, Position, Writing, is_secret, pattern

_TOKENS_FILE: Final = Path(__file__).with_name("secret_tokens.toml")
# What may stand before a token: no letter or digit, an escape, a colour, a percent code.
_START: Final = r"(?:^|[^A-Za-z0-9]|\\[nrtfv]|\x1b\[[0-9;]*m|%[0-9A-Fa-f]{2})"
_LOOK_BACK: Final = 64
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
_PASSWORD: Final = (
    r"passwords?|passwd|passphrase|pass_?code|(?:^|[^A-Za-z])pwd|[_-]pass|[_-]pw|_auth|userpass"
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
_NAME: Final = rf"(?:({_PASSWORD})|({_KEY}|{_TOKENISH})){_SUFFIX}"
_VALUE: Final = pattern(
    r"""(?:[rbfuRBFU]{0,2}(?:"((?:[^"\\\r\n]|\\.)*)"|'((?:[^'\\\r\n]|\\.)*)'"""
    r"""|`([^`\r\n]*)`)"""
    r"""|\\{1,8}["']([^"'\\\r\n]*)\\{1,8}["']"""
    r"""|["'`]([^\r\n"'`]*)$"""
    r"""|["'`]{0,3}((?:[^\s"'`;\\]|\\[^nrt"'\\\s])+))"""
)
_ANNOTATED: Final = r"(?::[ \t]*(?:&(?:'static )?)?[A-Za-z][A-Za-z\[\] |.]{1,24}=)"
_ASSIGNMENT: Final = pattern(
    rf"(?i){_NAME}((?:{_QUOTE})?\]?[ \t]{{0,16}}"
    rf"(?:{_ANNOTATED}|:=|=>|={{1,3}}|:)[ \t]{{0,16}})"
)
# --password VALUE, and a value on its own line below its name, as Kubernetes writes them
_FLAG: Final = pattern(rf"(?i)(?:^|[\s'\"])--?[a-z0-9-]{{0,24}}?{_NAME}([ \t]+)")
_PAIR: Final = pattern(
    rf"(?i)name(?:{_QUOTE})?[ \t]*[:=][ \t]*(?:{_QUOTE})?[A-Za-z0-9_.-]{{0,40}}?{_NAME}(?:{_QUOTE})?"
    rf"([,\s]{{0,40}}(?:{_QUOTE})?value(?:{_QUOTE})?[ \t]*[:=][ \t]*)"
)
_PROSE: Final = pattern(
    r"(?i)(password|passphrase|passcode|passwd|token|api[ _-]?key|access[ _-]?key"
    r"|secret(?:[ _-](?:access[ _-])?key)?|credentials?)"
    r"(?: [a-z]+(?: [a-z]+)?)?(?: is| was|'s| are| to| it is|:)(?: now| still| set to)?:?[ \t]+"
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
        ("password", r"""[A-Za-z][A-Za-z0-9+.-]{1,20}:\\?/\\?/[^\s/:@"'<>]{0,100}:([^\s/@"'<>]{2,200})@"""),
        ("token", r"""https?:\\?/\\?/([A-Za-z0-9_-]{20,200})@[A-Za-z0-9]"""),
        ("password", r"(?i)login[ \t\r\n]+\S{1,100}[ \t\r\n]+password[ \t\r\n]+(\S{3,})"),
        ("password", r"""(?i)(?:identified by|password)[ \t]+'([^'\r\n]{3,})'"""),
        (
            "password",
            r"""(?i)(?:sshpass|mysql[a-z]*|docker login|mongo[a-z]*|redis-cli)[^\n|;]{0,100}?"""
            r"""[ \t]-(?:p|a)[ \t]?["']?([^\s"'-][^\s"']{3,})""",
        ),
        ("password", r"""(?i)(?:[ \t]-u|--user)[ =]?["']?[A-Za-z0-9_.@-]+:([^\s"'@/]{4,})"""),
        ("password", r"""(?i)<[a-z:]*(?:password|passwd|secret|token|apikey)>([^<\s]{4,})</"""),
        ("password", r"""(?i)ConvertTo-SecureString[ \t]+(?:-String[ \t]+)?["']([^"'\r\n]{4,})["']"""),
        ("docker", r"""\\{0,4}"auth\\{0,4}"[ \t]*:[ \t]*\\{0,4}"([A-Za-z0-9+/=]{12,})\\{0,4}\""""),
        ("aws", r"""(?:AKIA|ASIA)[0-9A-Z]{16}[\s,;:|"'=\\n/]{1,40}([A-Za-z0-9/+]{40})"""),
    )
)

_BEGIN: Final = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
_END: Final = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
_PEM: Final = pattern(f"({_BEGIN})|({_END})|(PuTTY-User-Key-File-[0-9])")
_PEM_GAP: Final = r"""(?:[\s>+|#*"',;:\\-]|\\[nrt]|[0-9]{1,5}(?:\xe2\x86\x92|[:|\t]))*"""
_PEM_REST: Final = pattern(
    rf"(?:{_PEM_GAP}(?:(?:Proc-Type|DEK-Info|Comment|Encryption|Public-Lines|Private-Lines"
    rf"|Private-MAC|Key-Derivation|Argon2-[A-Za-z]+)[^\n\\]*|[A-Za-z0-9+/]{{20,}}={{0,2}}))*"
    rf"(?:{_PEM_GAP}[A-Za-z0-9+/]+={{1,2}})?"
)
_PEM_BEFORE: Final = pattern(rf"((?:[A-Za-z0-9+/]{{40,}}={{0,2}}{_PEM_GAP})+[A-Za-z0-9+/=]*{_PEM_GAP}){_END}")
_GATE: Final = pattern(
    r"(?i)pass|pwd|_pw|_auth|secret|token|key|credential|authori|bearer|cookie|sess|sid=|connection"
    r"|signature|private|login|identified|mysql|mongo|redis|://|:\\?/\\?/|[ \t]-u|--user|\"auth"
    r"|auth\\*\""
)


def search(data: bytes) -> list[Found]:
    """Where the secrets are, in order, none over another; marks of ours are none."""
    found = [*_tokens(data)]
    if b"-----" in data or b"PuTTY" in data:
        found += _private_keys(data)
    if _GATE.search(data):
        found += _assigned(data)
        found += _placed(data)
    if not found:
        return []
    marks = [match.span() for match in MARK.finditer(data)] if b"[secret:" in data else []
    return joined(one for one in found if not _inside(one, marks))


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
    shown = name[-200:]
    match = _ASSIGNMENT.search(shown + b"=")
    if match is None or match.start(3) != len(shown):
        return None
    return "password" if match.start(1) >= 0 else "token"


def _inside(one: Found, marks: list[tuple[int, int]]) -> bool:
    return any(start <= one.start and one.end <= end for start, end in marks)


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
            yield Found(match.start(), rest.end() if rest else match.end(), "private-key")
        elif ends and (number == 0 or marks[number - 1].start(1) < 0):
            from_byte = marks[number - 1].end() if number else 0
            before = _PEM_BEFORE.search(data, from_byte, match.end())
            if before is not None and before.end() == match.end():
                yield Found(before.start(), match.end(), "private-key")


def _assigned(data: bytes) -> Iterator[Found]:
    for finder in (_ASSIGNMENT, _FLAG, _PAIR):
        at = 0
        while (name := finder.search(data, at)) is not None:
            at = name.end()  # what is no secret may itself be an assignment
            # bounded: a text that is nothing but names would be read again for each of them
            value = _VALUE.match(data, at, at + _VALUE_BYTES)
            found = _judged(data, name, value, flag=finder is _FLAG) if value else None
            if found is not None:
                if found.end == at + _VALUE_BYTES:
                    found = attrs.evolve(found, end=_LONG.match(data, found.end).end())
                yield found
                at = found.end


def _judged(data: bytes, name: Any, value: Any, *, flag: bool) -> Found | None:
    position: Position = "password" if name.start(1) >= 0 else "token"
    writing: Writing = "quoted"
    start, end = next((s for s in map(value.span, range(1, 6)) if s[0] >= 0), (-1, -1))
    if start < 0:
        start, end = _trimmed(data, value.span(6), name.start())
        writing = "bare" if flag else _writing(data, name)
    if is_secret(position, writing, data[start:end]):
        return Found(start, end, position)
    return None


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


def _writing(data: bytes, match: Any) -> Writing:
    """NAME=value with nothing around the sign, the name in capitals or exported or a whole line."""
    if data[match.start(3) : match.end(3)] != b"=":
        return "bare"
    begin = match.start()
    low = max(0, begin - _LOOK_BACK)
    while begin > low and (data[begin - 1 : begin].isalnum() or data[begin - 1] in b"_."):
        begin -= 1
    name = data[begin : match.start(3)].lstrip(b"\n\r\t ;")
    return "environment" if name.isupper() else "bare"


def _placed(data: bytes) -> Iterator[Found]:
    for kind, finder in _PLACES:
        for match in finder.finditer(data):
            start, end = match.span(1)
            if _is_placed(kind, data[start:end]):
                yield Found(start, end, kind)
    for match in _PROSE.finditer(data):
        start, end = _trimmed(data, match.span(3), match.start())
        value = data[start:end].rstrip(b"*!?")
        position: Position = "password" if match[1][:1] in b"pP" else "token"
        if is_secret(position, "bare", value):
            yield Found(start, start + len(value), position)


def _is_placed(kind: str, value: bytes) -> bool:
    if kind in ("password", "docker"):
        return is_secret("password", "quoted", value + b"/" * (len(value) < 4)) or (
            is_secret("password", "environment", value)
        )
    if kind == "cookie":
        return any(48 <= byte <= 57 for byte in value) and is_secret("token", "bare", value.replace(b"=", b"-").replace(b";", b"-").replace(b" ", b"-"))
    if kind == "authorization":
        return is_secret("token", "environment", value)
    return is_secret("token", "quoted", value)
