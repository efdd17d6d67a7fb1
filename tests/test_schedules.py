from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainlab import engine, schedules
from trainlab.config import validate
from trainlab.config.schedule import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    OneCycleSchedule,
    PiecewiseSchedule,
    PlateauSchedule,
    PowerSchedule,
    Schedule,
    StepSchedule,
)
from trainlab.data import load
from trainlab.engine._grouping import group
from trainlab.models import build
from trainlab.plan import PlannedRun
from trainlab.report import Trace
from trainlab.schedules import Clock

CPU = torch.device("cpu")


def factor(schedule: Schedule, update: int, *, updates: int = 100, per_epoch: int = 1) -> float:
    return schedules.find_factor(schedule, Clock(update=update, updates=updates, per_epoch=per_epoch))


KINDS = (ConstantSchedule, PowerSchedule, ExponentialSchedule, PiecewiseSchedule, StepSchedule, CosineSchedule, OneCycleSchedule)
EVERY: list[Schedule] = [*(kind(per=per) for kind in KINDS for per in ("epoch", "update")), PlateauSchedule()]


class TestTables:
    """Worked out by hand."""

    @pytest.mark.parametrize(("update", "expected"), [(0, 1.0), (20, 1 / 2), (40, 1 / 3), (60, 0.25), (1, 1 / 1.05), (10, 1 / 1.5)])
    def test_power(self, update, expected):
        assert factor(PowerSchedule(scale=20.0), update) == pytest.approx(expected, rel=1e-15)
        assert factor(PowerSchedule(scale=20.0, exponent=2.0), update) == pytest.approx(expected**2)
        assert factor(PowerSchedule(scale=20.0, exponent=0.0), update) == 1.0

    @pytest.mark.parametrize(("update", "rate"), [(0, 0.01), (10_000, 0.005), (20_000, 0.0033333)])
    def test_power_per_update_as_keras_counts_its_decay(self, update, rate):
        """Decay 1e-4, that is scale 10,000, whatever an epoch has."""
        schedule = PowerSchedule(per="update", scale=1 / 1e-4)
        assert 0.01 * factor(schedule, update, updates=30_000, per_epoch=43) == pytest.approx(rate, rel=2e-5)

    @pytest.mark.parametrize(("epoch", "rate"), [(0, 0.01), (10, 0.0031623), (20, 0.001), (40, 0.0001)])
    def test_exponential_per_epoch(self, epoch, rate):
        schedule = ExponentialSchedule(scale=20.0, gamma=0.1)
        assert 0.01 * factor(schedule, epoch) == pytest.approx(rate, rel=1e-5)
        for batch in range(43):
            assert 0.01 * factor(schedule, 43 * epoch + batch, per_epoch=43) == pytest.approx(rate, rel=1e-5)

    @pytest.mark.parametrize(
        ("epoch", "rate"), [(0, 0.01), (4, 0.01), (5, 0.005), (6, 0.005), (14, 0.005), (15, 0.001), (16, 0.001), (99, 0.001)]
    )
    def test_piecewise_changes_exactly_at_its_boundaries(self, epoch, rate):
        schedule = PiecewiseSchedule(boundaries=(5, 15), values=(1.0, 0.5, 0.1))
        assert 0.01 * factor(schedule, epoch) == pytest.approx(rate, rel=1e-15)
        assert 0.01 * factor(schedule, epoch * 7 + 6, per_epoch=7) == pytest.approx(rate, rel=1e-15)

    @pytest.mark.parametrize(("update", "expected"), [(0, 1.0), (29, 1.0), (30, 0.1), (59, 0.1), (60, 0.01), (90, 0.001)])
    def test_step(self, update, expected):
        assert factor(StepSchedule(every=30, gamma=0.1), update) == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("update", "expected"),
        [(0, 1.0), (25, (2 + math.sqrt(2)) / 4), (50, 0.5), (75, (2 - math.sqrt(2)) / 4), (100, 0.0), (150, 0.0)],
    )
    def test_cosine_to_the_end_of_the_run(self, update, expected):
        assert factor(CosineSchedule(), update) == pytest.approx(expected, abs=1e-15)
        assert factor(CosineSchedule(floor=0.2), update) == pytest.approx(0.2 + 0.8 * expected, abs=1e-15)
        assert factor(CosineSchedule(horizon=200), 2 * update) == pytest.approx(expected, abs=1e-15)
        assert factor(CosineSchedule(), update, updates=100) == factor(CosineSchedule(), update * 7, updates=700, per_epoch=7)

    def test_cosine_of_an_unfinished_last_epoch_counts_it(self):
        assert factor(CosineSchedule(), 20, updates=41, per_epoch=10) == pytest.approx((1 + math.cos(0.4 * math.pi)) / 2)

    @pytest.mark.parametrize(("update", "expected"), [(0, 0.04), (29, 1.0), (64, (1 + 4e-6) / 2), (99, 4e-6), (120, 4e-6)])
    def test_onecycle(self, update, expected):
        """A 25th at first, the top at update 0.3 x 100 - 1, half of it midway down, and the 10,000th of the first at last."""
        assert factor(OneCycleSchedule(), update) == pytest.approx(expected, rel=1e-9)
        assert factor(OneCycleSchedule(max_factor=3.0), update) == pytest.approx(3 * expected, rel=1e-9)

    def test_constant_and_an_uncut_plateau(self):
        assert {factor(each, update) for each in (ConstantSchedule(), PlateauSchedule()) for update in (0, 3, 99)} == {1.0}


