"""What one seed decides, on traces made by hand."""

from __future__ import annotations

from collections.abc import Callable

from tests.studies.plans import make_finding
from tests.studies.searching import CONFIG, look, too_high
from trainlab.config import Config, apply_patch
from trainlab.report import Finding
from trainlab.studies._exploring import ONCE, Measured, Room
from trainlab.studies._mending import follow, search
from trainlab.studies._proposing import Change, tune


def list_tried(share: Callable[[Config], float], faults: Callable[[Config], list[Finding]]) -> set[str]:
    _, made = look(share, faults)
    return {run.name.removesuffix(ONCE) for run in made if run.name.endswith(ONCE)}


def overfits(config: Config) -> list[Finding]:
    return [] if config.train.early_stopping.patience else [make_finding("F001")]


def test_what_leaves_no_fault_and_does_no_better_does_not_end_the_step() -> None:
    """Early stopping leaves none: where it tells no more, other remedies are tried than those beside it in the first portion."""
    idle = list_tried(lambda config: 0.8, overfits)
    better = list_tried(lambda config: 0.9 if config.train.early_stopping.patience else 0.5, overfits)
    assert "optimizer.weight_decay=0.003" in better
    assert "optimizer.weight_decay=0.01" not in better
    assert "optimizer.weight_decay=0.01" in idle


def test_where_little_is_left_to_gain_nothing_is_tuned() -> None:
    def share(best: float) -> Callable[[Config], float]:
        return lambda config: best if config.optimizer.lr == 0.3 else 0.1

    assert "optimizer.lr=0.9" in list_tried(share(0.9), too_high)
    assert "optimizer.lr=0.9" not in list_tried(share(0.97), too_high)


def test_copies_of_the_samples_cost_what_they_cost() -> None:
    room = Room(10, CONFIG, 1)
    copied = apply_patch(CONFIG, {"data.augment.copies": 1, "train.epochs": 20}).config
    assert room.take(Change(name="x", patch={}, config=copied))
    assert room.left == 10 - 1 - 4
    assert not room.take(Change(name="x", patch={}, config=copied), runs=2)


def test_what_came_second_is_joined_with_the_best() -> None:
    """Unless both are values of the same; two patches of one remedy may be different things."""

    def share(config: Config) -> float:
        norm, init = config.model.norm.name, config.model.init.name  # type: ignore[union-attr]
        return {("batch", "default"): 0.7, ("none", "auto"): 0.6}.get((norm, init), 0.1)

    def lost(config: Config) -> list[Finding]:
        return [make_finding("G007")] if share(config) < 0.5 else []

    assert "model.norm=batch,model.init={name: auto}" in list_tried(share, lost)
    best = Change(name="a", patch={"model.norm": "batch"}, config=CONFIG, remedies=("rectifier",))
    second = Change(name="b", patch={"model.residual": True}, config=CONFIG, remedies=("rectifier",))
    start = Change(name="control", patch={}, config=CONFIG)
    assert "model.norm=batch,model.residual=true" in [change.name for change in tune(start, best, [second])]
    rates = list_tried(lambda config: {0.3: 0.7, 0.03: 0.6}.get(config.optimizer.lr, 0.1), too_high)
    assert not [name for name in rates if name.count("optimizer.lr") > 1]


def test_more_of_the_data_costs_more() -> None:
    few = apply_patch(CONFIG, {"data.fraction": 0.25}).config
    assert Room(40, few, 1).weigh(Change(name="x", patch={}, config=CONFIG)) == 4


def test_batch_norm_is_not_tried_where_the_last_batch_of_the_config_has_one_sample() -> None:
    """With a part held back it has more."""

    def name_tried(samples: int) -> set[str]:
        found = follow(search(CONFIG, [make_finding("G001")], (0,), 30, samples), Measured(traces=(), findings=()))
        assert isinstance(found, list)
        return {run.name for run in found if "model.norm=batch" in run.name}

    assert name_tried(10 * 32)
    assert not name_tried(10 * 32 + 1)
