"""What pages state as figures, computed again in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pages.shown import says


@pytest.fixture(autouse=True)
def _in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def slope(function: Callable[[Tensor], Tensor], at: float) -> float:
    point = torch.tensor(at, requires_grad=True)
    (gradient,) = torch.autograd.grad(function(point), point)
    return gradient.item()


class TestSigmoid:
    def test_slope(self) -> None:
        says("sigmoid", "0.25. At input 0.5 it is 0.235, at 5 it is 0.0066")
        assert slope(torch.sigmoid, 0.0) == 0.25
        assert slope(torch.sigmoid, 0.5) == pytest.approx(0.235, abs=5e-4)
        assert slope(torch.sigmoid, 5.0) == pytest.approx(0.0066, abs=5e-5)
        assert max(slope(torch.sigmoid, at) for at in np.linspace(-20, 20, 401)) == 0.25

    def test_bound_of_thirty(self) -> None:
        says("vanishing-gradient", "0.25^30 = 8.67e-19", "0.6590", "0.22470")
        bound = 0.25**30
        assert bound == pytest.approx(8.67e-19, rel=1e-3)
        point = 1.0
        for _ in range(60):
            point = 1 / (1 + math.exp(-point))
        assert point == pytest.approx(0.6590, abs=5e-5)
        assert point * (1 - point) == pytest.approx(0.22470, abs=5e-6)

    @pytest.mark.parametrize(
        ("activation", "first", "last"), [(torch.sigmoid, 2.99929e-20, 0.14809051), (torch.tanh, 0.009122, 0.20977)]
    )
    def test_chain(self, activation: Callable[[Tensor], Tensor], first: float, last: float) -> None:
        weights = torch.ones(30, requires_grad=True)
        signal = torch.ones(())
        for weight in weights:
            signal = activation(weight * signal)
        (gradient,) = torch.autograd.grad(signal, weights)
        assert gradient[0].item() == pytest.approx(first, rel=1e-4)
        assert gradient[-1].item() == pytest.approx(last, rel=1e-4)

    def test_tanh_is_a_sigmoid(self) -> None:
        says("sigmoid", "2 sigmoid(2z) - 1")
        at = torch.linspace(-5, 5, 101)
        assert torch.allclose(torch.tanh(at), 2 * torch.sigmoid(2 * at) - 1, atol=1e-15)

    def test_explodes_above_four_only(self) -> None:
        says("exploding-gradient", "w = 6, b = -3, x = 0.5 it is 6 · 0.25 = 1.5", "4.0656e17", "2.7104e17")
        assert slope(lambda x: torch.sigmoid(6 * x - 3), 0.5) == pytest.approx(1.5)
        assert torch.sigmoid(torch.tensor(6 * 0.5 - 3)).item() == 0.5  # the next layer starts where this one did
        at_input, at_first_weight = 1.5**100, 1.5**99
        assert at_input == pytest.approx(4.0656e17, rel=1e-4)
        assert at_first_weight == pytest.approx(2.7104e17, rel=1e-4)

    def test_mean_does_not_make_the_variance_grow(self) -> None:
        says("sigmoid", "100, 44, 44, 44", "100, 21, 17, 16", "100, 21, 11, 7, down to 1.4")
        with_mean, samples = _propagate(torch.sigmoid, 12)
        without, _ = _propagate(lambda z: torch.sigmoid(z) - 0.5, 12)
        assert with_mean[:4] == pytest.approx([100, 44, 44, 44], rel=0.12)
        assert without[:4] == pytest.approx([100, 21, 17, 16], rel=0.15)
        assert samples[:4] == pytest.approx([100, 21, 11, 7], rel=0.25)
        assert samples == sorted(samples, reverse=True)


def _propagate(activation: Callable[[Tensor], Tensor], depth: int) -> tuple[list[float], list[float]]:
    """Mean square of a layer's inputs, and their variance over samples, width 100 with weights N(0, 1)."""
    squares, variances = [], []
    for seed in range(8):
        stream = torch.Generator().manual_seed(seed)
        signal = torch.randn(400, 100, generator=stream)
        for _ in range(depth):
            inputs = signal @ torch.randn(100, 100, generator=stream)
            squares.append((inputs**2).mean().item())
            variances.append(inputs.var(0).mean().item())
            signal = activation(inputs)
    return [list(np.reshape(values, (8, depth)).mean(0)) for values in (squares, variances)]  # type: ignore[return-value]


