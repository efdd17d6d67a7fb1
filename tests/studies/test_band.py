from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import broken, make_series
from tests.studies.test_lr_sweep import fall, make_rate
from trainlab.report import Trace
from trainlab.studies import _band
from trainlab.studies._rates import Sweep, weigh

UP = np.linspace(10.0, 20.0, 100)


def kill(trace: Trace) -> Trace:
    """The same run, every gradient exactly 0 at its end."""
    return replace(trace, series={**trace.series, "gradient-norm": make_series([[1.0, 1.0], [0.0, 0.0]])})


def sweep_of(*traces: Trace) -> Sweep:
    scale = _band.find_scale(traces)
    return weigh("base", traces, lambda runs: _band.find_failure(runs, scale))


def course(ends: dict[float, Any], seed: int = 0) -> list[Trace]:
    """Runs that fall from 10 to an end, or whatever else is given."""
    return [make_rate(lr, fall(3, end=end) if isinstance(end, float) else end, seed=seed) for lr, end in ends.items()]


class TestGrid:
    def test_25_rates_from_a_millionth_to_ten(self) -> None:
        grid = _band.make_grid()
        assert (len(grid), grid[0], grid[-1]) == (25, 1e-6, 10.0)
        assert np.diff(np.log10(grid)) == pytest.approx([7 / 24] * 24, abs=0.03)

    @pytest.mark.parametrize("points", [2, 5, 60, 300])
    def test_rates_are_distinct_and_even_however_close(self, points: int) -> None:
        grid = _band.make_grid(0.01, 0.1, points)
        assert len(grid) == points
        steps = np.diff(np.log(grid))
        assert steps == pytest.approx([math.log(10) / (points - 1)] * (points - 1), rel=0.2)


class TestFailure:
    def test_what_is_too_low_has_not_failed(self) -> None:
        traces = course({0.001: 9.9, 0.01: 5.0, 0.1: 1.0})
        scale = _band.find_scale(traces)
        assert (scale.start, scale.best) == (10.0, 0.1)
        assert [_band.find_failure([trace], scale) for trace in traces] == ["", "", ""]

    def test_a_seed_that_starts_higher_has_not_diverged(self) -> None:
        starts = {0: 2.3, 1: 2.3, 2: 2.8}
        traces = [
            make_rate(lr, np.linspace(start, start - gain, 4), seed=seed)
            for seed, start in starts.items()
            for lr, gain in ((1e-6, 1e-3), (0.1, 2.0))
        ]
        scale = _band.find_scale(traces)
        assert _band.find_failure([trace for trace in traces if trace.config.optimizer.lr == 1e-6], scale) == ""
        risen = make_rate(1.0, np.linspace(2.3, 3.2, 4))
        assert _band.find_failure([risen], scale) == "diverged"

    def test_above_the_best_a_tenth_of_the_fall_lost_is_unstable(self) -> None:
        traces = course({0.01: 1.0, 0.1: 1.8, 1.0: 2.0})
        scale = _band.find_scale(traces)
        assert [_band.find_failure([trace], scale) for trace in traces] == ["", "", "unstable"]

    def test_above_the_best_the_loss_of_a_constant_is_a_collapse(self) -> None:
        low, high = (make_rate(lr, fall(3, end=end), metrics={"constant_loss": 6.0}) for lr, end in ((0.01, 1.0), (1.0, 6.05)))
        assert _band.find_failure([high], _band.find_scale([low, high])) == "collapsed"

    def test_where_every_gradient_is_zero(self) -> None:
        low, dead = make_rate(0.01, fall(3)), kill(make_rate(1.0, fall(3, end=3.0), metrics={"constant_loss": 2.0}))
        assert _band.find_failure([dead], _band.find_scale([low, dead])) == "collapsed"

    def test_dead_far_above_where_it_began_is_dead(self) -> None:
        low, dead = make_rate(0.01, fall(3)), kill(make_rate(1.0, UP, metrics={"constant_loss": 2.0}))
        assert _band.find_failure([dead], _band.find_scale([low, dead])) == "collapsed"

    def test_no_gradient_below_the_loss_of_a_constant_is_done_not_dead(self) -> None:
        low, done = make_rate(0.01, fall(3)), kill(make_rate(0.1, fall(1, end=0.0), metrics={"constant_loss": 2.0}))
        assert _band.find_failure([done], _band.find_scale([low, done])) == ""

    @pytest.mark.parametrize("fields", [{"loss": UP}, {"loss": [10.0, np.nan], "nonfinite": broken(update=2)}])
    def test_divergence_in_one_seed_is_enough(self, fields: dict[str, Any]) -> None:
        loss = fields.pop("loss")
        good, bad = make_rate(0.01, fall(3)), make_rate(0.01, loss, seed=1, **fields)
        assert _band.find_failure([good, bad], _band.find_scale([good])) == "diverged in 1 of 2 seeds"


