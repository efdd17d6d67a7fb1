from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import make_trace
from trainlab.averaging import average
from trainlab.plan import Group
from trainlab.report import Trace

GROUP = Group(name="both", members=("a", "b"))


def make_member(name: str, votes: Any, target: Any, *, seed: int = 0, task: str = "binary") -> Trace:
    given = {"test-votes": votes, "test-target": target, "train-votes": votes, "train-target": target}
    arrays = {key: np.asarray(value, float) for key, value in given.items()}
    return replace(make_trace(task=task, arrays=arrays, updates=3, planned=3), name=name, seed=seed)


def test_the_mean_share_decides() -> None:
    first = [[0.9, 0.1], [0.4, 0.6], [0.45, 0.55]]
    second = [[0.3, 0.7], [0.1, 0.9], [0.9, 0.1]]
    (entry,) = average([GROUP], [make_member("a", first, [0, 1, 1]), make_member("b", second, [0, 1, 1])])
    assert entry.arrays["test-correct"].tolist() == [1, 1, 0]
    assert entry.metrics["test_accuracy"] == entry.metrics["train_accuracy"] == pytest.approx(2 / 3)
    assert (entry.name, entry.updates, entry.series) == ("both", 6, {})


def test_the_mean_of_numbers() -> None:
    target = np.array([[1.0], [2.0], [6.0]])
    members = [make_member(name, target + shift, target, task="regression") for name, shift in (("a", 1.0), ("b", -0.5))]
    (entry,) = average([GROUP], members)
    assert entry.metrics["test_r2"] == pytest.approx(1 - 3 * 0.25**2 / 14)
    assert entry.arrays["test-fit"].mean() == pytest.approx(entry.metrics["test_r2"])


@pytest.mark.filterwarnings("error")
def test_one_target_has_no_r2() -> None:
    (entry,) = average([GROUP], [make_member(name, [[2.0]], [[1.0]], task="regression") for name in GROUP.members])
    assert entry.metrics["test_r2"] is None


def test_one_entry_for_each_seed_that_has_all_members() -> None:
    runs = [("a", 0), ("b", 0), ("a", 1), ("other", 1)]
    entries = list(average([GROUP], [make_member(name, [[0.9, 0.1]], [0], seed=seed) for name, seed in runs]))
    assert [entry.seed for entry in entries] == [0]


def test_a_member_that_diverged_leaves_no_opinion() -> None:
    members = [make_member("a", [[0.9, 0.1], [0.2, 0.8]], [0, 1]), make_member("b", [[np.nan, np.nan], [0.2, 0.8]], [0, 1])]
    (entry,) = average([GROUP], members)
    assert np.isnan(entry.arrays["test-correct"][0])
    assert entry.metrics["test_accuracy"] is None