class TestWarmup:
    def test_rises_in_a_straight_line(self):
        schedule = ConstantSchedule(warmup=4, warmup_start=0.2)
        assert [factor(schedule, update) for update in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])

    def test_of_epochs_rises_with_every_update(self):
        schedule = ConstantSchedule(warmup=2, warmup_per="epoch", warmup_start=0.0)
        found = [factor(schedule, update, per_epoch=5) for update in range(12)]
        assert found == pytest.approx([0.1 * update for update in range(10)] + [1.0, 1.0])

    def test_the_schedules_own_time_starts_after_it(self):
        later = PiecewiseSchedule(boundaries=(5, 15), values=(0.5, 0.3, 0.1), warmup=10, warmup_start=0.0)
        assert factor(later, 5) == pytest.approx(0.25)  # up to what it begins with
        assert [factor(later, update) for update in (10, 14, 15, 24, 25)] == [0.5, 0.5, 0.3, 0.3, 0.1]
        for update in range(10):
            expected = factor(CosineSchedule(), update, updates=90)
            assert factor(CosineSchedule(warmup=10), update + 10, updates=100) == expected

    @pytest.mark.parametrize("schedule", EVERY, ids=lambda schedule: f"{schedule.name}, {getattr(schedule, 'per', 'epoch')}")
    def test_every_schedule_comes_after_one_as_it_is(self, schedule):
        """In batches of which 4 make an epoch: 2 epochs of warm-up, 15 of the schedule."""
        own = [factor(schedule, update, updates=60, per_epoch=4) for update in range(60)]
        later = replace(schedule, warmup=2, warmup_per="epoch", warmup_start=0.0)
        found = [factor(later, update, updates=68, per_epoch=4) for update in range(68)]
        assert found[8:] == pytest.approx(own, rel=1e-12)
        assert found[:8] == pytest.approx([own[0] * update / 8 for update in range(8)])

    def test_none_is_left_out(self):
        assert {type(schedule) for schedule in EVERY} == set(get_args(get_args(Schedule)[0]))

    def test_of_updates_before_a_schedule_in_epochs(self):
        schedule = StepSchedule(every=1, gamma=0.5, warmup=3)
        assert [factor(schedule, update, per_epoch=4) for update in range(3, 13)] == [1.0] * 4 + [0.5] * 4 + [0.25] * 2

    def test_may_be_longer_than_the_run(self):
        for schedule in (CosineSchedule(warmup=200), OneCycleSchedule(warmup=200)):
            assert 0 < factor(schedule, 99) < 1


