"""How far a run has come, whatever it does: bounded, and each change is noticed."""

from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.providers.trail import (
    FILES_MAX,
    SAID_CHARACTERS,
    STEP_CHARACTERS,
    STEPS_MAX,
    Trail,
    text_of,
)

TEXT = st.text(max_size=400)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(0, 80), TEXT, TEXT),
        st.tuples(st.just("end"), st.integers(0, 80), st.booleans()),
        st.tuples(st.just("plan"), st.lists(TEXT, max_size=80)),
        st.tuples(st.just("say"), TEXT),
        st.tuples(st.just("pause")),
    ),
    max_size=200,
)


def shape(trail):
    return trail.done, trail.files, trail.next_steps, trail.said


def act(trail, name, *given_):
    match name:
        case "begin":
            trail.begin(str(given_[0]), given_[1], (trail.place(given_[2]),))
        case "end":
            trail.end(str(given_[0]), failed=given_[1])
        case _:
            getattr(trail, name)(*given_)


@given(ACTS)
def test_it_is_bounded_and_no_change_goes_unnoticed(acts):
    trail = Trail("/work")
    for one in acts:
        before, changes = shape(trail), trail.changes
        act(trail, *one)
        assert shape(trail) == before or trail.changes > changes
    assert len(trail.done) <= STEPS_MAX
    assert len(trail.files) <= FILES_MAX
    assert len(trail.next_steps or ()) <= STEPS_MAX
    assert all(len(step) <= STEP_CHARACTERS + 40 for step in trail.done)
    assert all("\n" not in step for step in trail.done)
    assert len(trail.said) <= SAID_CHARACTERS


def test_the_same_beginning_twice_is_no_change():
    trail = Trail()
    trail.begin("1", "Bash: ls")
    changes = trail.changes
    trail.begin("1", "Bash: ls")
    assert trail.changes == changes


def test_the_end_of_what_never_began_is_nothing():
    trail = Trail()
    trail.end("1")
    assert (trail.done, trail.changes) == ((), 0)


def test_a_file_that_is_changed_again_is_the_newest():
    trail = Trail()
    for id, file in enumerate(("a", "b", "a")):
        trail.begin(str(id), "Edit", (file,))
        trail.end(str(id))
    assert trail.files == ("b", "a")


def test_a_path_inside_is_relative_and_any_other_is_as_it_is():
    trail = Trail("/work")
    assert [trail.place(path) for path in ("/work/a/b", "/workshop/a", "c", "/work")] == [
        "a/b", "/workshop/a", "c", ".",
    ]  # fmt: skip
    assert Trail().place("/a") == "/a"


def test_what_is_no_text_is_none():
    assert [text_of(value) for value in ("x", None, 5, ["x"], "\ud83d")] == ["x", "", "", "", "�"]