def test_gradient_of_a_linear_layer() -> None:
    says("backpropagation", "dX = dY W^T", "dW = X^T dY")
    inputs, weight = torch.randn(5, 3, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    given = torch.randn(5, 4)
    passed, learned = torch.autograd.grad(inputs @ weight, (inputs, weight), given)
    assert torch.allclose(passed, given @ weight.T)
    assert torch.allclose(learned, inputs.T @ given)


def test_softmax_of_two_is_the_sigmoid() -> None:
    says("output-activation", "softmax([z, 0]) has sigmoid(z) as its first entry")
    at = torch.linspace(-30, 30, 601)
    pairs = torch.stack([at, torch.zeros_like(at)], dim=1)
    assert (pairs.softmax(1)[:, 0] - torch.sigmoid(at)).abs().max().item() < 2e-16


def test_squared_error_is_stuck_where_cross_entropy_is_not() -> None:
    says("cross-entropy", "Logits (-10, 10, -1000)", "1.2e-8", "1.414")
    logits = torch.tensor([[-10.0, 10.0, -1000.0]], requires_grad=True)
    target = torch.tensor([[1.0, 0.0, 0.0]])
    (squared,) = torch.autograd.grad(((logits.softmax(1) - target) ** 2).sum(), logits)
    (entropy,) = torch.autograd.grad(functional.cross_entropy(logits, target), logits)
    assert squared.norm().item() == pytest.approx(1.2e-8, rel=0.05)
    assert entropy.norm().item() == pytest.approx(1.414, abs=1e-3)


class TestPriors:
    def test_density_of_laplace(self) -> None:
        says("map-and-priors", "1/(2a) in front, not 1/sqrt(2a): the integral of exp(-|x|/3) is 6", "exp(-|w|/a)/(2a)")
        at = np.linspace(-150, 150, 3_000_001)
        assert np.trapezoid(np.exp(-np.abs(at) / 3), at) == pytest.approx(6, abs=1e-6)

    def test_width_of_the_prior(self) -> None:
        says("map-and-priors", "800 · 0.02 = 16 w^2", "σ = 0.18")
        assert 800 * 0.04 / 2 == 16
        assert math.sqrt(1 / (2 * 16)) == pytest.approx(0.18, abs=5e-3)

    def test_penalties_in_torch(self) -> None:
        says("weight-decay", "λ = 0.04 is a `weight_decay` of 0.08")
        weight = torch.nn.Parameter(torch.tensor([3.0]))
        optimizer = torch.optim.SGD([weight], lr=1.0, weight_decay=0.08)
        weight.grad = torch.zeros(1)
        optimizer.step()
        assert 3.0 - weight.item() == pytest.approx(slope(lambda w: 0.04 * w**2, 3.0))

    def test_decoupled_decay_is_small(self) -> None:
        says("weight-decay", "0.0004 an update, 15 % over 400 updates")
        shrunk = 1 - (1 - 0.01 * 0.04) ** 400
        assert shrunk == pytest.approx(0.15, abs=5e-3)


def test_proximal_step() -> None:
    says("l1", "sign(x) · max(|x| - λα, 0)", "x - λα where x > λα")
    strength, step = 0.7, 0.3
    at = np.linspace(-2, 2, 400_001)
    for x in (-1.5, -0.3, -0.1, 0.0, 0.15, 0.22, 1.0):
        least = at[np.argmin((at - x) ** 2 / (2 * step) + strength * np.abs(at))]
        assert least == pytest.approx(np.sign(x) * max(abs(x) - strength * step, 0), abs=2e-5)


def test_subgradient_steps_never_land_on_zero() -> None:
    weight = torch.tensor(0.105, requires_grad=True)
    for _ in range(100):
        (gradient,) = torch.autograd.grad(weight.abs(), weight)
        weight = (weight - 0.01 * gradient).detach().requires_grad_()
    assert 0 < weight.abs().item() < 0.01
    assert slope(torch.abs, 0.0) == 0


class TestDropout:
    def test_factor(self) -> None:
        says("dropout", "For a rate of 0.2 the factor is 1/(1 - rate) = 1.25")
        kept = functional.dropout(torch.ones(10_000), 0.2, training=True)
        assert set(kept.unique().tolist()) == {0.0, 1.25}
        assert kept.mean().item() == pytest.approx(1, abs=0.02)


class TestOptimizers:
    def step_lengths(self, make: Callable[[list[Tensor]], torch.optim.Optimizer], gradients: list[float]) -> list[float]:
        weight = torch.zeros(1, requires_grad=True)
        optimizer = make([weight])
        lengths = []
        for gradient in gradients:
            before = weight.item()
            weight.grad = torch.tensor([gradient])
            optimizer.step()
            lengths.append(before - weight.item())
        return lengths

    def test_adam_starts_at_its_rate(self) -> None:
        says("adam", "0.1/sqrt(0.001) = 3.162 times the rate, and 6.5 times at t = 10")
        for gradient in (1e-3, 1e3):
            assert self.step_lengths(lambda w: torch.optim.Adam(w, lr=0.1), [gradient])[0] == pytest.approx(0.1, rel=1e-4)
        for t, factor in ((1, 3.162), (10, 6.5)):
            assert (1 - 0.9**t) / math.sqrt(1 - 0.999**t) == pytest.approx(factor, rel=0.01)

    def test_momentum_reaches_ten_times(self) -> None:
        says("momentum", "1/(1 - μ) times the gradient: 10 times")
        assert self.step_lengths(lambda w: torch.optim.SGD(w, lr=1, momentum=0.9), [1.0] * 200)[-1] == pytest.approx(10, rel=1e-6)

    def test_adagrad_slows_down_and_rmsprop_does_not(self) -> None:
        says("adagrad", "1, 0.5, 0.1, 0.05 at t = 1, 4, 100, 400", "3.162 at t = 1", "1.0 at 100 and at 400")
        adagrad = self.step_lengths(lambda w: torch.optim.Adagrad(w, lr=1), [1.0] * 400)
        rmsprop = self.step_lengths(lambda w: torch.optim.RMSprop(w, lr=1, alpha=0.9), [1.0] * 400)
        assert [adagrad[t - 1] for t in (1, 4, 100, 400)] == pytest.approx([1, 0.5, 0.1, 0.05], rel=1e-6)
        assert [rmsprop[t - 1] for t in (1, 100, 400)] == pytest.approx([3.162, 1, 1], rel=1e-3)

    def test_rmsprop_notices_change(self) -> None:
        says("adagrad", "AdaGrad moves 0.0014 a step, RMSProp 0.146; after 200 they are at 0.0014 and 1.0")
        gradients = [0.01] * 200 + [1.0] * 50 + [0.01] * 200
        for make, soon, late in (
            (lambda w: torch.optim.Adagrad(w, lr=1), 0.0014, 0.0014),
            (lambda w: torch.optim.RMSprop(w, lr=1, alpha=0.9), 0.146, 1.0),
        ):
            lengths = self.step_lengths(make, gradients)
            assert (lengths[300 - 1], lengths[-1]) == pytest.approx((soon, late), rel=0.08)

    def test_narrow_bowl(self) -> None:
        says("adagrad", "SGD at 0.0199 (its limit is 0.02) 21,398; AdaGrad at 1: 121")
        says("learning-rate", "-5.5 in 3000 steps, at 0.0201 y is 9e12")
        x, y = -10 * (1 - 0.0199 * 0.01) ** 3000, (1 - 0.0201 * 100) ** 3000
        assert x == pytest.approx(-5.5, abs=0.05)
        assert y == pytest.approx(9e12, rel=0.05)
        steps = next(t for t in range(30_000) if (0.01 * (10 * (1 - 0.000199) ** t) ** 2 + 100 * (0.99**t) ** 2) / 2 < 1e-4)
        assert steps == 21_398
        curvature, point, total = np.array([0.01, 100.0]), np.array([-10.0, 1.0]), np.zeros(2)
        count = 0
        while (curvature * point**2).sum() / 2 >= 1e-4:
            count += 1
            gradient = curvature * point
            total += gradient**2
            point -= gradient / np.sqrt(total)
        assert count == 121

    def test_bursts(self) -> None:
        says(
            "adagrad",
            "four bursts in 2000 steps, up to 1.66",
            "two above 0.1, up to 0.207",
            "A rate that falls as 1/(1 + t/20) cures it: no burst at all",
        )
        summed = self.excursions(lambda t, total, g: total + g**2, lambda t, total: total)
        assert max(summed[50:]) < 1e-2
        mean = self.excursions(lambda t, total, g: total + g**2, lambda t, total: total / (t + 1), rate=0.3)
        assert max(mean[100:]) == pytest.approx(1.66, abs=0.02)
        falling = self.excursions(lambda t, total, g: total + g**2, lambda t, total: total / (t + 1) * (1 + t / 20) ** 2, rate=0.3)
        assert max(falling[50:]) < 1e-6
        recent = self.excursions(lambda t, total, g: 0.9 * total + 0.1 * g**2, lambda t, total: total, rate=0.1)
        assert max(recent[50:]) == pytest.approx(0.207, abs=0.002)

    def excursions(
        self, gather: Callable[[int, float, float], float], divide: Callable[[int, float], float], rate: float = 0.3
    ) -> list[float]:
        """Distance from the floor of the steep side of the bowl, from y = 1."""
        point, total, distances = 1.0, 0.0, []
        for t in range(2000):
            gradient = 100 * point
            total = gather(t, total, gradient)
            point -= rate * gradient / (math.sqrt(divide(t, total)) + 1e-8)
            distances.append(abs(point))
        return distances


class TestSurface:
    def loss(self, weights: Tensor) -> Tensor:
        return (1 - weights[0] * weights[1]) ** 2

    def hessian(self, *point: float) -> Tensor:
        return torch.autograd.functional.hessian(self.loss, torch.tensor(point))  # type: ignore[return-value]

    def test_saddle(self) -> None:
        says(
            "critical-point",
            "[[0, -2], [-2, 0]], its eigenvalues -2 and 2",
            "0.765625 after half a step and to 0.25 after one",
            "1.265625",
        )
        hessian = self.hessian(0.0, 0.0)
        assert hessian.tolist() == [[0, -2], [-2, 0]]
        assert torch.linalg.eigvalsh(hessian).tolist() == pytest.approx([-2, 2])
        assert torch.linalg.svdvals(hessian).tolist() == pytest.approx([2, 2])
        down, up = torch.tensor([1.0, 1.0]) / math.sqrt(2), torch.tensor([1.0, -1.0]) / math.sqrt(2)
        assert [self.loss(step * down).item() for step in (0.5, 1)] == pytest.approx([0.765625, 0.25])
        assert self.loss(0.5 * up).item() == pytest.approx(1.265625)
        says("hessian", "0.99, the true loss 0.990025")
        assert self.loss(0.1 * down).item() == pytest.approx(0.990025)

    def test_valley(self) -> None:
        says("hessian", "4 at (1, 1), 8.5 at (2, 0.5), 32.125 at (4, 0.25)")
        for point, largest in (((1.0, 1.0), 4), ((2.0, 0.5), 8.5), ((4.0, 0.25), 32.125)):
            assert torch.linalg.eigvalsh(self.hessian(*point)).tolist() == pytest.approx([0, largest], abs=1e-12)

    def test_no_batch_leaves_the_saddle_by_its_noise(self) -> None:
        says("batch", "not where every sample's own gradient is 0: for y = w1 w2 x at (0, 0) no batch whatever helps")
        weights, inputs = torch.zeros(2, requires_grad=True), torch.randn(20)
        for x, y in zip(inputs, torch.randn(20), strict=True):
            (gradient,) = torch.autograd.grad((y - weights[0] * weights[1] * x) ** 2, weights)
            assert gradient.tolist() == [0, 0]

    def test_three_critical_points_with_a_penalty(self) -> None:
        says("critical-point", "±(0.7071, 0.7071)")
        point = torch.full((2,), math.sqrt(0.5), requires_grad=True)
        (gradient,) = torch.autograd.grad(self.loss(point) + 0.5 * (point**2).sum(), point)
        assert gradient.norm().item() < 1e-12

    def test_leaving_the_saddle(self) -> None:
        says("momentum", "plain SGD needs 98 steps past the saddle to a loss below 1e-4, momentum 0.9 needs 27", "243 and 97")
        for start, plain, heavy in ((1e-3, 98, 27), (1e-9, 243, 97)):
            for momentum, steps in ((0.0, plain), (0.9, heavy)):
                assert self.count_steps(start, momentum) == pytest.approx(steps, abs=2)
        assert self.count_steps(0.0, 0.9) is None

    def count_steps(self, off: float, momentum: float) -> int | None:
        """Steps from (1, -1 + off) until the loss is below 1e-4."""
        a, b, speed = 1.0, -1.0 + off, [0.0, 0.0]
        for step in range(2000):
            error = 1 - a * b
            if error**2 < 1e-4:
                return step
            speed = [momentum * speed[0] - 2 * error * b, momentum * speed[1] - 2 * error * a]
            a, b = a - 0.05 * speed[0], b - 0.05 * speed[1]
        return None

    def test_momentum_and_local_minima(self) -> None:
        says("momentum", "stay at 1.332", "-1.484")
        for momentum, end in ((0.0, 1.332), (0.9, 1.332), (0.95, -1.484), (0.98, 1.332)):
            x, speed = 2.2, 0.0
            for _ in range(5000):
                speed = momentum * speed + x**3 - 2 * x + 0.3
                x -= 0.02 * speed
            assert x == pytest.approx(end, abs=2e-3)

    def test_chain_of_the_sweep(self) -> None:
        says("learning-rate", "0, 0 and 22.610", "the limit is 2/22.610 = 0.0885")
        inputs, targets = _line()

        def loss(weights: Tensor) -> Tensor:
            return ((weights.prod() * inputs - targets) ** 2).mean()

        best = (inputs * targets).sum() / (inputs**2).sum()
        hessian = torch.autograd.functional.hessian(loss, torch.full((3,), best.item() ** (1 / 3)))
        assert torch.linalg.eigvalsh(hessian).tolist() == pytest.approx([0, 0, 22.610], abs=2e-2)  # type: ignore[arg-type]
        limit = 2 / 22.610
        assert limit == pytest.approx(0.0885, abs=5e-5)
        assert (targets**2).mean().item() == pytest.approx(13.335, abs=1e-3)
        says("underfitting", "the best constant 0.756")
        assert targets.var(correction=0).item() == pytest.approx(0.756, abs=1e-3)


def _line() -> tuple[Tensor, Tensor]:
    """100 samples of a line with noise, drawn as the config of lr-sweep draws them."""
    torch.manual_seed(42)
    inputs = torch.rand(100, 1, dtype=torch.float32)
    return inputs.double(), (3 * inputs + 2 + 0.1 * torch.randn(100, 1, dtype=torch.float32)).double()


class TestClipping:
    def test_angles(self) -> None:
        says("clipping", "44.4 degrees", "[0.99995, 0.0099995]", "26.3 degrees")
        raw = np.array([100.0, 1.0])
        assert _angle(raw, np.clip(raw, -1, 1)) == pytest.approx(44.427, abs=1e-3)
        assert raw / np.linalg.norm(raw) == pytest.approx([0.99995, 0.0099995], rel=1e-5)
        # Keras' clipnorm: each tensor by itself.
        assert _angle(np.array([100, 1, 0.5]), np.array([0.99995, 0.0099995, 0.5])) == pytest.approx(26.279, abs=5e-3)

    def test_norm_that_overflows(self) -> None:
        says("clipping", "A finite gradient whose norm overflows is set to 0")
        weight = torch.nn.Parameter(torch.zeros(2, dtype=torch.float32))
        weight.grad = torch.full((2,), 3e38, dtype=torch.float32)
        torch.nn.utils.clip_grad_norm_([weight], 1.0)
        assert weight.grad.tolist() == [0, 0]


def _angle(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first / np.linalg.norm(first), second / np.linalg.norm(second)
    return math.degrees(2 * math.atan2(float(np.linalg.norm(first - second)), float(np.linalg.norm(first + second))))


class TestBatchNorm:
    def test_scale_of_the_weights_does_not_count(self) -> None:
        says("batch-norm", "times 1, 10 and 100 the output is the same to 1e-12 and the gradient of W 10 and 100 times shorter")
        inputs, target = torch.randn(32, 8), torch.randn(32, 6)
        weight = torch.randn(8, 6)
        outputs, norms = [], []
        for factor in (1, 10, 100):
            scaled = (factor * weight).requires_grad_()
            output = functional.batch_norm(inputs @ scaled, None, None, training=True, eps=1e-16)
            (gradient,) = torch.autograd.grad((output * target).sum(), scaled)
            outputs.append(output.norm().item())
            norms.append(gradient.norm().item())
        assert outputs == pytest.approx([outputs[0]] * 3, rel=1e-12)
        assert norms == pytest.approx([norms[0], norms[0] / 10, norms[0] / 100], rel=1e-9)

    def test_momentum_is_the_share_of_the_new(self) -> None:
        says("batch-norm", "running = 0.9 · running + 0.1 · new for 0.1")
        norm = torch.nn.BatchNorm1d(1, momentum=0.1)
        norm(torch.tensor([[9.0], [11.0]]))
        assert norm.running_mean is not None
        assert norm.running_mean.item() == pytest.approx(1.0)

    def test_starts_as_the_identity_of_what_is_normalised(self) -> None:
        says("batch-norm", "γ starts at 1, β at 0")
        norm = torch.nn.BatchNorm1d(3)
        assert norm.weight.tolist() == [1, 1, 1]
        assert norm.bias.tolist() == [0, 0, 0]

    def test_why_layer_norm_does_not_save_a_sigmoid(self) -> None:
        says("layer-norm", "0.21", "0.54", "0.21/0.54 is 0.39")
        normal = torch.randn(1_000_000)
        values, derivatives = torch.sigmoid(normal), torch.sigmoid(normal) * (1 - torch.sigmoid(normal))
        over_features = (values**2).mean().sqrt().item()
        assert values.std().item() == pytest.approx(0.21, abs=5e-3)
        assert over_features == pytest.approx(0.54, abs=5e-3)
        assert derivatives.square().mean().sqrt().item() / over_features == pytest.approx(0.39, abs=0.01)


class TestActivations:
    def mean(self, activation: Callable[[Tensor], Tensor]) -> float:
        at = torch.linspace(-12, 12, 200_001)
        return torch.trapezoid(activation(at) * torch.exp(-(at**2) / 2) / math.sqrt(2 * math.pi), at).item()

    def test_means(self) -> None:
        says("relu", "ReLU 0.399, GELU 0.282, ELU 0.161, SELU 0.000, sigmoid 0.500")
        found = [self.mean(each) for each in (functional.relu, functional.gelu, functional.elu, functional.selu, torch.sigmoid)]
        assert found == pytest.approx([0.399, 0.282, 0.161, 0.0, 0.5], abs=6e-4)

    def test_slopes_at_zero(self) -> None:
        says("relu", "ELU is differentiable at 0 only for a = 1", "a <= 1")
        for scale in (0.5, 1.0, 2.0):
            assert slope(lambda z, scale=scale: functional.elu(z, scale), -1e-12) == pytest.approx(scale, rel=1e-6)
        at = torch.linspace(-2, 2, 9)
        assert torch.equal(functional.leaky_relu(at, 0.01), torch.maximum(0.01 * at, at))
        assert not torch.equal(functional.leaky_relu(at, 2.0), torch.maximum(2.0 * at, at))


class TestSchedules:
    def test_shapes(self) -> None:
        says(
            "schedules",
            "1/2 at k, 1/3 at 2k, 1/4 at 3k",
            "0.01, 0.0031623, 0.001 and 0.0001",
            "0.005 after 10,000",
            "0.0033333 after 20,000",
        )
        assert [1 / (1 + t) for t in (1, 2, 3)] == pytest.approx([1 / 2, 1 / 3, 1 / 4])
        assert [0.01 * 0.1 ** (t / 20) for t in (0, 10, 20, 40)] == pytest.approx([0.01, 0.0031623, 0.001, 0.0001], rel=1e-5)
        assert [0.01 / (1 + 1e-4 * t) for t in (10_000, 20_000)] == pytest.approx([0.005, 0.0033333], rel=1e-4)

    def test_plateau_is_one_later_in_torch(self) -> None:
        says("schedules", "torch after 6 (on a constant loss its rate falls at the 7th call)")
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=5)
        rates = []
        for _ in range(8):
            schedule.step(1.0)
            rates.append(optimizer.param_groups[0]["lr"])
        assert rates == [1.0] * 6 + [0.5] * 2


def test_counting() -> None:
    says("training-loop", "10 updates an epoch; 1347 in batches of 32 make 43, the last on a batch of 3")
    assert math.ceil(1347 / 32) == 43
    assert 1347 % 32 == 3
    says("distributed", "25 updates an epoch", "4 times too long")
    assert 100 // 4 == 25
    says("ensemble", "63 %")
    drawn = 1 - (1 - 1 / 1000) ** 1000
    assert drawn == pytest.approx(0.63, abs=5e-3)


def test_formats_of_sixteen_bits() -> None:
    says("mixed-precision", "3.4e38", "65504", "6e-8", "9e-13", "an output of 256 and one of 257 are the same number")
    assert torch.finfo(torch.bfloat16).max == pytest.approx(3.4e38, rel=0.01)
    assert torch.finfo(torch.float16).max == 65504
    smallest = torch.finfo(torch.float16).smallest_normal * torch.finfo(torch.float16).eps
    assert smallest == pytest.approx(6e-8, rel=0.01)
    assert smallest / 65536 == pytest.approx(9e-13, rel=0.02)
    assert torch.tensor(257.0).bfloat16() == torch.tensor(256.0).bfloat16()
    assert torch.tensor(65536.0).half().isinf()