class TestTorch:
    """torch's schedulers, stepped once an update."""

    def rates(self, make: Any, updates: int, rate: float = 0.1) -> list[float]:
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the optimizer itself never steps
            scheduler = make(optimizer)
            found = []
            for _ in range(updates):
                found.append(optimizer.param_groups[0]["lr"])
                if len(found) < updates:
                    scheduler.step()
        return found

    def check(self, schedule: Schedule, make: Any, updates: int = 40) -> None:
        mine = [0.1 * factor(schedule, update, updates=updates) for update in range(updates)]
        assert mine == pytest.approx(self.rates(make, updates), rel=1e-9, abs=1e-15)

    @pytest.mark.parametrize(
        ("updates", "share", "div", "final"),
        [
            (40, 0.3, 25.0, 1e4),
            (7, 0.3, 10.0, 100.0),
            (100, 0.05, 2.0, 3.0),
            (33, 1.0, 25.0, 10.0),
            (20, 0.0, 25.0, 1e4),
            (1, 0.3, 25.0, 1e4),
        ],
    )
    def test_onecycle(self, updates, share, div, final):
        schedule = OneCycleSchedule(pct_start=share, div_factor=div, final_div_factor=final, max_factor=2.0)

        def make(optimizer):
            return torch.optim.lr_scheduler.OneCycleLR(
                optimizer,
                max_lr=0.2,
                total_steps=updates,
                pct_start=share,
                div_factor=div,
                final_div_factor=final,
                cycle_momentum=False,
            )

        self.check(schedule, make, updates)

    def test_cosine(self):
        make = lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40, eta_min=0.02)  # noqa: E731
        self.check(CosineSchedule(floor=0.2), make)

    def test_step(self):
        self.check(StepSchedule(every=7, gamma=0.3), lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 7, gamma=0.3))

    def test_exponential(self):
        make = lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)  # noqa: E731
        self.check(ExponentialSchedule(scale=1.0, gamma=0.9), make)

    def test_piecewise(self):
        schedule = PiecewiseSchedule(boundaries=(5, 15), values=(1.0, 0.5, 0.25))
        self.check(schedule, lambda optimizer: torch.optim.lr_scheduler.MultiStepLR(optimizer, [5, 15], gamma=0.5))

    def test_a_schedule_after_a_warmup(self):
        def make(optimizer):
            warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=8)
            after = torch.optim.lr_scheduler.StepLR(optimizer, 7, gamma=0.3)
            return torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, after], milestones=[8])

        self.check(StepSchedule(every=7, gamma=0.3, warmup=8, warmup_start=0.1), make)

    @pytest.mark.parametrize("patience", [1, 3])
    def test_plateau_cuts_one_epoch_sooner_for_the_same_patience(self, patience):
        losses = (1 + torch.rand(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 3).tolist()
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=0.8, patience=patience - 1, threshold=0.01, min_lr=0.001, eps=0.0
        )
        theirs = []
        for loss in losses:
            scheduler.step(loss)
            theirs.append(optimizer.param_groups[0]["lr"])
        schedule = PlateauSchedule(factor=0.8, patience=patience, threshold=0.01, floor=0.001)
        assert watch(schedule, losses) == pytest.approx(theirs, rel=1e-12)
        assert theirs[-1] == 0.001


def watch(schedule: Schedule, losses: list[float], *, per_epoch: int = 1) -> list[float]:
    """The rate after each epoch, 1 at first."""
    pace = schedules.start([schedule], [1.0], torch.zeros(1, 3), per_epoch=per_epoch)
    rates = []
    for epoch, loss in enumerate(losses, start=1):
        updates = epoch * per_epoch
        pace = pace.observe(torch.tensor([loss]), updates)
        rates.append(pace.find_rates(Clock(update=updates, updates=1000, per_epoch=per_epoch)).item())
    return rates


