"""Settings files as people write them: any spacing, comments, line ends, commas."""

import json

from hypothesis import strategies as st

EVENTS = ("SessionStart", "PreToolUse", "Stop", "SessionEnd", "Mystery")
NAMES = st.sampled_from(("model", "env", "a b", "ü", 'q"q', "permissions", "x{", "//no", ""))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(("// no comment", "/* nor this */", "a,b", "}", "\\", '"', "\u2028", "ü\n")),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
FOREIGN = st.fixed_dictionaries(
    {"type": st.just("command"), "command": st.sampled_from(("lint", "say 'hi' \"there\""))},
    optional={"timeout": st.integers(1, 60), "args": st.lists(st.text(max_size=3), max_size=2)},
)
GROUPS = st.fixed_dictionaries(
    {"hooks": st.lists(FOREIGN, max_size=2)}, optional={"matcher": st.sampled_from(("Bash", ""))}
)
HOOKS = st.dictionaries(st.sampled_from(EVENTS), st.lists(GROUPS, max_size=3), max_size=4)


@st.composite
def settings(draw):
    """A settings object: anything, and often hooks and a status line of somebody else's."""
    found = draw(st.dictionaries(NAMES, VALUES, max_size=4))
    if draw(st.booleans()):
        found["hooks"] = draw(HOOKS)
    if draw(st.booleans()):
        found["statusLine"] = {"type": "command", "command": "date"}
    names = draw(st.permutations(list(found)))
    return {name: found[name] for name in names}


@st.composite
def spelled(draw, value):
    """The bytes of a value in some spelling; JSON, or JSON with comments."""
    eol = draw(st.sampled_from(("\n", "\r\n")))
    unit = draw(st.sampled_from(("", "  ", "    ", "\t")))
    comments = draw(st.booleans())
    trailing = draw(st.booleans()) and comments
    gaps = ["", "", " ", "\t", eol, eol + unit, eol + eol]
    if comments:
        gaps += [" /* a, b */ ", f" // c }} ,{eol}", f"{eol}{unit}// d{eol}{unit}"]
    tidy = draw(st.sampled_from(("tidy", "flat", "wild")))
    body = _spell(draw, value, tidy, gaps, eol, unit, trailing, 0)
    head = draw(st.sampled_from((b"", b"", b"\xef\xbb\xbf")))
    foot = draw(st.sampled_from(("", eol, eol + eol)))
    return head + (body + foot).encode()


def _spell(draw, value, tidy, gaps, eol, unit, trailing, depth):
    if not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)

    def gap(level):
        if tidy == "wild":
            return draw(st.sampled_from(gaps))
        return "" if tidy == "flat" else eol + unit * level

    opening, closing = "{}" if isinstance(value, dict) else "[]"
    if not value:
        return opening + (gap(depth) if tidy == "wild" else "") + closing
    items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    parts = []
    for name, item in items:
        text = _spell(draw, item, tidy, gaps, eol, unit, trailing, depth + 1)
        before = "" if tidy != "wild" else draw(st.sampled_from(gaps))
        key = "" if name is None else f"{json.dumps(name, ensure_ascii=False)}{before}: "
        behind = "" if tidy != "wild" else draw(st.sampled_from(gaps))
        parts.append(gap(depth + 1) + key + text + behind)
    return opening + ",".join(parts) + ("," if trailing else "") + gap(depth) + closing
