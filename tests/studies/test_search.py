"""The search for a rate, from its grid to its verification, on losses that are written down instead of trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import broken
from tests.studies.plans import make_options, make_run
from tests.studies.test_lr_sweep import CONFIG, EPOCHS, fall
from trainlab.plan import Conclusion, PlannedRun
from trainlab.report import Finding, Trace
from trainlab.studies import lr_sweep

Course = Callable[[float, int], Any]
"""Learning rate and seed to the loss of each epoch; None for a run that leaves the finite numbers at once."""


def find_nothing(_: Sequence[Trace]) -> list[Finding]:
    return []


def search(course: Course, **chosen: Any) -> Conclusion:
    """The whole study with three seeds."""
    options = make_options(CONFIG, seeds=(0, 1, 2), **chosen)

    def train(run: PlannedRun) -> Trace:
        loss = course(run.config.optimizer.lr, run.config.seed)
        fields: dict[str, Any] = {"loss": [10.0, np.nan], "nonfinite": broken(update=2)} if loss is None else {"loss": loss}
        return make_run(run.name, run.patch, config=CONFIG, seed=run.config.seed, lr=run.config.optimizer.lr, **fields)

    plan = lr_sweep.first(CONFIG, options)
    traces = [train(run) for run in plan.runs]
    while (more := lr_sweep.then(CONFIG, options, traces, find_nothing)) is not None:
        traces += [train(run) for run in more.runs]
    return lr_sweep.conclude(CONFIG, options, traces, [], [])


def bowl(best: float, *, limit: float, start: float = 10.0, end: float = 1.0) -> Course:
    """The further below `best` the slower; from `limit` on dead."""
    return lambda lr, _: None if lr >= limit else fall(3 * max(best / lr, 1.0), end=end, start=start)


def read_band(conclusion: Conclusion) -> dict[str, float]:
    band = conclusion.answer.values["band"]
    return {name: edge["rate"] for name, edge in band.items() if edge}


def test_finds_the_band_and_confirms_it() -> None:
    conclusion = search(bowl(0.01, limit=0.2))
    values = conclusion.answer.values
    band = read_band(conclusion)
    assert 5e-4 < band["lowest_useful"] < values["recommended"] <= band["highest_stable"] < 0.2 <= band["first_unstable"] < 0.3
    assert values["verification"][1] | {"final_loss": None} == {
        "times": 1.0, "lr": values["recommended"], "survived": 5, "of": 5, "final_loss": None, "verdict": "good",
    }  # fmt: skip
    assert "5 fresh runs confirm it" in conclusion.answer.text


@pytest.mark.parametrize(("start", "end"), [(-1.0, -50.0), (5.0, -5.0), (-100.0, -101.0)])
def test_negative_losses_are_losses(start: float, end: float) -> None:
    found = search(bowl(0.01, limit=0.2, start=start, end=end)).answer.values["recommended"]
    assert 0.005 < found < 0.2


def test_nan_in_one_seed_is_an_edge_of_the_band() -> None:
    course = bowl(0.01, limit=0.2)
    conclusion = search(lambda lr, seed: None if seed == 1 and lr >= 0.05 else course(lr, seed))
    edge = conclusion.answer.values["band"]["first_unstable"]
    assert 0.05 <= edge["low"] < 0.1 < edge["high"]
    assert conclusion.answer.values["recommended"] < 0.05


def test_a_lower_rate_that_fails_is_no_upper_end_of_the_band() -> None:
    course = bowl(1.0, limit=5.0)
    text = search(lambda lr, seed: None if seed == 1 and 0.004 < lr < 0.02 else course(lr, seed)).answer.text
    assert "some runs fail at a lower one, 0.00" in text
    assert "stable up to" not in text


def test_where_fresh_runs_fail_no_rate_below_the_band_is_recommended() -> None:
    """A steep valley: of what fails in fresh runs, a third hardly moves."""

    def course(lr: float, seed: int) -> Any:
        if lr >= 0.1 or (seed == 4 and lr >= 0.043):
            return None
        return fall(0.2 / lr, end=1.0 if lr >= 0.02 else 8.0)

    conclusion = search(course)
    chosen, useful = conclusion.answer.values["recommended"], read_band(conclusion)["lowest_useful"]
    assert useful <= chosen < 0.043
    assert f"5 fresh runs confirm {chosen:g} (" in conclusion.answer.text
    assert "looked best and failed in 1 of 5 fresh runs" in conclusion.answer.text


def test_nan_everywhere_is_no_recommendation() -> None:
    conclusion = search(lambda _lr, _seed: None)
    assert conclusion.answer.values["recommended"] is None
    assert conclusion.answer.text.startswith("No learning rate can be recommended: ")


def test_a_plateau_at_first_is_no_end() -> None:
    def course(lr: float, _: int) -> Any:
        if lr >= 0.2:
            return None
        held = 40 * max(0.01 / lr, 1.0)
        return np.where(held > EPOCHS, 10.0, 1 + 9 * np.exp(-np.maximum(EPOCHS - held, 0) / 5))

    assert 0.005 < search(course).answer.values["recommended"] < 0.2


def test_a_loss_that_ends_where_it_began_is_no_use() -> None:
    """It rises far and comes back, or swings in place, at rates that are too high; below them it falls."""
    course = bowl(0.01, limit=np.inf)
    back = 10 + 40 * np.sin(np.pi * EPOCHS / 99)

    conclusion = search(lambda lr, seed: back if lr >= 0.1 else course(lr, seed))
    assert 0.005 < conclusion.answer.values["recommended"] < 0.1
    assert 0.1 <= read_band(conclusion)["first_unstable"] < 0.2


def test_no_rate_moves_the_loss() -> None:
    conclusion = search(lambda _lr, _seed: np.full(100, 2.5))
    assert conclusion.answer.values["recommended"] is None
    assert "the loss stays at 2.5 whatever the rate, so the fault is elsewhere" in conclusion.answer.text


def test_right_early_and_too_high_late() -> None:
    """The high rates are ahead at first and hover in the end; lowered along a cosine they would not."""

    def course(lr: float, _: int) -> Any:
        if lr >= 3:
            return None
        return fall(max(0.02 / lr, 0.3) * 20, end=1 + 20 * lr**2)

    conclusion = search(course)
    assert "is ahead of it early and too high late: lowered along a cosine it ends at" in conclusion.answer.text


def test_a_rate_that_fails_in_fresh_runs_is_not_what_is_recommended() -> None:
    course = bowl(0.01, limit=0.2)
    conclusion = search(lambda lr, seed: None if seed > 2 and lr > 0.005 else course(lr, seed))
    assert "looked best and failed in 5 of 5 fresh runs" in conclusion.answer.text
    recommended = conclusion.answer.values["recommended"]
    assert recommended is None or recommended <= 0.005


def test_an_edge_of_the_grid_is_gone_beyond() -> None:
    assert 0.005 < search(bowl(0.01, limit=0.2), **{"from": 1e-6, "to": 1e-4, "points": 5}).answer.values["recommended"] < 0.2
    assert 0.005 < search(bowl(0.01, limit=0.2), **{"from": 0.5, "to": 5.0, "points": 5}).answer.values["recommended"] < 0.2
