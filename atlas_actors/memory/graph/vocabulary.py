"""The words by which extraction knows things and relations; data only."""

import errno
import signal
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# (relation, turned round) of what stands between two names.
CONNECTORS: Final[dict[str, tuple[str, bool]]] = {
    phrase: (relation, turned)
    for relation, turned, phrases in (
        ("imports", False, "imports|import|now imports"),
        ("imports", True, "is imported by|imported by|is imported from|imported from"),
        ("depends_on", False, "depends on|depend on|relies on|requires|require"),
        ("uses", False, "uses|use|used|is using|now uses|switched to"),
        ("uses", True, "is used by|used by|used in|is used in"),
        ("calls", False, "calls|call|called"),
        ("calls", True, "is called by|called by|is called from|called from"),
        ("extends", False, "extends|inherits from|subclasses|derives from"),
        ("implements", False, "implements"),
        ("replaces", False, "replaces|replaced|supersedes|instead of|takes the place of"),
        ("replaces", True, "is replaced by|was replaced by|replaced by|is superseded by"),
        ("fixes", False, "fixes|fixed|resolves|resolved|closes|closed|repairs"),
        ("fixes", True, "is fixed by|was fixed by|fixed by|is resolved by|was resolved by"),
        ("fixes", True, "fixed in|was fixed in|is fixed in"),
        ("causes", False, "causes|caused|leads to|triggers|breaks|broke"),
        ("causes", True, "is caused by|was caused by|caused by|is triggered by"),
        ("raises", False, "raises|raised|throws|threw|fails with|failed with|crashes with"),
        ("raises", False, "crashed with|exits with|exited with|died with"),
        ("raises", True, "raised by|is raised by|was raised by|is raised in|raised in"),
        ("raises", True, "thrown by|is thrown by|thrown in"),
        ("owned_by", False, "is owned by|owned by|belongs to|is maintained by|maintained by"),
        ("owned_by", True, "owns|maintains|is the owner of"),
        ("written_by", False, "is written by|was written by|written by|authored by"),
        ("written_by", True, "wrote"),
        ("reviewed_by", False, "is reviewed by|was reviewed by|reviewed by|approved by"),
        ("assigned_to", False, "is assigned to|was assigned to|assigned to"),
        ("lives_at", False, "lives at|lives in|is located at|is located in|is now in|moved to"),
        ("lives_at", False, "was moved to|has moved to|is now at|was moved into|moved into"),
        ("renamed_to", False, "was renamed to|renamed to|is now called|was renamed"),
        ("tests", False, "tests|covers"),
        ("tests", True, "is tested by|tested by|is covered by|is tested in"),
        ("defines", False, "defines|contains|declares"),
        ("defines", True, "is defined in|defined in|is declared in|is implemented in"),
        ("has_version", False, "is at version|is at|is now at version|is pinned to|pinned to"),
        ("hosted_on", False, "is hosted on|is hosted at|runs on|is deployed to|is deployed on"),
        ("blocks", False, "blocks"),
        ("blocks", True, "is blocked by|blocked by|was blocked by"),
    )
    for phrase in phrases.split("|")
}
# An error and the place it is met at, by the one word between them.
PLACES: Final = frozenset({"in", "at", "from", "inside", "within"})
# verb X word Y: (relation, turned round).
LEADS: Final[dict[tuple[str, str], tuple[str, bool]]] = {
    (verb, word): (relation, turned)
    for relation, turned, word, verbs in (
        ("lives_at", False, "to", "moved|move|moves|moving|relocated"),
        ("lives_at", False, "into", "moved|move|moves|moving"),
        ("renamed_to", False, "to", "renamed|rename|renames|renaming"),
        ("replaces", True, "with", "replaced|replace|replaces|replacing|swapped"),
        ("replaces", True, "by", "replaced|replace|replacing"),
        ("replaces", True, "to", "from"),  # switched from X to Y
        ("has_version", False, "to", "upgraded|upgrade|bumped|bump|pinned|updated|downgraded"),
        ("assigned_to", False, "to", "assigned|assign|assigning"),
    )
    for verb in verbs.split("|")
}
SWITCHED: Final = frozenset({"switched", "switch", "migrated", "migrate", "moved", "changed"})
# What the object of a relation can be, and what may be named by a plain word beside it.
OBJECT_KINDS: Final[dict[str, frozenset[str]]] = {
    "has_version": frozenset({"version"}),
    "raises": frozenset({"error"}),
    "owned_by": frozenset({"person"}),
    "assigned_to": frozenset({"person"}),
    "written_by": frozenset({"person"}),
    "reviewed_by": frozenset({"person"}),
    "imports": frozenset({"package", "symbol", "path"}),
    "lives_at": frozenset({"path", "host", "symbol", "branch"}),
}
PLAIN_OBJECT: Final = frozenset({"imports", "depends_on"})
PLAIN_SUBJECT: Final = frozenset(
    {"imports", "depends_on", "owned_by", "has_version", "hosted_on", "lives_at", "raises"}
)
# Left out of what stands between two names.
FILLERS: Final = _words(
    "the a an now also currently directly just always still only already then its our"
)

