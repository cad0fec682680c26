"""What a sentence lays down: a rule, a preference, a fact to remember, a decision; or nothing."""

import re
from functools import cache
from typing import Final

import attrs

from atlas_actors.memory.learning.sentences import spoken, unmasked
from atlas_actors.messages.memory import ItemKind

LABELS_MAX: Final = 12  # statements of one turn


@attrs.frozen(kw_only=True)
class Statement:
    """One thing that was laid down."""

    kind: ItemKind
    text: str
    rule: str
    rationale: str | None = None
    alternatives: tuple[str, ...] = ()


# What an order begins with. "It never works" or "always fails on CI" has none of these after it.
_VERBS: Final = (
    "use|run|add|write|put|keep|make|test|check|commit|push|merge|rebase|squash|format|lint|name"
    "|call|return|raise|import|install|update|upgrade|pin|log|document|comment|explain|ask|show"
    "|prefer|avoid|include|exclude|create|delete|remove|change|edit|modify|touch|rename|move"
    "|refactor|mock|stub|skip|ignore|disable|enable|set|pass|store|save|read|open|close|start|stop"
    "|deploy|release|publish|build|compile|bump|tag|sign|review|reply|answer|respond|speak|talk"
    "|hard-?code|guess|assume|invent|break|revert|reset|force|overwrite|suppress|swallow|catch"
    "|print|leave|let|give|tell|send|follow|stick|start|end|begin|wrap|indent|sort|group|split"
    "|quote|escape|validate|sanitize|sanitise|verify|confirm|double-?check|mention|say|do|be|go"
    "|try|have|work|link|refer|cite|translate|generate|access|depend|rely|expose|query|declare"
    "|define|number|annotate|type|inline|extract|copy|paste|mutate|modify|configure|schedule|retry|cache"
)
_LEAD: Final = (
    r"^(?:(?:ok|okay|also|and|so|but|then|please|pls|btw|by the way|hey|well|yes|right|again"
    r"|claude|codex|fyi|ps|one more thing|important|note|rule|reminder|convention)\b[,:.!]?\s+)*"
)
_SCOPE: Final = (
    r"(?:(?:from now on|going forward|in (?:the )?future|in general|as a rule|in this (?:repo"
    r"|repository|project|codebase)|here|(?:when|whenever|before|after|for|in) [^,]{3,80}),?\s+)?"
)
_ORDERED: Final = (
    _LEAD + r"(?P<text>" + _SCOPE
    + r"(?:you (?:should|must|have to|need to) |we (?:should |must )?)?"
    r"(?:please )?(?:always|never) (?:please )?(?:" + _VERBS + r")\b.+)$"
)  # fmt: skip
_FROM_NOW: Final = (
    _LEAD + r"(?P<text>(?:from now on|going forward|in (?:the )?future),?\s+(?:please )?(?:you "
    r"(?:should|must) )?(?:" + _VERBS + r"|don'?t|do not)\b.+)$"
)  # fmt: skip
_FORBIDDEN: Final = (
    _LEAD + r"(?:no[,.!]\s+)?(?P<text>" + _SCOPE
    + r"(?:please )?(?:you (?:should not|shouldn'?t|must not|mustn'?t)|don['’]?t|do not|stop|avoid)"
    r" (?:ever )?(?:" + _VERBS + r"|\w{2,}ing)\b.+)$"
)  # fmt: skip
_PREFERRED: Final = (
    _LEAD + r"(?P<text>(?:(?:i|we) (?:would |'d |strongly |really |generally |much )*"
    r"(?:prefer|rather (?:you|we|have|use|see))|(?:i|we)'d (?:prefer|rather)|prefer) .{4,})$"
)  # fmt: skip
_CORRECTED: Final = (
    _LEAD + r"(?:(?:no|nope|wrong|not that|not like that|actually|stop)\b[,.:;!\s—-]+)?"
    r"(?:please )?(?P<text>(?:use|we use|run|call it|name it|import|it'?s|it is|that'?s) .{1,150}?"
    r"(?: instead of | rather than |, not | and not )(?P<other>.+))$"
)  # fmt: skip
_CORRECTION: Final = (
    r"^(?:no|nope|wrong|not that|not like that)[,.:;!\s—-]+(?:please )?(?P<text>(?:use|we use|run)"
    r" .{2,150}?)(?: instead)?[.!]?$"
)
_OURS: Final = (
    _LEAD + r"(?P<text>(?:(?:here|in this (?:repo|project|codebase)),? )?(?:we|this (?:project|repo"
    r"|codebase)) (?:always|never|only) (?:use|uses|run|runs|" + _VERBS + r")s?\b.+)$"
)  # fmt: skip
_REMEMBERED: Final = (
    _LEAD + r"(?:remember|don'?t forget|do not forget|keep in mind|make a note|take note"
    r"|note for (?:later|the future)|for future reference)(?P<to> to)?(?: that|,|:)?\s+"
    r"(?P<text>.{6,})$"
)  # fmt: skip
_DECIDED: Final = (
    _LEAD + r"(?:(?:after|in the end|finally)[^,]{0,80}, |finally )?(?:we|i)(?:'ve| have)?(?: now"
    r"| just| finally| all)? (?:chose|have chosen|decided|picked|settled|agreed|opted|went)"
    r"(?P<link> on| to| that| for| with| against| in favou?r of)? (?P<what>.{3,200}?),? "
    r"(?:because|since|so that|due to|given that) (?P<why>.{4,})$"
)
_LETS: Final = (
    _LEAD + r"(?P<what>let'?s (?:go with|use|stick with|stick to|keep|choose) .{2,200}?),? "
    r"(?:because|since|due to|given that|as it|as they) (?P<why>.{4,})$"
)  # fmt: skip
_LABELLED: Final = (
    r"^(?:decision|decided): (?P<what>.{3,300}?)(?:,? (?:because|since) (?P<why>.{4,}))?$"
)
_OTHER: Final = re.compile(
    r"(?: over | instead of | rather than | and not )(?P<other>[^,.;]{2,100})$"
)

