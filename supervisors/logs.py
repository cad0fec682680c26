"""The log: lines to stderr and to a rotating file, each through the redactor."""

import sys
import traceback
from collections.abc import Callable
from typing import Any

from loguru import logger

from atlas_actors.config import Home
from atlas_actors.redaction import Redactor


def set_up_logging(
    home: Home, level: str, files: int, bytes_max: int, redactor: Redactor | None = None
) -> None:
    """Never a prompt, an answer or a key; what an error quotes of one is redacted."""
    line = _line_of(redactor or Redactor())
    logger.remove()
    logger.add(sys.stderr, level=level, format=line, backtrace=False, diagnose=False)
    logger.add(
        str(home.log / "atlas.log"),
        level=level,
        format=line,
        rotation=bytes_max,
        retention=files,
        backtrace=False,
        diagnose=False,
    )


def _line_of(redactor: Redactor) -> Callable[[Any], str]:
    def line(record: Any) -> str:
        """time level event key=value…; loguru fills the fields in braces."""
        extra = "".join(f" {key}={value}" for key, value in record["extra"].items())
        error = record["exception"]
        trace = "".join(traceback.format_exception(*error)) if error else ""
        said = redactor.text(f"{record['message']}{extra}\n{trace}")
        literal = said.replace("{", "{{").replace("}", "}}").replace("<", "\\<")
        return "{time:YYYY-MM-DD HH:mm:ss.SSS} {level:<7} " + literal

    return line