PERSON_AFTER: Final = _words(
    """
    hi hey hello dear thanks thank cc ping asked told ask tell reviewer assignee author owner
    per
    """
)
# "reviewed by Ann": the word before `by`.
PERSON_BY: Final = _words(
    """
    owned written reviewed made reported suggested approved fixed maintained authored merged
    assigned led proposed requested said built found
    """
)
PERSON_TO: Final = _words("assigned talked spoke belongs reports according")
PERSON_BEFORE: Final = _words(
    """
    said says wrote told asked asks thinks thought suggested suggests reported reports owns
    maintains reviewed approved proposed mentioned prefers wants recommended agreed replied
    answered
    """
)
NO_PERSON: Final = _words(
    """
    i we you he she it they the this that these those there here what when where why who how
    which if then and or but so my our your his her its their all everyone everybody someone
    nobody monday tuesday wednesday thursday friday saturday sunday january february march april
    may june july august september october november december yes no ok okay please thanks hello
    hi hey for now just let claude python java rust go linux windows docker git again guys team
    folks sir madam doctor docs error warning note god goodness
    """
)
PLAIN_NO: Final = _words(
    """
    the a an it this that them its from in on at of to for with by as is are was and or not all
    some any no more less much many new old each every both one two things
    stuff everything nothing something who which what he she they we you there here
    """
)

EXTENSIONS: Final = _words(
    """
    py pyi pyx js jsx ts tsx mjs cjs rs go c h cc cpp hpp cxx java kt kts swift rb php cs fs
    scala clj ex exs erl hrl hs ml lua pl r jl sh bash zsh fish ps1 bat sql md rst txt toml yaml
    yml json jsonl ini cfg conf xml html htm css scss less vue svelte proto graphql lock env csv
    tsv parquet db sqlite log diff patch ipynb tf dockerfile gradle mk cmake service pdf png jpg
    svg gz zip tar whl so dll exe
    """
)
FILES: Final = frozenset({"makefile", "dockerfile", "jenkinsfile", "procfile", "gemfile"})
# Capitalised things that end like a file, and words that look like symbols and are none.
NO_FILES: Final = _words(
    "node.js next.js vue.js react.js nuxt.js express.js three.js d3.js backbone.js asp.net"
)
NO_SYMBOLS: Final = _words(
    """
    GitHub GitLab YouTube JavaScript TypeScript LinkedIn iPhone iPad iOS macOS eBay PayPal
    WhatsApp OpenAI DevOps McDonald WiFi LaTeX PostgreSQL MySQL SQLite NoSQL ChatGPT
    """
)
NO_ISSUES: Final = _words(
    """
    UTF SHA ISO MD AES RSA COVID GPT HTTP IPV RFC PEP X ASCII LATIN CP TLS SSL CUDA PY B A C F H
    P Q R S T U V K BASE TOP IEEE MPEG MP USB WW G
    """
)
DECORATORS: Final = _words(
    """
    property dataclass staticmethod classmethod override overload cached abstractmethod wraps
    fixture app router param deprecated test media import component input output
    """
)
PROGRAMS: Final = _words(
    """
    git gh pip pip3 pipx uv poetry conda python python3 pytest ruff mypy tox nox npm npx yarn
    pnpm node deno bun cargo rustc go make cmake ninja gcc clang docker podman kubectl helm
    terraform ansible aws gcloud az curl wget ssh scp rsync grep rg sed awk find ls cat cd cp mv
    rm mkdir chmod chown sudo apt apt-get brew systemctl journalctl psql sqlite3 redis-cli mysql
    atlas claude codex bash sh zsh tmux alembic django-admin flask uvicorn gunicorn java mvn
    gradle dotnet bazel pre-commit
    """
)
# "pip install NAMES": the words before the names.
INSTALLS: Final = tuple(
    words.split()
    for words in (
        "pip install", "pip3 install", "pipx install", "uv add", "poetry add", "conda install",
        "npm install", "npm i", "yarn add", "pnpm add", "bun add", "cargo add", "cargo install",
        "go get", "gem install", "apt install", "apt-get install", "brew install",
    )
)  # fmt: skip
BRANCHES: Final = ("feature/", "fix/", "bugfix/", "hotfix/", "release/", "origin/", "chore/")
ERRNOS: Final = frozenset(errno.errorcode.values())
SIGNALS: Final = frozenset(one.name for one in signal.Signals)
ERROR_ENDS: Final = ("Error", "Exception", "Warning", "Fault", "Interrupt")
# Words that no look-up is spent on.
COMMON: Final = (
    PLAIN_NO
    | FILLERS
    | NO_PERSON
    | _words(
        """
        have has had been being was were will would can could should shall might must did does
        doing done get got getting make made making take took think know like want need see said
        say says going went come came good great really very too well back about after before
        over under out off into than them time day one something anything thing much how because
        while when where been some other only even such same own few most between through during
        again once both down until against above below yeah haha lol
        """
    )
)
