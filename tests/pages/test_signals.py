"""What pages state of signals and gradients in networks with random weights, measured again over several draws."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification
from torch import Tensor
from torch.nn import functional

from pages.shown import says

Activation = Callable[[Tensor], Tensor]
DRAWS = range(5)


def draw(*shape: int, seed: int | torch.Generator) -> Tensor:
    stream = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=stream, dtype=torch.float64)


def carry(activation: Activation, std: float, seed: int, width: int = 256, depth: int = 30) -> tuple[float, float, float]:
    """Mean squares before the activation of the first and the last layer, and what the gradient's is at the first over the last."""
    stream = torch.Generator().manual_seed(seed)
    signal, inputs = draw(128, width, seed=stream), []
    for _ in range(depth):
        inputs.append((signal @ (std * draw(width, width, seed=stream))).requires_grad_())
        signal = activation(inputs[-1])
    loss = (signal * draw(128, width, seed=stream)).sum()
    gradients = torch.autograd.grad(loss, [inputs[0], inputs[-1]])
    first, last = (float(each.square().mean()) for each in gradients)
    sizes = [float(each.detach().square().mean()) for each in (inputs[0], inputs[-1])]
    return sizes[0], sizes[1], first / last


@pytest.mark.parametrize(
    ("name", "activation", "gain", "forward", "backward"),
    [
        ("no activation 1", lambda z: z, 1, "0.81 to 1.05", "0.82 to 1.03"),
        ("ReLU + He 2", torch.relu, math.sqrt(2), "1.3 to 3.5", "0.71 to 1.16"),
        ("SELU + LeCun 1", functional.selu, 1, "0.94 to 1.01", "7.2 to 8.7"),
        ("tanh + Xavier 1", torch.tanh, 1, "0.015 to 0.018", "0.022 to 0.026"),
        ("tanh + Xavier, gain 5/3 2.8", torch.tanh, 5 / 3, "1.16 to 1.18", "135 to 180"),
        ("ELU + He 2", functional.elu, math.sqrt(2), "15 to 34", "35 to 49"),
        ("GELU + He 2", functional.gelu, math.sqrt(2), "3.7e-5 to 0.11", "8.1e-5 to 0.42"),
        ("sigmoid + Xavier 1", torch.sigmoid, 1, "0.22 to 0.28", "2.7e-37 to 3.5e-37"),
    ],
)
def test_variance_holds_for_few(name: str, activation: Activation, gain: float, forward: str, backward: str) -> None:
    says("initialisation", f"{name} {forward} {backward}", 'So "input and output have the same variance" holds for few of them')
    starts, ends, ratios = zip(*(carry(activation, gain / 16, seed) for seed in DRAWS), strict=True)
    assert starts == pytest.approx([gain**2] * 5, rel=0.05)
    for figures, found in ((forward, ends), (backward, ratios)):
        low, high = map(float, figures.split(" to "))
        assert (min(found), max(found)) == pytest.approx((low, high), rel=0.03)


def test_weights_that_start_too_large() -> None:
    says(
        "exploding-gradient", "multiplies the variance by n/2 in every layer", "100, 5e3, 2.5e5 and so on, 1e17 to 3e17 at layer 10"
    )
    courses = []
    for seed in DRAWS:
        stream = torch.Generator().manual_seed(seed)
        signal, variances = draw(400, 100, seed=stream), []
        for _ in range(10):
            inputs = signal @ draw(100, 100, seed=stream)
            variances.append(float(inputs.var()))
            signal = torch.relu(inputs)
        assert 1e17 < variances[9] < 3.5e17
        courses.append(variances[:3])
    assert np.exp(np.log(courses).mean(0)) == pytest.approx([100, 5e3, 2.5e5], rel=0.15)


def test_a_sigmoids_variance_over_samples_fades_with_xavier() -> None:
    says("sigmoid", "With Xavier: 1, 0.042, 0.0023, 0.0001.")
    for seed in DRAWS:
        stream = torch.Generator().manual_seed(seed)
        signal, variances = draw(400, 100, seed=stream), []
        for _ in range(5):
            inputs = signal @ (0.1 * draw(100, 100, seed=stream))
            variances.append(float(inputs.var(0).mean()))
            signal = torch.sigmoid(inputs)
        assert variances[:4] == pytest.approx([1, 0.042, 0.0023, 0.00013], rel=0.08)


