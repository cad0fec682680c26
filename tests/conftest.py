"""One hypothesis profile: a busy machine is no failure, and a failure can be repeated."""

# Imported before any test starts a thread: pytest parses these when they are first imported, and
# CPython 3.11's parser fails at random ("AST constructor recursion depth mismatch") when another
# thread parses at the same time.
import os
import re

import hypothesis.internal.conjecture.optimiser
import hypothesis.internal.conjecture.shrinker  # noqa: F401
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "atlas",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("atlas")

# No test may reach a paid service, whoever's machine it runs on.
PAID = re.compile(r"(ANTHROPIC|OPENAI|CLAUDE|CODEX)").match


# The programs that tests start would compile all of Atlas again at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True, scope="session")
def _no_keys():
    for name in [name for name in os.environ if PAID(name)]:
        del os.environ[name]