class TestPlateau:
    def test_cuts_after_the_fifth_epoch_without_progress_as_keras_does(self):
        """The first epoch sets the mark, the next five miss it. torch's patience of 5 would wait for a sixth."""
        assert watch(PlateauSchedule(), [2.0] * 16) == [1.0] * 5 + [0.5] * 5 + [0.25] * 5 + [0.125]

    def test_progress_starts_the_count_anew(self):
        assert watch(PlateauSchedule(patience=2), [3.0, 3.0, 2.0, 2.0, 1.0, 1.0, 1.0]) == [1.0] * 6 + [0.5]

    def test_what_is_lost_is_no_progress_when_it_is_found_again(self):
        assert watch(PlateauSchedule(patience=3), [1.0, 5.0, 4.0, 3.0]) == [1.0, 1.0, 1.0, 0.5]

    @pytest.mark.parametrize(("fall", "cut"), [(0.0099, True), (0.0101, False)])
    @pytest.mark.parametrize("scale", [1.0, 1e-12, 1e12, -1.0])
    def test_progress_is_relative_so_units_do_not_matter(self, fall, cut, scale):
        losses = [1.0, 1.0 - math.copysign(fall, scale)]
        rates = watch(PlateauSchedule(patience=1, threshold=0.01), [scale * each for each in losses])
        assert rates == [1.0, 0.5 if cut else 1.0]

    def test_never_below_the_floor(self):
        assert watch(PlateauSchedule(patience=1, floor=0.3), [1.0] * 4) == [1.0, 0.5, 0.3, 0.3]

    def test_a_loss_that_is_no_number_is_no_progress(self):
        assert watch(PlateauSchedule(patience=2), [1.0, math.nan, math.inf, 0.5]) == [1.0, 1.0, 0.5, 0.5]

    def test_epochs_of_the_warmup_do_not_count(self):
        schedule = PlateauSchedule(patience=2, warmup=3, warmup_per="epoch")
        rates = watch(schedule, [0.1, 9.0, 9.0, 8.0, 8.0, 8.0], per_epoch=4)
        assert rates[2:] == [1.0, 1.0, 1.0, 0.5]

    def test_the_state_that_goes_in_is_not_changed(self):
        before = schedules.start([PlateauSchedule(patience=1)], [1.0], torch.zeros(1, 3), per_epoch=1)
        after = before.observe(torch.ones(1), 1).observe(torch.ones(1), 2)
        clock = Clock(update=2, updates=9, per_epoch=1)
        assert (before.find_rates(clock).item(), after.find_rates(clock).item()) == (1.0, 0.5)


MIXED: list[Schedule] = [
    ConstantSchedule(),
    ConstantSchedule(warmup=5),
    PowerSchedule(scale=3.0),
    ExponentialSchedule(per="update", scale=7.0),
    PiecewiseSchedule(boundaries=(2, 4), values=(1.0, 0.3, 0.2)),
    StepSchedule(every=2),
    CosineSchedule(warmup=1, warmup_per="epoch"),
    OneCycleSchedule(),
    PlateauSchedule(patience=1),
    PlateauSchedule(patience=2, factor=0.1, warmup=3),
]


def test_runs_side_by_side_each_have_their_own_and_may_leave():
    rates = [0.1 * (row + 1) for row in range(len(MIXED))]
    together = schedules.start(MIXED, rates, torch.zeros(len(MIXED), 3), per_epoch=4)
    alone = [schedules.start([each], [rate], torch.zeros(1, 3), per_epoch=4) for each, rate in zip(MIXED, rates, strict=True)]
    rows = list(range(len(MIXED)))
    for epoch in range(10):
        for batch in range(4):
            clock = Clock(update=4 * epoch + batch, updates=40, per_epoch=4)
            found = together.find_rates(clock)
            assert found.dtype == torch.float64
            assert found.tolist() == [alone[row].find_rates(clock).item() for row in rows]
        losses = torch.tensor([1.0 if (row + epoch) % 3 else 2.0 - epoch / 10 for row in rows])
        together = together.observe(losses, 4 * epoch + 4)
        for row, loss in zip(rows, losses, strict=True):
            alone[row] = alone[row].observe(loss[None], 4 * epoch + 4)
        if epoch in (3, 6):
            kept = [position for position in range(len(rows)) if position != epoch]
            together, rows = together.select(torch.tensor(kept)), [rows[position] for position in kept]


anything = st.one_of(
    st.builds(ConstantSchedule),
    st.builds(PowerSchedule, per=st.sampled_from(["epoch", "update"]), scale=st.floats(1e-300, 1e300), exponent=st.floats(0, 1e6)),
    st.builds(ExponentialSchedule, scale=st.floats(1e-6, 1e6), gamma=st.floats(1e-9, 1e9)),
    st.builds(StepSchedule, every=st.integers(1, 50), gamma=st.floats(1e-300, 1e300)),
    st.builds(CosineSchedule, horizon=st.none() | st.integers(1, 500), floor=st.floats(0, 1)),
    st.builds(
        OneCycleSchedule,
        per=st.sampled_from(["epoch", "update"]),
        horizon=st.none() | st.integers(1, 500),
        pct_start=st.floats(0, 1),
        div_factor=st.floats(1e-3, 1e3),
    ),
)


@settings(max_examples=300, deadline=None)
@given(
    schedule=anything,
    warmup=st.integers(0, 300),
    per=st.sampled_from(["epoch", "update"]),
    update=st.integers(0, 299),
    per_epoch=st.integers(1, 50),
    updates=st.integers(1, 300),
)
def test_every_factor_is_a_number_of_at_least_0(schedule, warmup, per, update, per_epoch, updates):
    schedule = replace(schedule, warmup=warmup, warmup_per=per)
    found = factor(schedule, min(update, updates - 1), updates=updates, per_epoch=per_epoch)
    assert found >= 0  # infinite at most


