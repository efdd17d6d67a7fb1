"""What the source texts say of optimizers, on surfaces small enough to do by hand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from trainlab import optimizers, schedules
from trainlab.config.optimizer import SGD, AdaGrad, Adam, Optimizer, RMSProp
from trainlab.config.schedule import PowerSchedule, Schedule

Gradient = Callable[[Tensor, int], Tensor]
CURVATURES = torch.tensor([0.01, 100.0], dtype=torch.float64)


def descend(spec: Optimizer, begin: list[float], gradient: Gradient, updates: int, schedule: Schedule | None = None) -> Tensor:
    """`[update, weight]`: where it begins, and where each update takes it."""
    weights = torch.tensor([begin], dtype=torch.float64)
    step, state, columns = optimizers.start([spec], weights)
    path = [weights]
    for update in range(updates):
        factor = 1.0
        if schedule is not None:
            factor = schedules.find_factor(schedule, schedules.Clock(update=update, updates=updates, per_epoch=1))
        weights, state = step(weights, gradient(weights, update), state, {**columns, "lr": columns["lr"] * factor})
        path.append(weights)
    return torch.cat(path)


def strides(spec: Optimizer, gradient: Gradient, updates: int) -> list[float]:
    path = descend(spec, [0.0], gradient, updates)
    return (path[:-1] - path[1:])[:, 0].tolist()


def steady(size: float = 1.0) -> Gradient:
    return lambda weights, _: torch.full_like(weights, size)


def bowl(weights: Tensor, _: int) -> Tensor:
    """Of f = (0.01 x^2 + 100 y^2)/2: long in x, narrow in y."""
    return CURVATURES * weights


def height(path: Tensor) -> Tensor:
    return (CURVATURES * path * path).sum(dim=1) / 2


def saddle(weights: Tensor, _: int) -> Tensor:
    """Of (1 - w1 w2)^2: a saddle at (0, 0), minima wherever w1 w2 = 1."""
    return -2 * (1 - weights.prod(dim=1, keepdim=True)) * weights.flip(1)


def first(condition: Tensor) -> int:
    return int(condition.nonzero()[0])


def find_bursts(path: Tensor, above: float) -> list[int]:
    """The updates at which the distance peaks beyond `above`, once it has been below a tenth of that."""
    far = path[:, 0].abs().tolist()
    settled = next(update for update, each in enumerate(far) if each < above / 10)
    peaks = enumerate(itertools.pairwise(far))
    rising = [update + 1 for update, (before, after) in peaks if after > before and update + 1 > settled]
    return [update for update in rising if far[update] > above and far[min(update + 1, len(far) - 1)] < far[update]]


def test_momentum_goes_to_ten_times_the_speed_on_an_even_slope():
    speed = strides(SGD(lr=1.0, momentum=0.9), steady(), 200)
    assert speed[:3] == pytest.approx([1.0, 1.9, 2.71])
    assert speed[-1] == pytest.approx(10.0, rel=1e-8)
    assert max(speed) <= 10.0


def test_adagrad_takes_the_direct_path_down_a_long_bowl():
    """Plain descent must keep its rate below 2/100 for the sake of y, and then crawls along x."""
    assert first(height(descend(SGD(lr=0.0199), [-10.0, 1.0], bowl, 22_000)) < 1e-4) == 21_398
    assert first(height(descend(AdaGrad(lr=1.0), [-10.0, 1.0], bowl, 200)) < 1e-4) == 121


def test_no_single_rate_trains_even_a_convex_bowl():
    below = descend(SGD(lr=0.0199), [-10.0, 1.0], bowl, 3000)[-1]
    assert below[0] == pytest.approx(-5.5, abs=0.01)
    above = descend(SGD(lr=0.0201), [-10.0, 1.0], bowl, 3000)[-1]
    assert above[1] == pytest.approx(9.2e12, rel=0.01)


def test_adagrad_slows_down_until_it_stops():
    stride = strides(AdaGrad(lr=1.0), steady(), 400)
    assert [stride[t - 1] for t in (1, 4, 100, 400)] == pytest.approx([1.0, 0.5, 0.1, 0.05], rel=1e-6)


def test_rmsprop_forgets_and_so_does_not():
    stride = strides(RMSProp(lr=1.0, alpha=0.9), steady(), 400)
    assert stride[0] == pytest.approx(1 / math.sqrt(0.1)) == pytest.approx(3.162, abs=1e-3)
    assert [stride[t - 1] for t in (100, 400)] == pytest.approx([1.0, 1.0], abs=1e-4)


@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_with_bias_correction_adams_steps_are_the_rate_itself(size):
    assert strides(Adam(lr=0.1), steady(size), 10) == pytest.approx([0.1] * 10, rel=2e-5)  # eps, beside 1e-3


def test_without_bias_correction_adams_start_would_be_larger_not_smaller():
    weights = torch.zeros(1, 1, dtype=torch.float64)
    step, state, columns = optimizers.start([Adam(lr=0.1)], weights)
    uncorrected = []
    for _ in range(10):
        weights, state = step(weights, torch.full_like(weights, 7.0), state, columns)
        uncorrected.append(float(state.rows["mean"] / state.rows["square"].sqrt()))
    assert uncorrected[0] == pytest.approx(0.1 / math.sqrt(0.001)) == pytest.approx(3.162, abs=1e-3)
    assert uncorrected[9] == pytest.approx(6.5, abs=0.05)


def test_the_decay_of_adam_and_of_adamw_are_two_things():
    """Coupled, it is divided by its own size as any gradient is; decoupled, it shrinks the weights by lr times decay."""
    coupled = descend(Adam(lr=0.01, weight_decay=0.04), [5.0], steady(0.0), 10)[:, 0]
    assert (coupled[:-1] - coupled[1:]).tolist() == pytest.approx([0.01] * 10, rel=0.01)
    decoupled = descend(Adam(name="adamw", lr=0.01, weight_decay=0.04), [5.0], steady(0.0), 10)[-1, 0]
    assert decoupled == pytest.approx(5.0 * (1 - 0.01 * 0.04) ** 10)


@pytest.mark.parametrize(("away", "plain", "fast"), [(1e-3, 98, 27), (1e-9, 243, 97)])
def test_momentum_leaves_a_saddle_sooner(away, plain, fast):
    """Where a plain step is nearly 0; what moves it is the little that is not."""
    for momentum, expected in ((0.0, plain), (0.9, fast)):
        path = descend(SGD(lr=0.05, momentum=momentum), [1.0, -1.0 + away], saddle, 300)
        assert first((1 - path.prod(dim=1)).square() < 1e-4) == expected


@pytest.mark.parametrize("begin", [[0.0, 0.0], [1.0, -1.0]])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_nothing_leaves_a_saddle_from_the_line_that_leads_into_it(begin, momentum):
    path = descend(SGD(lr=0.05, momentum=momentum), begin, saddle, 500)
    assert path[-1].tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


@pytest.mark.parametrize(("momentum", "end"), [(0.0, 1.332), (0.9, 1.332), (0.95, -1.484), (0.98, 1.332)])
def test_momentum_can_leave_a_local_minimum_and_need_not(momentum, end):
    """Of x^4/4 - x^2 + 0.3 x from 2.2: too little stays, enough reaches the lower minimum, too much swings back."""
    path = descend(SGD(lr=0.02, momentum=momentum), [2.2], lambda x, _: x**3 - 2 * x + 0.3, 2000)
    assert float(path[-1]) == pytest.approx(end, abs=1e-3)


def test_rmsprop_answers_a_changed_gradient_fast_and_adagrad_slowly():
    """0.01 for 200 updates, 1 for 50, then 0.01 again: the stride 50 updates after the fall, and at the end."""

    def quake(weights: Tensor, update: int) -> Tensor:
        return torch.full_like(weights, 1.0 if 200 <= update < 250 else 0.01)

    for spec, after, at_last in ((AdaGrad(lr=1.0), 0.0014, 0.0014), (RMSProp(lr=1.0, alpha=0.9), 0.146, 1.0)):
        stride = strides(spec, quake, 450)
        assert stride[300] == pytest.approx(after, rel=0.02)
        assert stride[449] == pytest.approx(at_last, rel=0.02)


class TestBursts:
    """After a long calm the divisor has shrunk, and the next small gradient makes a giant step."""

    def bursts(self, spec: Optimizer, schedule: Schedule | None = None) -> list[int]:
        path = descend(spec, [1.0], lambda y, _: 100 * y, 2000, schedule)
        assert path[20:].abs().min() < 1e-3
        return find_bursts(path, 0.1)

    def test_of_rmsprop(self):
        assert self.bursts(RMSProp(lr=0.1, alpha=0.9)) == [76, 95]

    def test_lowering_the_rate_with_time_cures_them(self):
        assert self.bursts(RMSProp(lr=0.1, alpha=0.9), PowerSchedule(per="update", scale=20.0)) == []

    @pytest.mark.parametrize("rate", [0.3, 1.0])
    def test_adagrads_sum_never_shrinks_and_never_bursts(self, rate):
        assert self.bursts(AdaGrad(lr=rate)) == []

    def test_the_root_mean_square_of_the_lectures_does_and_is_cured_alike(self):
        bursts, highest = self.run_lectures(scale=math.inf)
        assert bursts == 4
        assert highest == pytest.approx(1.66, abs=0.01)
        bursts, highest = self.run_lectures(scale=20.0)
        assert bursts == 0
        assert highest < 0.0095

    def run_lectures(self, scale: float) -> tuple[int, float]:
        y, total, far = 1.0, 0.0, [1.0]
        for update in range(2000):
            gradient = 100 * y
            total += gradient**2
            y -= 0.3 / (1 + update / scale) * gradient / math.sqrt(total / (update + 1))
            far.append(abs(y))
        return len(find_bursts(torch.tensor(far)[:, None], 0.1)), max(far[20:])
