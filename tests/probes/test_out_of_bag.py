from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.probes.resting import read, rest
from trainlab.probes.out_of_bag import evaluate

RNG = np.random.default_rng(0)
CLASSES = {"loss": "cross_entropy", "task": "binary"}


def measure(inputs: np.ndarray, target: np.ndarray, **more: str) -> dict[str, float]:
    return read(evaluate(rest(inputs, target, **more)))


def test_labels_changed_at_random_are_wrong_everywhere():
    inputs = RNG.normal(size=(600, 3))
    clean = (inputs[:, 0] > 0).astype(int)
    changed = np.where(RNG.random(600) < 0.2, 1 - clean, clean)
    found, spoilt = (measure(inputs, each, **CLASSES) for each in (clean, changed))
    assert found["sure_wrong"] == 0
    assert found["oob_skill"] > 0.9
    assert spoilt["sure_wrong"] == pytest.approx(0.2, abs=0.06)
    assert 0.7 < spoilt["oob_accuracy"] < 0.83


def test_classes_that_overlap_do_so_at_their_border():
    target = np.arange(1000) % 2
    found = measure(RNG.normal(size=(1000, 2)) + target[:, None] * 1.2, target, **CLASSES)  # 20 % of it cannot be told
    assert found["oob_accuracy"] < 0.83
    assert found["sure_wrong"] < 0.5 * (1 - found["oob_accuracy"])


def test_chance_is_a_skill_of_0_also_where_classes_are_rare():
    drawn = [measure(RNG.normal(size=(400, 3)), (RNG.random(400) < 0.1).astype(int), **CLASSES) for _ in range(8)]
    skills, errors = ([each[name] for each in drawn] for name in ("oob_skill", "oob_skill_error"))
    assert abs(np.mean(skills)) < 2 * np.mean(errors)
    assert max(skills) < 2 * np.mean(errors)


def test_numbers_given_to_the_wrong_samples():
    inputs = RNG.random((500, 1))
    target = 3 * inputs + 0.1 * RNG.normal(size=(500, 1))
    spoilt = target.copy()
    spoilt[:50] = np.roll(target[:50], 1)
    clean, mixed = (measure(inputs, each) for each in (target, spoilt))
    assert clean["oob_outside"] < 0.01
    assert mixed["oob_outside"] == pytest.approx(0.08, abs=0.03)
    assert clean["oob_skill"] > 0.95 > mixed["oob_skill"]


@pytest.mark.parametrize(
    ("inputs", "target", "more"),
    [
        (np.ones((20, 2)), np.arange(20.0)[:, None], {}),  # too few
        (np.ones((60, 2)).astype(int), np.ones((60, 2)).astype(int), CLASSES),  # tokens
        (np.ones((60, 2)), np.ones(60).astype(int), CLASSES),  # one class
        (np.full((60, 2), np.nan), np.arange(60) % 2, CLASSES),
        (np.ones((60, 2)), np.ones((60, 3)), {}),  # several numbers
        (np.ones((60, 2)), None, {"task": "none"}),
    ],
)
def test_nothing_to_say(inputs, target, more):
    assert evaluate(rest(inputs, None if target is None else torch.tensor(target), **more)) == {}


def test_a_forest_is_grown_once_for_the_same_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, target = RNG.normal(size=(80, 3)), np.arange(80) % 2
    first = measure(inputs, target, **CLASSES)
    other = measure(inputs, 1 - target, **CLASSES)
    monkeypatch.setattr("sklearn.ensemble.RandomForestClassifier", lambda *_, **__: pytest.fail("it was grown again"))
    assert measure(inputs, target, **CLASSES) == first
    assert measure(inputs, 1 - target, **CLASSES) == other