# in the engine

BASE: dict[str, Any] = {
    "model": {"layers": 2, "width": 5, "activation": "tanh"},
    "data": {"name": "linear", "samples": 40},
    "loss": "mse",
    "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.5},
    "train": {"epochs": 12, "batch_size": 13, "precision": "float64"},
}
SCHEDULES: list[Any] = [
    "constant",
    {"name": "constant", "warmup": 7},
    {"name": "power", "scale": 3},
    {"name": "exponential", "per": "update"},
    {"name": "piecewise", "boundaries": [2, 4], "values": [1, 0.5, 2]},
    {"name": "step", "every": 3},
    "cosine",
    "onecycle",
    {"name": "plateau", "patience": 2, "threshold": 0.3, "warmup": 3},
]


def train(*values: dict[str, Any]) -> list[Trace]:
    runs = [PlannedRun(name=str(place), patch={}, config=validate(each)) for place, each in enumerate(values)]
    return engine.train(runs, [engine.prepare(run.config, CPU) for run in runs], ["learning-rate", "weight-norm", "total-norm"])


def same(one: Trace, other: Trace) -> bool:
    return all(np.array_equal(series.values, other.series[name].values) for name, series in one.series.items())


def test_schedules_force_no_runs_apart():
    values = [{**BASE, "schedule": each} for each in SCHEDULES]
    assert len(group([engine.prepare(validate(each), CPU) for each in values])) == 1


def test_nor_do_the_numbers_of_an_optimizer():
    kinds = [
        {"name": "sgd"},
        {"name": "sgd", "momentum": 0.9, "nesterov": True},
        {"name": "adam"},
        {"name": "adamw", "weight_decay": 0.1},
        {"name": "adam", "amsgrad": True},
        {"name": "rmsprop"},
        {"name": "rmsprop", "centered": True, "momentum": 0.3},
    ]
    groups = group([engine.prepare(validate({**BASE, "optimizer": each}), CPU) for each in kinds])
    assert groups == [[0, 1], [2, 3, 4], [5, 6]]


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_run_has_the_same_bits_whatever_schedules_stand_beside_it(precision):
    values = [{**BASE, "train": {**BASE["train"], "precision": precision}, "schedule": each} for each in SCHEDULES]
    together = train(*values)
    for each, trace in zip(values, together, strict=True):
        assert same(trace, train(each)[0])


def test_a_neighbour_that_diverges_takes_no_schedule_with_it():
    values = [{**BASE, "schedule": each} for each in SCHEDULES]
    deadly = {**BASE, "optimizer": {"name": "sgd", "lr": 1e300}}
    together = train(deadly, *values[:5], deadly, *values[5:])
    assert together[0].nonfinite
    for trace, each in zip([*together[1:6], *together[7:]], values, strict=True):
        assert same(trace, train(each)[0])


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_training_equals_a_plain_loop_with_a_rate_set_by_hand(schedule):
    config = validate({**BASE, "schedule": schedule})
    (trace,) = train({**BASE, "schedule": schedule, "train": {**BASE["train"], "shuffle": False}})
    dataset = load(config.data)
    inputs, target = (each.double() for each in dataset.train)
    model = build(config.model, features=1, outputs=1, seed=config.seed).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    pace = schedules.start([config.schedule], [0.1], torch.zeros(1, 1), per_epoch=4)
    rates, epochs, update = [], [], 0
    for _ in range(12):
        total = 0.0
        for batch in torch.arange(40).split(13):
            rate = pace.find_rates(Clock(update=update, updates=48, per_epoch=4)).item()
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs[batch]), target[batch])
            loss.backward()
            optimizer.step()
            rates.append(rate)
            total, update = total + loss.item() * len(batch), update + 1
        epochs.append(total / 40)
        pace = pace.observe(torch.tensor([epochs[-1]]), update)
    assert trace.series["learning-rate"].values.tolist() == pytest.approx(rates, rel=1e-12)
    assert trace.series["loss"].values.tolist() == pytest.approx(epochs, abs=1e-9)
    assert (len(set(rates)) == 1) == (schedule == "constant")
