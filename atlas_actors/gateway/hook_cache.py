"""Keeps scripts/hook compiled: compiling its modules takes longer than all that they do."""

import py_compile
import sys
from pathlib import Path
from typing import Final

from loguru import logger

SCRIPTS: Final = Path(__file__).parents[2] / "scripts"
MODULES: Final = ("hook_asking", "hook_unanswered")


def keep_compiled(scripts: Path = SCRIPTS) -> None:
    """Compile them for this interpreter, at each start: so a damaged file does not stay.

    Where it cannot be done (a folder that is not ours), hooks compile them each time.
    """
    for name in MODULES:
        # Where an interpreter with -I looks, whatever PYTHONPYCACHEPREFIX says to this one.
        target = scripts / "__pycache__" / f"{name}.{sys.implementation.cache_tag}.pyc"
        try:
            py_compile.compile(
                str(scripts / f"{name}.py"), cfile=str(target), doraise=True, optimize=0
            )
        except (OSError, py_compile.PyCompileError) as error:
            logger.warning("gateway.hook_not_compiled", module=name, error=type(error).__name__)
