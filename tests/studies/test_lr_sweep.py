from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import broken
from tests.studies.plans import list_runs, make_finding, make_options, make_run, read_rows
from trainlab.config import Config
from trainlab.config.optimizer import SGD
from trainlab.config.training import Train
from trainlab.config.types import Group
from trainlab.plan import Conclusion
from trainlab.report import Finding, Trace
from trainlab.studies import lr_sweep
from trainlab.studies._band import make_grid
from trainlab.studies._rates import tabulate, weigh

CONFIG = Config(optimizer=SGD(lr=0.01), train=Train(epochs=100))
EPOCHS = np.arange(100)


def fall(pace: float, end: float = 1.0, start: float = 10.0) -> np.ndarray:
    """A loss that closes `1/pace` of its distance to the end in each epoch."""
    return end + (start - end) * np.exp(-EPOCHS / pace)


SWING = np.where(EPOCHS % 2, 3.0, 2.0) + 8.0 * (EPOCHS == 0)


def make_rate(lr: float, loss: Any, *, own: bool = False, arm: dict[str, Any] | None = None, seed: int = 0, **fields: Any) -> Trace:
    patch = {**(arm or {}), **({} if own else {"optimizer.lr": lr})}
    name = ",".join(f"{key}={value}" for key, value in patch.items()) or "base"
    return make_run(name, patch, config=CONFIG, seed=seed, loss=loss, lr=lr, **fields)


def conclude(traces: Sequence[Trace], findings: Sequence[Finding] = ()) -> Conclusion:
    return lr_sweep.conclude(CONFIG, make_options(CONFIG, lr=(0.1,)), traces, findings, [])


def read_verdicts(conclusion: Conclusion) -> dict[float, str]:
    return {row["learning rate"]: row["verdict"] for row in read_rows(conclusion, "rates")}


class TestFirst:
    def test_rates_given_are_exactly_the_rates(self) -> None:
        plan = lr_sweep.first(CONFIG, make_options(CONFIG, seeds=(0, 1), lr=(0.1, 0.01)))
        slow = {"optimizer.lr": 0.1}
        assert list_runs(plan) == [("base", {}, 0), ("base", {}, 1), ("optimizer.lr=0.1", slow, 0), ("optimizer.lr=0.1", slow, 1)]

    def test_the_first_rate_given_is_the_base_if_the_own_one_is_not_given(self) -> None:
        plan = lr_sweep.first(CONFIG, make_options(CONFIG, lr=(0.5, 0.1)))
        assert [(run.name, run.config.optimizer.lr) for run in plan.runs] == [("base", 0.5), ("optimizer.lr=0.1", 0.1)]

    def test_arms_that_change_the_rate_alone_are_rates_beside_the_own_one(self) -> None:
        plan = lr_sweep.first(CONFIG, make_options(CONFIG, {"optimizer.lr": 0.1}, {"optimizer.lr": 0.001}))
        assert [run.name for run in plan.runs] == ["base", "optimizer.lr=0.001", "optimizer.lr=0.1"]

    def test_a_grid_otherwise_with_three_seeds_unless_told(self) -> None:
        plan = lr_sweep.first(CONFIG, replace(make_options(CONFIG), seeds_given=False))
        assert plan.runs[0].name == "base"
        assert sorted({run.config.optimizer.lr for run in plan.runs}) == sorted({*make_grid(), 0.01})
        assert {run.config.seed for run in plan.runs} == {0, 1, 2}
        assert {run.config.seed for run in lr_sweep.first(CONFIG, make_options(CONFIG)).runs} == {0}

    def test_a_grid_as_told(self) -> None:
        chosen = {"from": 0.001, "to": 0.1, "points": 3}
        plan = lr_sweep.first(CONFIG, make_options(CONFIG, {"optimizer.lr": 0.5}, **chosen))
        assert sorted(run.config.optimizer.lr for run in plan.runs) == [0.001, 0.01, 0.1]

    def test_every_optimizer_and_schedule_once(self) -> None:
        plan = lr_sweep.first(CONFIG, make_options(CONFIG, all_optimizers=True, lr=(0.1,)))
        names = [(run.config.optimizer.name, getattr(run.config.optimizer, "nesterov", None)) for run in plan.runs]
        assert names[:3] == [("sgd", False), ("sgd", False), ("sgd", True)]
        assert [name for name, _ in names[3:]] == ["adagrad", "rmsprop", "adam", "adamw", "nadam", "radam"]
        plan = lr_sweep.first(CONFIG, make_options(CONFIG, all_schedules=True, lr=(0.1,)))
        assert [run.config.schedule.name for run in plan.runs] == [
            "constant", "power", "exponential", "piecewise", "plateau", "step", "cosine", "onecycle",
        ]  # fmt: skip

    def test_every_other_arm_sweeps_too(self) -> None:
        adam = {"optimizer.name": "adam"}
        plan = lr_sweep.first(CONFIG, make_options(CONFIG, adam, {"optimizer.name": "adam", "optimizer.lr": 0.3}, lr=(0.01, 0.1)))
        assert [run.name for run in plan.runs] == [
            "base",
            "optimizer.lr=0.1",
            "optimizer.name=adam,optimizer.lr=0.01",
            "optimizer.name=adam,optimizer.lr=0.1",
            "optimizer.name=adam,optimizer.lr=0.01",
            "optimizer.name=adam,optimizer.lr=0.1",
        ]

    def test_an_arm_with_a_rate_of_its_own_tries_it_too(self) -> None:
        plan = lr_sweep.first(CONFIG, make_options(CONFIG, {"optimizer.name": "adam", "optimizer.lr": 0.3}))
        rates = [run.config.optimizer.lr for run in plan.runs if run.patch.get("optimizer.name") == "adam"]
        assert set(rates) == {*make_grid(), 0.3}

    def test_a_rate_of_zero_is_not_tried(self) -> None:
        config = Config(optimizer=SGD(lr=0.0))
        plan = lr_sweep.first(config, make_options(config))
        assert 0.0 not in [run.config.optimizer.lr for run in plan.runs]
        assert plan.runs[0].name == "base"


