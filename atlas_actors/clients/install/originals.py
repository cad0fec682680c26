"""Changes files of other programs so that the bytes that they had can be had again.

Such a file may hold keys, so nothing of it is kept: only where our bytes stand among its own, and
hashes by which what is left without them is known to be what was there before.
"""

import contextlib
import difflib
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import attrs

from atlas_actors.errors import Conflict, UsageError
from atlas_actors.home import hash_of

BYTES_MAX: Final = 16 * 1_048_576
PIECES_MAX: Final = 1_000
SAME_BYTES: Final = 65_536  # that are compared at once

# From a file's bytes (None: there is none) to those that it should have (None: no file).
Edit = Callable[[bytes | None], bytes | None]
Piece = tuple[int, int]  # of a file: its first byte, and how many


@attrs.frozen(kw_only=True)
class Original:
    """What a file was before our first change of it, in other words than its own."""

    before: str  # the hash of its bytes; "": there was no file
    after: str  # the hash of the bytes that we left
    added: tuple[Piece, ...]  # of those, what goes to have the former
    made: tuple[str, ...]  # directories that we made for it, the outermost first


@attrs.frozen(kw_only=True)
class Change:
    """One file's step; equal bytes: nothing is to be done."""

    file: Path
    now: bytes | None
    wanted: bytes | None
    before: bytes | None  # what its uninstallation is to bring back
    made: tuple[str, ...] = ()

    @property
    def is_none(self) -> bool:
        """Whether the file is as it should be."""
        return self.now == self.wanted

    def differences(self) -> str:
        """For people: a unified diff of the two."""
        old, new = (
            (data or b"").decode("utf-8", "replace").splitlines(keepends=True)
            for data in (self.now, self.wanted)
        )
        lines = difflib.unified_diff(old, new, str(self.file), str(self.file), n=2)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


