from __future__ import annotations

import numpy as np
import pytest

from tests.studies.plans import make_run
from trainlab.config import Config
from trainlab.plan import Arm
from trainlab.report import Trace
from trainlab.studies._contest import Contest, Measure, choose_measure, hold
from trainlab.studies._grid import Cell
from trainlab.studies._stories import say_change

SEEDS = 5
MEASURE = Measure(by="loss", part="train", metric="train_loss")


def contend(losses: dict[str, np.ndarray]) -> Contest:
    cells = [Cell(arm=Arm(name=name, patch={}, config=Config()), label=name) for name in losses]
    arms = {
        name: [make_run(name, seed=at, metrics={"train_loss": float(value)}) for at, value in enumerate(row)]
        for name, row in losses.items()
    }
    return hold(MEASURE, cells, arms)


@pytest.mark.parametrize("arms", [2, 8])
def test_noise_alone_is_seldom_taken_for_a_difference(arms: int) -> None:
    stream = np.random.default_rng(0)
    found = [contend({str(arm): np.exp(stream.normal(0, 0.3, SEEDS)) for arm in range(arms)}) for _ in range(250)]
    assert np.mean([contest.is_won for contest in found]) < 0.08
    assert np.mean([len(contest.tied) < arms for contest in found]) < 0.08  # with Holm over the others alone: 0.17


def test_a_difference_is_seldom_missed() -> None:
    stream = np.random.default_rng(0)
    found = [contend({str(arm): np.exp(stream.normal(0, 0.3, SEEDS) - 3 * (arm == 2)) for arm in range(8)}) for _ in range(50)]
    assert {contest.entrants[0].name for contest in found} == {"2"}
    assert np.mean([contest.is_won for contest in found]) > 0.95


def test_a_single_one_has_won_nothing() -> None:
    contest = contend({"a": np.ones(3)})
    assert not contest.is_won
    assert contest.comparisons == {}


def test_losses_below_0_are_told_apart_by_their_difference() -> None:
    runs = {
        name: [make_run(name, seed=at, metrics={"train_loss": loss - at}) for at in range(3)]
        for name, loss in (("a", -4e6), ("b", -8e4))
    }
    measure = choose_measure([trace for arm in runs.values() for trace in arm], "loss", None)
    contest = hold(measure, [Cell(arm=Arm(name=name, patch={}, config=Config()), label=name) for name in runs], runs)
    assert [each.name for each in contest.entrants] == ["a", "b"]
    assert contest.entrants[0].value == pytest.approx(-4e6 - 1)
    assert contest.is_won
    assert contest.comparisons["b"].metric == "train_loss"
    assert say_change(measure, contest.comparisons["b"]) == "+3.92e+06 (+3.92e+06 to +3.92e+06"


def make_scores(**metrics: float) -> list[Trace]:
    return [make_run("base", metrics=metrics, task="multiclass")]


def test_what_decides() -> None:
    assert choose_measure(make_scores(test_accuracy=0.9, validation_accuracy=0.8), None, None).metric == "validation_accuracy"
    assert choose_measure(make_scores(test_accuracy=0.9, train_accuracy=0.8), None, None).metric == "test_accuracy"
    assert choose_measure(make_scores(train_accuracy=0.8), None, None).metric == "train_accuracy"
    assert choose_measure(make_scores(train_loss=0.8), None, None).metric == "train_loss"
    assert choose_measure(make_scores(test_accuracy=0.9), "loss", None).metric == "train_loss"
    assert choose_measure(make_scores(test_accuracy=0.9), "updates", 0.1).metric == "updates_to_target"
    assert choose_measure(make_scores(test_accuracy=0.9), "updates", None).by == "loss"  # there is no target to count to
    assert choose_measure([make_run("base", metrics={"test_r2": 0.5}, task="regression")], None, None).metric == "test_r2"
