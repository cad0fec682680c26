"""Which model file is used, and whether it is the one that it should be."""

import hashlib
import json
import os
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import attrs

from atlas_actors.config import Home
from atlas_actors.errors import Unavailable, UsageError

HERE: Final = Path(__file__).parent
BLOCK_BYTES: Final = 4 * 1_048_576
PULL_CURE: Final = "atlas model pull"


@attrs.frozen(kw_only=True)
class Manifest:
    """The official model; see manifest.toml."""

    name: str
    file: str
    bytes: int
    sha256: str
    licence: str
    origin: str
    address: str
    part_bytes: int


@attrs.frozen(kw_only=True)
class Model:
    """The file in use and the hash that it must have."""

    name: str
    path: Path
    sha256: str
    official: bool


@cache
def manifest() -> Manifest:
    """The official model."""
    return Manifest(**tomllib.loads((HERE / "manifest.toml").read_text("utf-8")))


def official(home: Home) -> Model:
    """The official model at its place in this home, whether or not it is there."""
    known = manifest()
    return Model(name=known.name, path=home.models / known.file, sha256=known.sha256, official=True)


def selected(home: Home) -> Model:
    """The model that `atlas model use` named, else the official one."""
    choice = home.models / "selected.json"
    try:
        table = json.loads(choice.read_text("utf-8"))
        return Model(
            name=table["name"],
            path=Path(table["path"]),
            sha256=table["sha256"],
            official=False,
        )
    except FileNotFoundError:
        return official(home)
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(
            f"{choice} is not readable", cure="atlas model use FILE, or delete it"
        ) from error


def select(home: Home, path: Path, progress: Callable[[int], None]) -> Model:
    """Use a file of the user's. Raises UsageError when it is no GGUF model."""
    path = path.resolve()
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if magic != b"GGUF":
        raise UsageError(f"{path} is not a GGUF model file")
    sha256 = sha256_of(path, progress)
    home.models.mkdir(parents=True, exist_ok=True)
    choice = home.models / "selected.json"
    name = manifest().name if sha256 == manifest().sha256 else path.stem
    table = {"name": name, "path": str(path), "sha256": sha256}
    write_whole(choice, json.dumps(table))
    model = Model(name=name, path=path, sha256=sha256, official=False)
    remember_verified(home, model)
    return model


def verify(home: Home, model: Model, progress: Callable[[int], None] = lambda _: None) -> None:
    """Raise Unavailable unless the file has its hash; hashed again only when it has changed."""
    if not model.path.exists():
        raise Unavailable(
            f"the model file {model.path.name} is not there", cure=PULL_CURE, part="model"
        )
    if is_verified(home, model):
        return
    if sha256_of(model.path, progress) != model.sha256:
        raise Unavailable(
            f"the model file {model.path} is damaged: its sha256 is wrong",
            cure=PULL_CURE if model.official else "atlas model use FILE",
            part="model",
        )
    remember_verified(home, model)


def is_verified(home: Home, model: Model) -> bool:
    """Whether this very file (size, time, inode) had its hash when it was last read."""
    try:
        known = json.loads((home.models / "verified.json").read_text("utf-8"))
        return bool(known == _stamp(model))
    except (OSError, ValueError):
        return False


def remember_verified(home: Home, model: Model) -> None:
    """Note that this very file has its hash."""
    home.models.mkdir(parents=True, exist_ok=True)
    write_whole(home.models / "verified.json", json.dumps(_stamp(model)))


def sha256_of(path: Path, progress: Callable[[int], None] = lambda _: None) -> str:
    """The file's hash; `progress` gets the bytes of each block."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            progress(len(block))
    return digest.hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Replace a small file at once: a reader sees the old or the new text, never half."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)


def _stamp(model: Model) -> dict[str, str | int]:
    stat = model.path.stat()
    return {
        "path": str(model.path),
        "sha256": model.sha256,
        "bytes": stat.st_size,
        "modified_ns": stat.st_mtime_ns,
        "changed_ns": stat.st_ctime_ns,
        "inode": stat.st_ino,
    }