class TestVerdicts:
    def test_quick_slow_and_swinging(self) -> None:
        traces = [make_rate(0.01, fall(4), own=True), make_rate(0.001, fall(20)), make_rate(0.1, SWING)]
        conclusion = conclude(traces, [make_finding("L001", "optimizer.lr=0.1")])
        assert read_verdicts(conclusion) == {0.001: "too low", 0.01: "good", 0.1: "too high"}
        assert conclusion.answer.values["recommended"] == 0.01
        assert conclusion.answer.text == (
            "Use a learning rate of 0.01: it settles at epoch 17 of 100; 0.001 takes until 73, "
            "0.1 never settles (2 to 3 at the end)."
        )

    def test_rows_are_in_order_of_the_rate_whatever_the_order_of_the_runs(self) -> None:
        traces = [make_rate(lr, fall(4)) for lr in (0.1, 0.001, 0.01)]
        assert list(read_verdicts(conclude(traces))) == [0.001, 0.01, 0.1]

    def test_several_good_rates_are_a_band_and_the_lowest_loss_is_best(self) -> None:
        traces = [make_rate(0.01, fall(4, end=1.1)), make_rate(0.02, fall(4, end=1.0)), make_rate(0.04, fall(3, end=1.05))]
        conclusion = conclude(traces)
        assert read_verdicts(conclusion) == {0.01: "good", 0.02: "best", 0.04: "good"}
        assert conclusion.answer.values["good"] == [0.01, 0.04]
        assert "0.01 to 0.04 are good" in conclusion.answer.text

    def test_of_equal_losses_the_quicker_is_best(self) -> None:
        conclusion = conclude([make_rate(0.01, fall(6)), make_rate(0.02, fall(3)), make_rate(0.04, fall(5))])
        assert conclusion.answer.values["recommended"] == 0.02

    def test_a_rate_that_ends_higher_is_too_low_below_the_best_and_too_high_above_it(self) -> None:
        traces = [make_rate(0.001, fall(4, end=5.0)), make_rate(0.01, fall(4)), make_rate(0.1, fall(4, end=5.0))]
        conclusion = conclude(traces)
        assert read_verdicts(conclusion) == {0.001: "too low", 0.01: "good", 0.1: "too high"}
        assert "0.001 ends at 5, 0.1 ends at 5." in conclusion.answer.text

    def test_a_rate_that_is_low_at_its_end_by_luck_is_not_best(self) -> None:
        lucky = fall(2) + 0.0
        lucky[-9::2] = 2.5
        conclusion = conclude([make_rate(0.01, fall(4, end=1.05)), make_rate(0.1, lucky)])
        assert conclusion.answer.values["recommended"] == 0.01
        assert read_verdicts(conclusion)[0.1] == "too high"

    @pytest.mark.parametrize(("code", "word"), [("L003", "diverged"), ("G006", "diverged"), ("L001", "too high")])
    def test_one_bad_seed_is_enough(self, code: str, word: str) -> None:
        traces = [make_rate(lr, fall(4 - lr), seed=seed) for lr in (0.01, 0.1) for seed in range(3)]
        conclusion = conclude(traces, [make_finding(code, "optimizer.lr=0.1", held=1, of=3)])
        assert conclusion.answer.values["recommended"] == 0.01
        assert read_verdicts(conclusion)[0.1] == f"{word} in 1 of 3 seeds"

    def test_a_run_that_left_the_finite_numbers(self) -> None:
        dead = make_rate(0.1, [10.0, np.inf], nonfinite=broken(update=2))
        conclusion = conclude([make_rate(0.01, fall(4)), dead], [make_finding("G006", "optimizer.lr=0.1")])
        assert "; 0.1 diverged." in conclusion.answer.text
        row = read_rows(conclusion, "rates")[1]
        assert row["final loss"] == np.inf
        assert len(row["loss"]) == 100
        assert np.isnan(row["loss"][2:]).all()

    def test_a_network_that_a_step_has_killed(self) -> None:
        conclusion = conclude(
            [make_rate(0.01, fall(4)), make_rate(0.1, fall(1, end=8.3))], [make_finding("L008", "optimizer.lr=0.1")]
        )
        assert read_verdicts(conclusion)[0.1] == "collapsed"

    def test_nothing_moves_the_loss(self) -> None:
        conclusion = conclude([make_rate(lr, np.full(100, 2.5)) for lr in (0.01, 0.1)])
        assert conclusion.answer.values["recommended"] is None
        assert "the loss stays at 2.5 whatever the rate, so the fault is elsewhere" in conclusion.answer.text

    def test_the_edge_is_told_even_where_no_rate_is_good(self) -> None:
        traces = [make_rate(lr, 10 - lr * EPOCHS) for lr in (0.001, 0.01)]
        low, edge = (make_finding(code, "optimizer.lr=0.01") for code in ("L002", "L006"))
        conclusion = conclude(traces, [low, edge])
        assert conclusion.answer.values["recommended"] is None
        assert conclusion.findings == (edge,)

    def test_the_highest_rate_is_still_too_low(self) -> None:
        traces = [make_rate(lr, 10 - lr * EPOCHS) for lr in (0.001, 0.01)]
        conclusion = conclude(traces, [make_finding("L002", "optimizer.lr=0.01")])
        assert conclusion.answer.text == "None of the rates tried is good: 0.001, 0.01 are too low; try higher ones."

    def test_a_best_rate_that_is_not_done(self) -> None:
        traces = [make_rate(0.01, 10 - 0.05 * EPOCHS), make_rate(0.1, SWING + 20)]
        conclusion = conclude(traces, [make_finding("L002", "optimizer.lr=0.01"), make_finding("L001", "optimizer.lr=0.1")])
        assert conclusion.answer.values["recommended"] == 0.01
        assert conclusion.answer.text.endswith("The loss still falls at the end: train longer.")

    def test_negative_losses_are_losses(self) -> None:
        traces = [make_rate(0.01, fall(4, end=-50.0, start=-1.0)), make_rate(0.001, fall(400, end=-50.0, start=-1.0))]
        assert conclude(traces).answer.values["recommended"] == 0.01

    def test_one_epoch(self) -> None:
        conclusion = conclude([make_rate(0.01, [3.0]), make_rate(0.1, [1.0]), make_rate(1.0, [4.0])])
        assert conclusion.answer.values["recommended"] == 0.1

    def test_where_there_is_little_room_the_rows_are_those_around_the_good_ones(self) -> None:
        low = [make_rate(10.0**-power, fall(4, end=8.0)) for power in range(12, 4, -1)]
        traces = [
            *low,
            make_rate(1e-3, fall(4)),
            make_rate(1e-2, fall(4)),
            *[make_rate(rate, SWING) for rate in (0.1, 1.0, 10.0, 100.0)],
        ]
        (table,) = conclude(traces).tables
        rates = [row[0] for row in table.rows]
        assert len(rates) == 14
        assert [rates[place] for place in table.shown] == pytest.approx([1e-12, 1e-5, 1e-3, 1e-2, 0.1, 100.0])

    def test_a_rate_that_is_told_of_has_a_row_however_little_room_there_is(self) -> None:
        rates = [10.0**-power for power in range(9, 0, -1)]
        sweep = weigh("base", [make_rate(rate, fall(4)) for rate in rates], lambda _: "")
        best = rates.index(sweep.best.lr) if sweep.best else -1
        assert best in (0, 8)
        assert set(tabulate([sweep], told=(1e-5,)).shown) - set(tabulate([sweep]).shown) == {4}

    def test_of_several_arms_the_rows_around_each_best_rate(self) -> None:
        rates = (1e-4, 1e-3, 1e-2, 0.1)
        traces = [make_rate(rate, fall(4, end=1.0 if rate == 1e-3 else 5.0)) for rate in rates]
        traces += [make_rate(rate, fall(4, end=1.0 if rate == 0.1 else 5.0), arm={"optimizer.name": "adam"}) for rate in rates]
        (table,) = conclude(traces).tables
        assert table.shown == (0, 1, 2, 6, 7)

    def test_groups_are_told_their_own_rate(self) -> None:
        groups = (Group(match="model.0.*", lr_scale=0.1), Group(match="*.bias", lr_scale=2.0))
        trace = replace(make_rate(0.01, fall(4), own=True), config=Config(optimizer=SGD(lr=0.01, groups=groups)))
        assert conclude([trace]).answer.text.endswith(" Groups keep their ratios: model.0.* at 0.001, *.bias at 0.02.")

    def test_medians_over_seeds(self) -> None:
        traces = [make_rate(0.01, fall(pace), seed=seed) for seed, pace in enumerate((2, 4, 40))]
        (row,) = read_rows(conclude(traces), "rates")
        assert row["settles at epoch"] == 17
        assert row["loss"] == pytest.approx(fall(4).tolist())