class TestBand:
    def test_edges_over_seeds(self) -> None:
        ends: Sequence[dict[float, Any]] = (
            {0.001: 8.0, 0.01: 1.5, 0.1: 1.0, 1.0: UP},
            {0.001: 8.0, 0.01: 3.0, 0.1: 1.0, 1.0: 1.05},
            {0.001: 8.0, 0.01: 1.5, 0.1: UP, 1.0: UP},
        )
        band = _band.measure_band([trace for seed, each in enumerate(ends) for trace in course(each, seed)])
        assert band.useful == _band.Edge(rate=0.01, low=0.01, high=0.1)
        assert band.best == _band.Edge(rate=0.1, low=0.01, high=0.1)
        assert band.stable == _band.Edge(rate=0.1, low=0.01, high=1.0)
        assert band.unstable == _band.Edge(rate=1.0, low=0.1, high=math.inf)

    def test_no_rate_moves_the_loss(self) -> None:
        band = _band.measure_band(course({0.01: 10.0, 0.1: 10.0}))
        assert (band.useful, band.best) == (None, None)
        assert band.stable == _band.Edge(rate=0.1, low=0.1, high=0.1)

    def test_negative_losses(self) -> None:
        traces = [make_rate(lr, fall(3, end=end, start=-1.0)) for lr, end in ((0.01, -2.0), (0.1, -9.0), (1.0, -8.0))]
        band = _band.measure_band(traces)
        assert band.useful is not None
        assert band.best is not None
        assert (band.useful.rate, band.best.rate) == (0.1, 0.1)


class TestNext:
    def test_beyond_the_highest_where_it_is_best(self) -> None:
        more = _band.find_next(sweep_of(*course({0.01: 5.0, 0.1: 3.0, 1.0: 1.0})))
        assert more == (10.0, 100.0)

    def test_below_the_lowest_where_it_is_best(self) -> None:
        more = _band.find_next(sweep_of(*course({0.01: 1.0, 0.1: UP, 1.0: UP})))
        assert more == (1e-4, 1e-3)

    def test_below_where_all_fail_and_above_where_none_moves(self) -> None:
        assert max(_band.find_next(sweep_of(*course({0.01: UP, 0.1: UP})))) < 0.01
        assert min(_band.find_next(sweep_of(*course({0.01: 10.0, 0.1: 10.0})))) > 0.1

    def test_not_beyond_all_reason(self) -> None:
        assert _band.find_next(sweep_of(*course({1e4: 10.0, 1e5: 10.0}))) == ()
        assert _band.find_next(sweep_of(*course({1e-10: UP, 1e-9: UP}))) == ()

    def test_around_the_best_and_up_to_what_fails(self) -> None:
        more = _band.find_next(sweep_of(*course({0.001: 5.0, 0.01: 1.0, 0.1: 1.3, 1.0: UP})))
        assert more == (0.0022, 0.0046, 0.022, 0.046, 0.22, 0.46)

    def test_nothing_where_the_neighbours_are_close(self) -> None:
        assert _band.find_next(sweep_of(*course({0.01: 2.0, 0.015: 1.0, 0.02: UP}))) == ()

    def test_a_search_ends(self) -> None:
        """Whatever the losses are: a rate is tried once, and there are only so many."""
        stream = np.random.default_rng(0)
        for _ in range(20):
            traces = course({lr: float(stream.uniform(1, 12)) for lr in (0.01, 0.1, 1.0)})
            for _ in range(60):
                more = _band.find_next(sweep_of(*traces))
                assert not set(more) & {trace.config.optimizer.lr for trace in traces}
                if not more:
                    break
                traces += course({lr: float(stream.uniform(1, 12)) for lr in more})
            assert not more


class TestChoice:
    def test_the_best(self) -> None:
        traces = course({0.01: 1.05, 0.1: 1.0, 1.0: UP})
        assert _band.choose_rate(sweep_of(*traces), _band.measure_band(traces)) == 0.1

    def test_a_good_one_further_from_what_fails_in_any_seed(self) -> None:
        traces = course({0.05: 1.02, 0.1: 1.0, 0.15: UP})
        assert _band.choose_rate(sweep_of(*traces), _band.measure_band(traces)) == 0.05

    def test_the_best_after_all_where_no_other_is_good(self) -> None:
        traces = course({0.05: 4.0, 0.1: 1.0, 0.15: UP})
        assert _band.choose_rate(sweep_of(*traces), _band.measure_band(traces)) == 0.1


def test_right_early_and_too_high_late() -> None:
    fast = np.where(np.arange(100) < 5, fall(1, end=1.9), 2.0)
    slow = fall(40, end=1.0)
    late = sweep_of(make_rate(0.001, fall(300)), make_rate(0.01, slow - slow[-1] + 1.0), make_rate(0.1, fast))
    found = _band.find_early(late, 0.01)
    assert found is not None
    assert found.lr == 0.1
    assert _band.find_early(late, 0.1) is None
