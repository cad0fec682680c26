"""What can be seen of a text without understanding it: does it ask, tell a time, a number, a name?"""

import re
from typing import Final

ASKS: Final = 1  # a question
TIME: Final = 2  # says when
NUMBER: Final = 4  # says how many
NAME: Final = 8  # a capital letter within a sentence
TITLE: Final = 16  # something in quotes
CAUSE: Final = 32  # says why
FIRST: Final = 64  # its speaker speaks of himself
CODE: Final = 128  # an identifier, a path or an address

_TIME: Final = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last (?:night|week|weekend|month|year|summer|winter"
    r"|spring|fall|autumn|\w+day|few)|next (?:week|weekend|month|year|\w+day)"
    r"|this (?:week|weekend|month|year|past|morning|summer|winter)|recently|since|(?:mon|tues|"
    r"wednes|thurs|fri|satur|sun)day|weekend|(?:19|20)\d\d|january|february|march|april|june|july"
    r"|august|september|october|november|december|the other day|just (?:got|started|finished|had))\b",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|"
    r"fifty|hundred|thousand|once|twice|first|second|third|fourth|couple|few|several|dozen|half|"
    r"years|months|weeks|days|hours|daily|weekly)\b",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"[^\W\d_.!?:\"]['’\w]*,? [A-Z][a-z]{2,}")
_TITLE: Final = re.compile(r"[\"“«][^\"”»]{2,80}[\"”»]")
_CAUSE: Final = re.compile(
    r"\b(?:because|since|so that|reason|in order|due to|thanks to|inspired|helps?|wanted to|"
    r"motivat\w+|that's why|made me|gives? me|cause)\b",
    re.IGNORECASE,
)
_FIRST: Final = re.compile(r"\b(?:I|I'm|I've|I'd|I'll|my|My|we|We|our|Our|me)\b")
_CODE: Final = re.compile(r"\w+(?:[_/]\w+)+|\w[a-z0-9][A-Z]\w|\w\(\)|\w\.\w{1,4}\b|`|://")
_SEEN_MAX: Final = 4_000  # characters: shape is for short texts

_TESTS: Final = (
    (TIME, _TIME),
    (NUMBER, _NUMBER),
    (NAME, _NAME),
    (TITLE, _TITLE),
    (CAUSE, _CAUSE),
    (FIRST, _FIRST),
    (CODE, _CODE),
)


def shape_of(text: str) -> int:
    """The bits above that hold for a text."""
    seen = text[:_SEEN_MAX]
    shape = ASKS if "?" in seen else 0
    for bit, pattern in _TESTS:
        if pattern.search(seen):
            shape |= bit
    return shape