class TestArms:
    ADAM = {"optimizer.name": "adam"}  # noqa: RUF012

    def test_each_has_its_own_best(self) -> None:
        traces = [make_rate(0.01, fall(4), own=True), make_rate(0.1, fall(4, end=5.0))]
        traces += [make_rate(0.01, fall(4, end=5.0), arm=self.ADAM), make_rate(0.1, fall(4, end=0.5), arm=self.ADAM)]
        conclusion = conclude(traces)
        values = conclusion.answer.values
        assert values["recommended"] == 0.01
        assert values["arms"]["optimizer.name=adam"]["recommended"] == 0.1
        assert conclusion.answer.text.endswith("With optimizer.name=adam: 0.1, ending at 0.5.")
        assert [row["run"] for row in read_rows(conclusion, "rates")] == [
            "base",
            "base",
            "optimizer.name=adam",
            "optimizer.name=adam",
        ]

    def test_findings_are_those_of_the_rates_recommended(self) -> None:
        traces = [make_rate(0.01, fall(4), own=True), make_rate(0.1, fall(4, end=5.0)), make_rate(0.1, fall(4), arm=self.ADAM)]
        runs = [trace.name for trace in traces]
        kept = conclude(traces, [make_finding("F002", run) for run in runs]).findings
        assert [each.run for each in kept] == ["base", "optimizer.name=adam,optimizer.lr=0.1"]

    def test_findings_are_the_bases_where_no_rate_is_good(self) -> None:
        traces = [make_rate(0.1, SWING, own=True), make_rate(0.2, SWING)]
        findings = [make_finding("L001", trace.name) for trace in traces]
        assert [each.run for each in conclude(traces, findings).findings] == ["base"]


def test_the_floor_of_the_loss_is_told_next_to_a_straight_line() -> None:
    trace = make_rate(0.01, fall(4), own=True, metrics={"linear_loss": 0.0066, "constant_loss": 0.75}, task="regression")
    text = conclude([trace], [make_finding("F002")]).answer.text
    assert text.endswith("But no rate gets the loss below 1, and a straight line reaches 0.0066: the network underfits.")
