"""Layer 2: the shipped classifier, its numbers, and that plain Python computes what numpy did."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.router import linear
from atlas_actors.router.classify import CLASSIFIER_FILE, NOTHING, fast_classify, read, shipped
from atlas_actors.router.examples import Example
from atlas_actors.router.intents import shipped as intents
from atlas_actors.router.patterns import shipped as rules
from atlas_actors.router.train import calibrate, document_of, fit, held_out, predict, prune, train

DOCUMENT = json.loads(CLASSIFIER_FILE.read_text("utf-8"))
SAMPLE = [
    Example(features=tuple(words.split()), labels=tuple(labels.split()), author=author, real=True)
    for words, labels, author in [
        ("red apple", "fruit", "a"),
        ("green apple pie", "fruit food", "b"),
        ("red car", "thing", "a"),
        ("fast car", "thing", "b"),
        ("apple tree", "fruit", "c"),
        ("car tyre", "thing", "c"),
    ]
]


def test_the_shipped_file_says_where_it_comes_from_and_holds_no_prompt():
    provenance = DOCUMENT["provenance"]
    assert provenance["trained_by"] == "scripts/train-router"
    assert provenance["authors"] > 10
    longest = max(len(name.partition(":")[2] or name) for name in DOCUMENT["features"])
    assert longest < 60
    assert all(name.count(" ") <= 1 for name in DOCUMENT["features"])
    assert CLASSIFIER_FILE.stat().st_size < 1_000_000


def test_every_intent_has_a_threshold_and_every_rule_a_record():
    assert set(shipped().model.classes) == {*intents(), NOTHING}
    assert set(DOCUMENT["rules"]) <= {rule.id for rule in rules()}
    assert all(0 < limit <= 1 for limit in DOCUMENT["thresholds"].values())


@given(st.text(max_size=500))
def test_any_text_is_classified_within_the_scales(text):
    found = fast_classify(text)
    assert 0 <= found.confidence <= 1
    assert 1 <= found.complexity <= 10
    assert found.answer_tokens > 0
    assert found.abstained or found.confidence >= found.threshold
    shares = [share for _, share in found.alternatives]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1.0001


def test_a_plain_statement_is_an_abstention_of_its_own_kind():
    found = fast_classify("The review of the new museum appeared in Sunday's newspaper.")
    assert (found.nothing_asked, found.abstained) == (True, True)
    assert found.intent in intents()


def test_plain_python_computes_what_numpy_trained():
    found = fit(SAMPLE, seen_min=1, authors_min=1)
    model = linear.load(document_of(found))
    rows = [example.features for example in SAMPLE] + [("apple", "unseen"), ("unseen",)]
    wanted = predict(found, rows)
    for row, expected in zip(rows, wanted, strict=True):
        shares, known = model.weigh(row)
        assert shares == pytest.approx(list(expected), abs=0.02)
        assert known == sum(name in found.features for name in row)


def test_evidence_is_what_each_feature_adds():
    found = fit(SAMPLE, seen_min=1, authors_min=1)
    model = linear.load(document_of(found))
    told = model.evidence(("red", "apple", "unseen"), "fruit")
    assert told[0][0] == "apple"
    assert told[0][1] > told[-1][1]
    assert {name for name, _ in told} == {"red", "apple"}


def test_many_features_do_not_overflow_a_lane():
    found = linear.load(
        linear.dump(
            classes=("a", "b"),
            bias=(0.0, 0.0),
            features=[f"x{n}" for n in range(5000)],
            idf=[1.0] * 5000,
            weights=[[1.0, -1.0]] * 5000,
        )
    )
    shares, known = found.weigh([f"x{n}" for n in range(5000)])
    assert known == 5000
    assert shares[0] == pytest.approx(1.0)


def test_held_out_examples_are_judged_by_a_model_that_never_saw_their_author():
    one = [Example(features=("secret",), labels=("fruit",), author="z")] * 5
    judged = held_out([*SAMPLE, *one], folds=4, seen_min=1, authors_min=1)
    # Only the author z has the word: the model that judges z cannot know it.
    assert max(judged.shares[-5:]) < 0.7


def test_a_feature_of_one_author_alone_is_dropped():
    one = [Example(features=("projectname",), labels=("fruit",), author="z")] * 9
    two = [Example(features=("shared",), labels=("fruit",), author=name) for name in "abc"]
    assert "projectname" not in fit([*SAMPLE, *one, *two]).features
    assert "shared" in fit([*SAMPLE, *one, *two]).features


def test_pruning_keeps_what_moves_the_scores_most():
    found = fit(SAMPLE, seen_min=1, authors_min=1)
    kept = prune(found, 2)
    most = np.abs(found.weights * found.idf[:, None]).max(axis=1)
    moved = dict(zip(found.features, most, strict=True))
    assert set(kept.features) == set(sorted(moved, key=moved.get)[-2:])


def test_calibration_follows_what_was_right():
    generator = np.random.default_rng(1)
    share = generator.uniform(0.05, 0.95, 4000)
    right = (generator.uniform(size=4000) < share**2).astype(float)  # overconfident
    from atlas_actors.router.train import Judged, confidences

    judged = Judged(intents=("a",) * 4000, shares=share, right=right, weights=np.ones(4000))
    said = confidences(judged, calibrate(judged, np.ones(4000, dtype=bool)))
    high = share > 0.6
    assert said[high].mean() == pytest.approx(right[high].mean(), abs=0.03)
    assert said[~high].mean() == pytest.approx(right[~high].mean(), abs=0.03)


@pytest.mark.slow
def test_training_is_repeatable_and_its_document_can_be_read():
    words = ["add", "remove", "fix", "crash", "explain", "why", "button", "page", "error", "how"]
    labels = ["code_edit", "code_edit", "bug_fix", "bug_fix", "explain", "explain"]
    examples = [
        Example(
            features=(words[n % 6], words[6 + n % 4]), labels=(labels[n % 6],), author=str(n % 7)
        )
        for n in range(210)
    ]
    first = train(examples, sources=["x"], folds=3)
    assert first == train(examples, sources=["x"], folds=3)
    classifier = read(first)
    shares, _ = classifier.model.weigh(("crash", "page"))
    assert classifier.model.classes[shares.index(max(shares))] == "bug_fix"
    assert math.isclose(sum(shares), 1.0)
    assert classifier.confidence("bug_fix", 0.99) > classifier.confidence("bug_fix", 0.4)