@pytest.mark.parametrize(
    ("name", "weights", "median", "smaller"),
    [
        ("Xavier, normal", lambda stream: draw(30, 2000, seed=stream), 1e-27, 1.0),
        ("Xavier, uniform", lambda stream: math.sqrt(3) * draw_uniform(stream), 4e-25, 0.995),
        ("He, normal", lambda stream: math.sqrt(2) * draw(30, 2000, seed=stream), 4e-24, 0.96),
        ("He, uniform", lambda stream: math.sqrt(6) * draw_uniform(stream), 1e-21, 0.76),
    ],
)
def test_the_sigmoid_chain_is_not_saved_by_its_initialisation(
    name: str, weights: Callable[[torch.Generator], Tensor], median: float, smaller: float
) -> None:
    says(
        "vanishing-gradient",
        "(normal, median 1e-27) or nearly all (uniform, 4e-25)",
        "96 % (normal, 4e-24) or 76 % (uniform, 1e-21)",
    )
    chain = weights(torch.Generator().manual_seed(0)).requires_grad_()
    signal = torch.ones(2000, dtype=torch.float64)
    for layer in chain:
        signal = torch.sigmoid(layer * signal)
    (gradient,) = torch.autograd.grad(signal.sum(), chain)
    first = gradient[0].abs()
    assert 0.4 < float(first.median()) / median < 2.5
    assert float((first < 2.99929e-20).double().mean()) == pytest.approx(smaller, abs=0.01)


def draw_uniform(stream: torch.Generator) -> Tensor:
    return 2 * torch.rand(30, 2000, generator=stream, dtype=torch.float64) - 1


def test_a_hundred_sigmoids_can_amplify() -> None:
    says("exploding-gradient", "a hundred such layers make 4.0656e17 again")
    at_input = signal = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    for _ in range(100):
        signal = torch.sigmoid(6 * signal - 3)
    (gradient,) = torch.autograd.grad(signal, at_input)
    assert float(gradient) == pytest.approx(4.0656e17, rel=1e-4)


@pytest.mark.parametrize(
    ("gain", "row", "ranges"),
    [
        (1.1, "1 to 2 0.007 to 0.03 2e-10 to 2e-9", [(0.7, 3), (3e-3, 6e-2), (5e-11, 6e-9)]),
        (1.5, "7e2 to 7e3 1e7 to 5e8 inf", [(3e2, 2e4), (3e6, 2e9), (math.inf, math.inf)]),
        (2.0, "3e6 to 3e7 2e17 to 1e19 NaN", [(5e5, 2e8), (1e16, math.inf), None]),
    ],
)
def test_back_through_time(gain: float, row: str, ranges: list[tuple[float, float] | None]) -> None:
    says("rnn", row)
    for steps, bounds in zip((100, 300, 1000), ranges, strict=True):
        norm, largest = go_back(gain, steps, 0.1)
        assert largest.max() <= 1
        for each in norm:
            if bounds is None:
                assert not each.isfinite()
            else:
                assert bounds[0] <= float(each) <= bounds[1]


def test_large_inputs_keep_a_recurrent_gradient_from_exploding() -> None:
    says("rnn", "a gain of 1.5 vanishes, below 1e-4 after 100 steps")
    assert go_back(1.5, 100, 1.0)[0].max() < 1e-4


def go_back(gain: float, steps: int, size: float) -> tuple[Tensor, Tensor]:
    """Of three tanh cells of 32 units, in float32: the gradient's norm at the first state, and the largest output."""
    stream = torch.Generator().manual_seed(0)
    matrices = torch.stack([torch.nn.init.orthogonal_(torch.empty(32, 32), generator=stream) for _ in range(3)])
    inputs = size * torch.randn(steps, 3, 1, 32, generator=stream)
    first = state = torch.zeros(3, 1, 32, requires_grad=True)
    largest = torch.zeros(3)
    for step in inputs:
        state = torch.tanh(state @ (gain * matrices) + step)
        largest = torch.maximum(largest, state.detach().abs().amax(dim=(1, 2)))
    (gradient,) = torch.autograd.grad(state.sum(), first)
    return gradient.norm(dim=(1, 2)), largest