class Originals:
    """What a home knows of files before they were changed; $ATLAS_HOME/hooks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def plan_install(self, file: Path, edit: Edit, clean: Edit) -> Change:
        """Ours into the file; `clean` takes out what is ours and leaves other bytes alone."""
        now, kept = read(file), self.of(file)
        made = kept.made if kept else ()
        before = _before(now, kept, clean)
        return Change(file=file, now=now, wanted=edit(now), before=before, made=made)

    def plan_uninstall(self, file: Path, clean: Edit) -> Change:
        """The very bytes from before, when nobody has changed the file since; else without ours."""
        now, kept = read(file), self.of(file)
        made = kept.made if kept else ()
        wanted = _before(now, kept, clean)
        return Change(file=file, now=now, wanted=wanted, before=wanted, made=made)

    def install(self, change: Change) -> None:
        """Note what was before, then write; Conflict when somebody else was quicker."""
        if change.is_none:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UsageError(f"{self._folder} cannot be made: {error.strerror}") from error
        made = change.made + _missing_folders(change.file)
        # First the note: when we are cut off now, the next installation finds the file unchanged.
        original = Original(
            before=_hash(change.before),
            after=_hash(change.wanted),
            added=added(change.before or b"", change.wanted or b""),
            made=made,
        )
        self._keep(change.file, original)
        replace(change.file, change.now, change.wanted)

    def uninstall(self, change: Change) -> None:
        """Write, remove the directories that we made and nobody uses, and forget the original."""
        if not change.is_none:
            replace(change.file, change.now, change.wanted)
        if change.wanted is None:
            for folder in reversed(change.made):
                with contextlib.suppress(OSError):  # others have put something there
                    Path(folder).rmdir()
        with contextlib.suppress(NotADirectoryError):  # then there is no note
            self._note(change.file).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # originals of other files
            self._folder.rmdir()

    def of(self, file: Path) -> Original | None:
        """What is known of this file; None: we never changed it, or the note cannot be read."""
        try:
            note = json.loads(self._note(file).read_bytes())
            return Original(
                before=str(note["before"]),
                after=str(note["after"]),
                added=tuple((int(start), int(size)) for start, size in note["added"]),
                made=tuple(map(str, note["made"])),
            )
        except (OSError, ValueError, KeyError, TypeError):
            # Then what is ours is taken out of the file as it stands.
            return None

    def _keep(self, file: Path, original: Original) -> None:
        note = {"file": str(file), **attrs.asdict(original)}
        _write(self._note(file), json.dumps(note).encode(), mode=0o600)

    def _note(self, file: Path) -> Path:
        return self._folder / f"{_name(file)}.json"


def added(before: bytes, after: bytes) -> tuple[Piece, ...]:
    """Pure: the pieces of `after` without which it is `before`, in order; none, where there are
    none or where it takes more than that."""
    if not before:
        return ((0, len(after)),) if after else ()
    for window in (256, 32, 1):  # long ones first: fewer pieces
        pieces = _pieces(before, after, window)
        if pieces is not None:
            return pieces if len(pieces) <= PIECES_MAX else ()
    return ()


def without(data: bytes, pieces: Iterable[Piece]) -> bytes:
    """Pure: the bytes that are left."""
    left, end = [], 0
    for start, size in pieces:
        left.append(data[end:start])
        end = start + size
    return b"".join((*left, data[end:]))


def read(file: Path) -> bytes | None:
    """A file's bytes, None when there is none; UsageError when it cannot be read."""
    try:
        # A pipe would wait for its other end, and a device is not to be written over.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise UsageError(f"{file} is no regular file, and was left alone")
            data = stream.read(BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > BYTES_MAX:
        raise UsageError(f"{file} is longer than {BYTES_MAX} bytes, and was left alone")
    return data


def replace(file: Path, now: bytes | None, wanted: bytes | None) -> None:
    """Write in one step, through links, with mode and owner kept; Conflict when it changed."""
    target = Path(os.path.realpath(file))
    if read(target) != now:
        raise Conflict(f"{file} was changed by somebody else just now", cure="try again")
    try:
        if wanted is None:
            target.unlink(missing_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        held = target.stat() if now is not None else None
        _write(target, wanted, mode=None if held is None else stat.S_IMODE(held.st_mode), held=held)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error


def _write(
    target: Path, data: bytes, *, mode: int | None, held: os.stat_result | None = None
) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            os.fchmod(stream.fileno(), _new_mode() if mode is None else mode)
            if held is not None and (held.st_uid, held.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(stream.fileno(), held.st_uid, held.st_gid)
        os.replace(name, target)  # noqa: PTH105
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _new_mode() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def _missing_folders(file: Path) -> tuple[str, ...]:
    missing: list[str] = []
    folder = Path(os.path.realpath(file)).parent
    while not folder.exists():
        missing.insert(0, str(folder))
        folder = folder.parent
    return tuple(missing)


def _before(now: bytes | None, kept: Original | None, clean: Edit) -> bytes | None:
    """The bytes from before our first change; of a file changed since then, what is not ours."""
    if now is None:
        return None
    if kept is not None and kept.after == _hash(now):
        if not kept.before:
            return None
        found = without(now, kept.added)
        if _hash(found) == kept.before:
            return found
    left = clean(now)
    return None if kept is not None and not kept.before and _is_blank(left) else left


def _pieces(before: bytes, after: bytes, window: int) -> tuple[Piece, ...] | None:
    """What stands between the bytes of before, each next to be looked for by so many of them."""
    pieces: list[Piece] = []
    at, end = 0, 0  # of before, of after
    while at < len(before):
        found = after.find(before[at : at + window], end)
        if found < 0:
            return None
        if found > end:
            pieces.append((end, found - end))
        same = _same(before, after, at, found)
        at, end = at + same, found + same
    return (*pieces, (end, len(after) - end)) if end < len(after) else tuple(pieces)


def _same(one: bytes, other: bytes, at: int, there: int) -> int:
    """How many bytes are the same from these places on."""
    same, step = 0, SAME_BYTES
    while step:
        piece = one[at + same : at + same + step]
        if len(piece) == step and other.startswith(piece, there + same):
            same += step
        else:
            step //= 2
    return same


def _is_blank(data: bytes | None) -> bool:
    """Whether nothing is said: no file, or an empty object."""
    return data is None or data.removeprefix(b"\xef\xbb\xbf").split() in ([], [b"{}"], [b"{", b"}"])


def _hash(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()


def _name(file: Path) -> str:
    return format(hash_of(os.fsencode(os.path.abspath(file))), "016x")  # noqa: PTH100
