from __future__ import annotations

import math

import pytest

from tests.rules.traces import broken, make_trace
from tests.studies.plans import make_finding
from trainlab.config import Config
from trainlab.config.optimizer import SGD
from trainlab.plan import Arm
from trainlab.studies._arms import by_arm, count_held, drop_fraction, find_end, make_arm, plan_runs, say_seeds


def test_every_arm_with_every_seed_the_base_first() -> None:
    config = Config(vs=[{"optimizer.lr": 1.0}])
    arms = [Arm(name="base", patch={}, config=config), make_arm(config, {"optimizer.lr": 0.5})]
    runs = plan_runs(arms, (3, 4))
    assert [(run.name, run.config.seed) for run in runs] == [
        ("base", 3),
        ("base", 4),
        ("optimizer.lr=0.5", 3),
        ("optimizer.lr=0.5", 4),
    ]
    assert all(run.config.vs == [] for run in runs)


def test_an_arm_is_named_after_all_that_differs_from_the_base() -> None:
    adam = make_arm(Config(), {"optimizer.name": "adam"})
    arm = make_arm(adam.config, {"optimizer.lr": 0.1}, adam.patch)
    assert arm.name == "optimizer.name=adam,optimizer.lr=0.1"
    assert arm.patch == {"optimizer.name": "adam", "optimizer.lr": 0.1}
    assert (arm.config.optimizer.name, arm.config.optimizer.lr) == ("adam", 0.1)


def test_a_patch_leaves_its_config_alone() -> None:
    config = Config(optimizer=SGD(lr=0.3))
    make_arm(config, {"optimizer.lr": 0.1})
    assert config.optimizer.lr == 0.3


def test_traces_by_arm_in_order() -> None:
    traces = [make_trace(name=name, seed=seed) for name, seed in (("b", 0), ("a", 0), ("b", 1))]
    assert {name: [trace.seed for trace in arm] for name, arm in by_arm(traces).items()} == {"b": [0, 1], "a": [0]}
    assert list(by_arm(traces)) == ["b", "a"]


def test_the_end_is_the_median_of_the_last_tenth() -> None:
    assert find_end(make_trace(loss=[9.0] * 27 + [1.0, 5.0, 2.0])) == 2.0
    assert find_end(make_trace(loss=[9.0, 4.0])) == 4.0
    assert find_end(make_trace(loss=[9.0, 4.0], nonfinite=broken())) == math.inf
    assert find_end(make_trace(loss=[9.0, math.nan])) == math.inf


def test_counts_the_seeds_of_any_of_the_codes() -> None:
    findings = [make_finding("L003", held=2, of=3), make_finding("G006", held=1, of=3), make_finding("L003", "other", held=3, of=3)]
    assert count_held(findings, "base", {"L003", "G006"}) == 2
    assert count_held(findings, "base", {"F001"}) == 0


@pytest.mark.parametrize(("held", "of", "words"), [(1, 1, "diverged"), (3, 3, "diverged"), (2, 3, "diverged in 2 of 3 seeds")])
def test_says_in_how_many_seeds(held: int, of: int, words: str) -> None:
    assert say_seeds("diverged", held, of) == words


def test_whole_epochs_are_whole_numbers() -> None:
    assert [repr(drop_fraction(value)) for value in (207.0, 9.5, None)] == ["207", "9.5", "None"]