_ONCE: Final = (
    r"\b(?:yet|right now|for now|this time|today|tonight|tomorrow|for the moment|at the moment"
    r"|just (?:this )?once|until (?:i|we|you|he|she|they)|while (?:i|we)"
    r"|this (?:one|pr|commit|message|answer|reply|turn"
    r"|task|branch|line|file|function|bug)|that (?:one|file|line|function|branch|pr)"
    r"|anymore|(?<!from )now)\b"
)
_BARE: Final = (
    r"^(?:please )?(?:don'?t|do not|don’t|stop|avoid) (?:\w+ ){1,2}(?:it|that|this|them|anything"
    r"|so|there|me|too much|again|about it)[.!]?$|\b(?:do|be|go) (?:it|that|this|so|there|afraid"
    r"|sorry|ahead|mad|silly|like that)\b"
)
_UNMEANT: Final = (
    r"\blol\b|\bhaha|\brofl\b|(?:^|\s)/s\b|\byeah,? right\b|[😂🤣🙄😅😉😏]|[;:]-?[)P](?:\s|$)"
    r"|^(?:oh )?(?:great|sure|brilliant|wonderful|perfect|fantastic|nice|lovely)[,!]"
    r"|\bjust kidding\b|\bjoking\b|\bof course you\b|\bas if\b|\bwhy not just\b"
)
_RECALLING: Final = (
    r"^(?:when|how|what|where|who|why|last|the (?:time|day|other|last|first)|me\b|us\b|back"
    r"|our (?:last|talk)|you (?:said|told|did))"
)
_HYPOTHESIS: Final = (
    r"^(?:what if|suppose|imagine|maybe|perhaps|should|could|would|can|do|does|did|is|are|if)\b"
    r"|\bor should\b|\bnot sure\b|\bi think maybe\b"
)
# What an agent tells of its way is no decision about the work.
_ON_THE_WAY: Final = (
    r"^(?:to )?(?:look|read|check|run|search|start|try|inspect|open|view|continue|explore|examine"
    r"|see|ask|wait|re-?run|skip|proceed|investigate|first|begin|go|stop|do|leave|take)\b"
)
_PERSON: Final = (
    ("ordered", "rule", _ORDERED),
    ("ordered", "rule", _FROM_NOW),
    ("ordered", "rule", _OURS),
    ("corrected", "preference", _CORRECTED),
    ("corrected", "preference", _CORRECTION),
    ("forbidden", "rule", _FORBIDDEN),
    ("preferred", "preference", _PREFERRED),
)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled for the first text: together they take 20 ms, and many a process reads none."""
    return re.compile(pattern, re.IGNORECASE)


def of_person(text: str) -> list[Statement]:
    """What a user lays down in their own words."""
    found: list[Statement] = []
    for sentence, quoted in spoken(text):
        statement = _of_person(sentence)
        if statement is not None:
            found.append(_restored(statement, quoted))
    return found[:LABELS_MAX]


def of_agent(text: str) -> list[Statement]:
    """What an agent says to have decided, with its reason."""
    found: list[Statement] = []
    for sentence, quoted in spoken(text):
        decision = _decision(sentence)
        if decision is not None and decision.rationale:
            found.append(_restored(decision, quoted))
    return found[:LABELS_MAX]


def _of_person(sentence: str) -> Statement | None:
    if sentence.endswith("?") or _compiled(_UNMEANT).search(sentence):
        return None
    plain = sentence.rstrip(".! ")
    decision = _decision(plain)
    if decision is not None:
        return decision
    remembered = _compiled(_REMEMBERED).match(plain)
    if remembered is not None:
        return _remembered(remembered)
    for rule, kind, pattern in _PERSON:
        match = _compiled(pattern).match(plain)
        if match is None:
            continue
        text = match["text"]
        if _compiled(_ONCE).search(text) or _compiled(_BARE).search(text):
            return None
        return Statement(kind=kind, text=text, rule=rule)  # type: ignore[arg-type]
    return None


def _remembered(match: re.Match[str]) -> Statement | None:
    """An order is a rule, anything else a fact that a person vouches for."""
    text = match["text"]
    if _compiled(_RECALLING).match(text) or _compiled(_ONCE).search(text):
        return None
    order = match["to"] is not None or any(
        _compiled(pattern).match(text) for _, kind, pattern in _PERSON if kind == "rule"
    )
    return Statement(kind="rule" if order else "learning", text=text, rule="remembered")


def _decision(sentence: str) -> Statement | None:
    plain = sentence.rstrip(".! ")
    if (
        sentence.endswith("?")
        or _compiled(_HYPOTHESIS).match(plain)
        or _compiled(_UNMEANT).search(plain)
    ):
        return None
    for pattern in (_LABELLED, _DECIDED, _LETS):
        match = _compiled(pattern).match(plain)
        if match is None:
            continue
        link = match.groupdict().get("link") or ""
        what = match["what"].strip(" ,")
        if pattern is _DECIDED and ("went" in plain.split(" with ")[0]) > ("with" in link):
            return None  # "we went home because"
        if _compiled(_ON_THE_WAY).match(what) or what.lower() in ("it", "this", "that", "nothing"):
            return None
        other = _OTHER.search(what)
        return Statement(
            kind="decision",
            text=plain[: match.end("what")],
            rule="decided",
            rationale=match["why"],
            alternatives=(other["other"],) if other else (),
        )
    return None


def _restored(statement: Statement, quoted: list[str]) -> Statement:
    text = unmasked(statement.text, quoted).strip(" ,")
    why = statement.rationale
    return attrs.evolve(
        statement,
        text=text[:1].upper() + text[1:],
        rationale=None if why is None else unmasked(why, quoted),
        alternatives=tuple(unmasked(other, quoted) for other in statement.alternatives),
    )