def test_the_gradient_of_a_linear_layer_grows_with_its_weights() -> None:
    says("backpropagation", "the gradient 2 (y - t) x grows with y, and so with W")
    sizes = []
    for weight in (1.0, 10.0, 100.0):
        slope = torch.tensor(weight, requires_grad=True)
        (gradient,) = torch.autograd.grad((slope * 3.0 + 1.0 - 4.5) ** 2, slope)
        assert float(gradient) == pytest.approx(2 * (weight * 3 + 1 - 4.5) * 3)
        sizes.append(abs(float(gradient)))
    assert sizes == sorted(sizes)


def test_softmax_is_a_share_and_keeps_the_largest() -> None:
    says("output-activation", "Softmax makes K numbers positive and lets them sum to 1", "the largest logit is the class")
    logits = 5 * draw(50, 7, seed=0)
    shares = logits.softmax(1)
    assert (shares > 0).all()
    assert torch.allclose(shares.sum(1), torch.ones(50, dtype=torch.float64))
    assert torch.equal(shares.argmax(1), logits.argmax(1))


def test_penalties_are_priors() -> None:
    says("map-and-priors", "L2, λ = 1/(2σ^2)", "L1, λ = 1/a")
    weights = torch.tensor([-2.0, -0.3, 0.1, 1.7], dtype=torch.float64, requires_grad=True)
    for prior, penalty in (
        (torch.distributions.Normal(0.0, 0.7), weights.square() / (2 * 0.7**2)),
        (torch.distributions.Laplace(0.0, 0.7), weights.abs() / 0.7),
    ):
        slopes = [torch.autograd.grad(each.sum(), weights)[0] for each in (-prior.log_prob(weights), penalty)]
        assert torch.allclose(*slopes)


def test_classes_as_numbers() -> None:
    says("output-activation", "numbered in order it gets 1.0 right, numbered 0, 2, 1 it gets 0.30 to 0.36")
    place = torch.arange(3).repeat_interleave(100)
    for seed in DRAWS:
        noise = 0.5 * draw(300, 2, seed=seed)
        inputs = torch.cat([noise + torch.stack([3.0 * (place - 1), 0 * place], dim=1), torch.ones(300, 1)], dim=1)
        right = []
        for names in ([0, 1, 2], [0, 2, 1]):
            target = torch.tensor(names)[place].double()
            said = inputs @ torch.linalg.lstsq(inputs, target[:, None]).solution
            right.append(float((said[:, 0].round().clamp(0, 2) == target).double().mean()))
        assert right[0] > 0.995
        assert 0.29 < right[1] < 0.365


@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_from_a_confidently_wrong_start_only_cross_entropy_gets_away(rate: float) -> None:
    says("cross-entropy", "the squared error goes from 1.333 to 1.333, accuracy 0.333; cross-entropy from 13.3 to 0.04 and 0.002")
    labels = torch.arange(3).repeat_interleave(40)
    centres = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]], dtype=torch.float64)
    inputs, one_hot = centres[labels] + 0.5 * draw(120, 2, seed=0), functional.one_hot(labels, 3)

    def squared(logits: Tensor) -> Tensor:
        return (logits.softmax(1) - one_hot).square().sum(1).mean()

    def train(loss: Callable[[Tensor], Tensor]) -> tuple[float, float, float, float]:
        layer = torch.nn.Linear(2, 3, dtype=torch.float64)
        layer.weight.data.zero_()
        layer.bias.data.copy_(torch.tensor([-10.0, 10.0, -10.0]))
        course, firsts = [], []
        for _ in range(500):
            value = loss(layer(inputs))
            gradients = torch.autograd.grad(value, [layer.weight, layer.bias])
            course.append(value.item())
            firsts.append(float(gradients[1].norm()))
            for weight, gradient in zip((layer.weight, layer.bias), gradients, strict=True):
                weight.data -= rate * gradient
        return course[0], course[-1], float((layer(inputs).argmax(1) == labels).double().mean()), firsts[0]

    start, end, right, gradient = train(squared)
    assert (start, end, right) == pytest.approx((4 / 3, 4 / 3, 1 / 3), abs=1e-4)
    assert gradient < 1e-7
    start, end, right, gradient = train(lambda logits: functional.cross_entropy(logits, labels))
    assert start == pytest.approx(13.3, abs=0.05)
    assert end == pytest.approx({0.1: 0.04, 1.0: 0.002}[rate], rel=0.15)
    assert right == 1
    assert gradient > 0.5


class TestOutlier:
    """The line of lr-sweep, weight and bias at 0, one of its 100 targets set to 1000, each in turn."""

    def test_share_and_length(self) -> None:
        says("faulty-data", "0.70 to 0.77 of the summed gradient norms", "27 to 36 long instead of 8.2")
        says("exploding-gradient", "three to four times as long")
        torch.manual_seed(42)
        inputs = torch.rand(100, 1)
        target = 3 * inputs + 2 + 0.1 * torch.randn(100, 1)
        design = torch.cat([inputs, torch.ones(100, 1)], dim=1).double()
        gradients = -2 * target.double() * design
        assert float(gradients.mean(0).norm()) == pytest.approx(8.2, abs=0.05)
        shares, lengths = [], []
        for sample in range(100):
            spoilt = gradients.clone()
            spoilt[sample] = -2 * 1000 * design[sample]
            norms = spoilt.norm(dim=1)
            shares.append(float(norms[sample] / norms.sum()))
            lengths.append(float(spoilt.mean(0).norm()))
        assert (min(shares), max(shares)) == pytest.approx((0.70, 0.77), abs=5e-3)
        assert (min(lengths), max(lengths)) == pytest.approx((27, 36), abs=0.5)


class TestRanks:
    """y = 3x + 2 + 0.1 N(0, 1), 1000 samples in 100 batches, rate 0.05, one epoch."""

    def train(self, groups: list[np.ndarray], inputs: np.ndarray, target: np.ndarray) -> np.ndarray:
        weights = np.zeros(2)
        for group in groups:
            residual = inputs[group] @ weights - target[group]
            weights = weights - 0.05 * 2 * inputs[group].T @ residual / len(group)
        return weights

    def test_fewer_updates_get_less_far_and_one_bad_batch_misleads_no_less(self) -> None:
        says("distributed", "100 updates end at a loss of 0.010, 25 rounds of 4 ranks at 0.06 to 0.11, a single update at 10 to 11")
        says("distributed", "0.010 to 0.013 with one process, 0.08 to 0.18 with 4 ranks")
        batches = np.arange(1000).reshape(100, 10)
        rounds = [np.concatenate(batches[turn::25]) for turn in range(25)]  # contiguous blocks: rank r has 25 r + turn
        for seed in DRAWS:
            stream = np.random.default_rng(seed)
            x = stream.standard_normal(1000)
            inputs, target = np.stack([x, np.ones(1000)], axis=1), 3 * x + 2 + 0.1 * stream.standard_normal(1000)
            courses: tuple[list[np.ndarray], ...] = (list(batches), rounds, [np.arange(1000)])
            ends = [self.loss(self.train(groups, inputs, target), inputs, target) for groups in courses]
            assert ends[0] == pytest.approx(0.0100, abs=8e-4)
            assert 0.06 < ends[1] < 0.11
            assert 9.9 < ends[2] < 11
            spoilt = target.copy()
            spoilt[batches[60]] *= -3
            single, ranks = [self.loss(self.train(groups, inputs, spoilt), inputs, target) for groups in courses[:2]]
            assert 0.0095 < single < 0.014
            assert 0.075 < ranks < 0.18

    def test_late_gradients_want_a_lower_rate(self) -> None:
        says("distributed", "2 sin(π/(4k + 2))/λ in place of 2/λ", "1/2 is left with 1 late, 0.22 with 3", "and 0.10 with 7")
        for late, share in ((0, 1.0), (1, 0.5), (3, 0.22), (7, 0.10)):
            limit = 2 * math.sin(math.pi / (4 * late + 2))
            assert limit / 2 == pytest.approx(share, abs=5e-3)
            below, above = (self.descend(factor * limit, late) for factor in (0.98, 1.02))
            assert below < 1 < above

    def descend(self, rate: float, late: int) -> float:
        """Where 4000 steps along a curvature of 1 lead from 1, each with the gradient of `late` updates before."""
        course = [1.0] * (late + 1)
        for _ in range(4000):
            course.append(course[-1] - rate * course[-1 - late])
            if abs(course[-1]) > 1e6:
                break
        return abs(course[-1])

    def test_late_gradients_cost_little_at_a_low_rate_and_all_at_a_high_one(self) -> None:
        says("distributed", "at 0.05 and in 100 updates, ends at 0.010 with gradients 3 late too")
        says("distributed", "at 0.3 one process ends at 0.010 to 0.012 and late ones at 3e4 to 7e6")
        for seed in DRAWS:
            stream = np.random.default_rng(seed)
            x = stream.standard_normal(1000)
            inputs, target = np.stack([x, np.ones(1000)], axis=1), 3 * x + 2 + 0.1 * stream.standard_normal(1000)
            ends = {}
            for rate in (0.05, 0.3):
                for late in (0, 3):
                    course = [np.zeros(2)] * (late + 1)
                    for batch in np.arange(1000).reshape(100, 10):
                        residual = inputs[batch] @ course[-1 - late] - target[batch]
                        course.append(course[-1] - rate * 2 * inputs[batch].T @ residual / 10)
                    ends[rate, late] = self.loss(course[-1], inputs, target)
            assert [ends[0.05, 0], ends[0.05, 3]] == pytest.approx([0.0100] * 2, abs=8e-4)
            assert 0.0095 < ends[0.3, 0] < 0.0125
            assert 2.5e4 < ends[0.3, 3] < 8e6

    @pytest.mark.parametrize(("dtype", "low", "high"), [(torch.float32, 1.8e-7, 4.2e-7), (torch.float64, 4e-16, 8e-16)])
    def test_the_order_of_the_sums_and_shards_of_different_size(self, dtype: torch.dtype, low: float, high: float) -> None:
        says("distributed", "differs by 2e-7 to 4e-7 in float32 and 6e-16 in float64")
        says("distributed", "with 400, 300, 200 and 100 samples 7 to 9 % off")
        rows, classes = make_classification(1000, 20, n_classes=2, random_state=42)
        inputs, target = torch.tensor(rows, dtype=dtype), torch.tensor(classes, dtype=dtype)[:, None]
        for seed in DRAWS:
            torch.manual_seed(seed)
            network = torch.nn.Sequential(torch.nn.Linear(20, 100), torch.nn.ReLU(), torch.nn.Linear(100, 1)).to(dtype)

            def differentiate(part: slice, network: torch.nn.Module = network) -> Tensor:
                loss = functional.binary_cross_entropy_with_logits(network(inputs[part]), target[part])
                return torch.cat([each.flatten() for each in torch.autograd.grad(loss, list(network.parameters()))])

            def average(cuts: list[int]) -> Tensor:
                return torch.stack([differentiate(slice(*pair)) for pair in itertools.pairwise(cuts)]).mean(0)

            whole = differentiate(slice(None))
            ranks = torch.stack([average(list(range(250 * rank, 250 * rank + 251, 10))) for rank in range(4)]).mean(0)
            assert low < float((ranks - whole).norm() / whole.norm()) < high
            assert 0.065 < float((average([0, 400, 700, 900, 1000]) - whole).norm() / whole.norm()) < 0.095

    def loss(self, weights: np.ndarray, inputs: np.ndarray, target: np.ndarray) -> float:
        return float(np.mean((inputs @ weights - target) ** 2))
