"""What the source documents claim, and the figures behind it. The comments in quotes are the sources' own words or their gist."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from engine.runs import see_weights, train
from pages.shown import says
from torch import nn

from trainlab import engine
from trainlab.config import validate
from trainlab.plan import PlannedRun
from trainlab.report import Trace
from trainlab.rules.overtraining import Overtraining
from trainlab.settling import find_final_swing, find_settling_epoch


def chain(activation: str, value: float = 1.0, **model: Any) -> dict[str, Any]:
    """30 x (Linear(1, 1, no bias) + activation), every weight 1, input 1, loss = the output."""
    return {
        "model": {
            "layers": 30,
            "width": 1,
            "activation": activation,
            "output": "same",
            "bias": False,
            "init": {"name": "constant", "value": 1.0},
            **model,
        },
        "data": {"name": "ones", "value": value},
        "loss": "sum",
    }


def gradients(trace: Trace) -> np.ndarray:
    return trace.series["gradient-norm"].values[0]


@pytest.fixture(scope="module")
def chains() -> dict[str, Trace]:
    cases = {
        "sigmoid": chain("sigmoid"),
        "relu": chain("relu"),
        "relu at -1": chain("relu", value=-1.0),
        "tanh": chain("tanh"),
        "residual": chain("sigmoid", residual=True),
    }
    return dict(zip(cases, train(*cases.values(), probes=["gradient-norm"]), strict=True))


def test_the_sigmoid_chain_vanishes(chains):
    # "layer 58: 0.148; layer 0: 2.99e-20"
    trace = chains["sigmoid"]
    assert (trace.parameters[0].name, trace.parameters[-1].name) == ("model.0.weight", "model.58.weight")
    assert gradients(trace)[0] == pytest.approx(2.999290e-20, rel=1e-6)
    assert gradients(trace)[-1] == pytest.approx(0.148091, abs=5e-7)


def test_a_product_of_30_explains_it(chains):
    # "sigmoid' lies in 0..0.25; a product of 30 explains it"
    found = gradients(chains["sigmoid"])
    factors = found[:-1] / found[1:]
    assert (factors[1:] < 0.25).all()
    assert factors[8:] == pytest.approx(np.full(21, 0.22470), abs=1e-5)  # at the fixed point of the sigmoid, 0.6590
    assert found[0] < 0.25**30


def test_the_relu_chain_does_not_decay(chains):
    # "ReLU: 1.0 everywhere"
    assert gradients(chains["relu"]).tolist() == [1.0] * 30


def test_the_relu_chain_is_dead_for_negative_input(chains):
    # "ReLU' is 1, so no decay": only for positive input
    assert gradients(chains["relu at -1"]).tolist() == [0.0] * 30


def test_tanh_is_steadier(chains):
    # "tanh: centred, steadier gradients"
    found = gradients(chains["tanh"])
    assert found[0] == pytest.approx(0.009122, abs=5e-7)
    assert found[-1] == pytest.approx(0.20977, abs=5e-6)


def test_residual_sums_carry_the_gradient(chains):
    # The sum grows past 30, where the last sigmoid is exactly flat in float32, while the first layer learns
    found = gradients(chains["residual"])
    assert found[0] == pytest.approx(0.247, abs=5e-4)
    assert found[-1] == 0


def line(rate: float) -> dict[str, Any]:
    """3 x (Linear(1, 1, no bias) + ReLU), weights 1; y = 3x + 2 + 0.1 randn; MSE; full-batch SGD; 500 epochs."""
    return {
        "model": {
            "layers": 3,
            "width": 1,
            "activation": "relu",
            "output": "same",
            "bias": False,
            "init": {"name": "constant", "value": 1.0},
        },
        "data": {"name": "linear"},
        "loss": "mse",
        "optimizer": {"name": "sgd", "lr": rate},
        "train": {"epochs": 500},
    }


@pytest.fixture(scope="module")
def rates() -> dict[float, Trace]:
    tried = (0.001, 0.01, 0.1, 0.165, 0.2)
    probes = ["accuracy", "baselines", "total-norm", "gradient-norm"]
    return dict(zip(tried, train(*map(line, tried), probes=probes), strict=True))


def losses(trace: Trace) -> np.ndarray:
    return trace.series["loss"].values


def test_all_rates_start_at_the_same_loss(rates):
    for trace in rates.values():
        assert losses(trace)[0] == pytest.approx(9.520971, abs=2e-6)
        assert len(losses(trace)) == 500


@pytest.mark.parametrize(
    ("rate", "settles", "last"),
    [
        (0.001, 207, 1.005422),  # "0.001: about 200 epochs"
        (0.01, 22, 1.005421),  # "0.01: about 20 epochs"
    ],
)
def test_rates_that_converge(rates, rate, settles, last):
    assert find_settling_epoch(rates[rate].series["loss"]) == settles
    assert losses(rates[rate])[-1] == pytest.approx(last, abs=2e-6)


def test_a_rate_that_swings_for_ever(rates):
    # "0.1: falls, rises, then swings, never converges"
    trace = rates[0.1]
    assert find_settling_epoch(trace.series["loss"]) is None
    assert find_final_swing(trace.series["loss"]) == pytest.approx((1.5584, 2.1714), abs=5e-5)
    assert losses(trace)[-4::2] == pytest.approx(losses(trace)[-2:-1].repeat(2), rel=1e-5)
    assert losses(trace)[-1] != pytest.approx(losses(trace)[-2], rel=0.1)
    assert trace.series["total-norm"].values[-50:] == pytest.approx(np.full(50, 5.683), abs=1e-3)
    assert (rates[0.01].series["total-norm"].values[-50:] < 3e-5).all()  # "loss flat": here because the gradient is 0


def test_the_bound_is_two_over_the_largest_curvature():
    """The Hessian at the minimum, by differentiating twice in float64, has the eigenvalues 0, 0 and 22.610."""
    torch.manual_seed(42)
    inputs = torch.rand(100, 1)
    target = (3 * inputs + 2 + 0.1 * torch.randn(100, 1)).double()
    inputs = inputs.double()

    def loss(weights: torch.Tensor) -> torch.Tensor:
        return (inputs * weights.prod() - target).square().mean()

    product = (inputs * target).mean() / inputs.square().mean()
    hessian = torch.autograd.functional.hessian(loss, product.pow(1 / 3).repeat(3))
    curvatures = torch.linalg.eigvalsh(hessian).tolist()
    assert curvatures == pytest.approx([0, 0, 22.610], abs=5e-4)
    assert 0.0884 < 2 / curvatures[-1] < 0.0886
    below, above = (find_final_swing(trace.series["loss"]) for trace in train(*map(slow, (0.0884, 0.0886)), probes=[]))
    assert below == pytest.approx((1.005421, 1.005421), abs=1e-5)
    assert above[0] > 1.01
    assert above[1] - above[0] > 1e-3


def slow(rate: float) -> dict[str, Any]:
    """So close to the bound it takes thousands of epochs to see which side it is."""
    return {**line(rate), "train": {"epochs": 3000}}


@pytest.mark.parametrize("rate", [0.165, 0.2])
def test_a_rate_that_kills_the_network(rates, rate):
    # Larger still: one giant step, every unit dead, and the loss of a network that always says 0
    trace = rates[rate]
    _, target = train_data()
    assert losses(trace)[-1] == pytest.approx(13.33546, abs=1e-5)
    assert losses(trace)[-1] == pytest.approx((target**2).mean(), abs=1e-4)
    assert not trace.series["gradient-norm"].values[-1].any()
    assert trace.nonfinite is None


def train_data() -> tuple[np.ndarray, np.ndarray]:
    torch.manual_seed(42)
    inputs = torch.rand(100, 1)
    return inputs.numpy(), (3 * inputs + 2 + 0.1 * torch.randn(100, 1)).numpy()


def test_what_the_experiment_hides(rates):
    # The network has no bias: it ends above the best constant, and far above a straight line
    metrics = rates[0.01].metrics
    assert metrics["train_loss"] == pytest.approx(1.005421, abs=1e-6)
    assert metrics["constant_loss"] == pytest.approx(0.7561, abs=5e-5)
    assert metrics["linear_loss"] == pytest.approx(0.00663, abs=5e-6)
    assert metrics["train_r2"] < 0


def overfit(seed: int, optimizer: str = "adam", decay: float = 0.0) -> dict[str, Any]:
    """20-100-1, ReLU, sigmoid output, BCE, Adam 0.01, full batch, 400 epochs, make_classification."""
    return {
        "seed": seed,
        "model": {"layers": 2, "width": 100, "activation": "relu", "output": "sigmoid"},
        "data": {"name": "classification"},
        "loss": "bce",
        "optimizer": {"name": optimizer, "lr": 0.01, "weight_decay": decay},
        "train": {"epochs": 400},
    }


@pytest.fixture(scope="module")
def fits() -> dict[str, list[Trace]]:
    arms = {"base": ("adam", 0.0), "L2": ("adam", 0.04), "decoupled": ("adamw", 0.04)}
    traces = train(*[overfit(seed, *arm) for arm in arms.values() for seed in range(5)], probes=["accuracy"])
    return {name: traces[5 * place : 5 * place + 5] for place, name in enumerate(arms)}


SAMPLE = 1 / 800  # one training sample more or less: float32 sums in another order


def test_overfitting(fits):
    # "loss 0.0007, train 1.0, test 0.815"
    for trace in fits["base"]:
        assert 0.0005 < trace.metrics["train_loss"] < 0.0009
        assert trace.metrics["train_accuracy"] == 1
        assert 0.79 <= trace.metrics["test_accuracy"] <= 0.845
    assert 0.805 <= np.median([trace.metrics["test_accuracy"] for trace in fits["base"]]) <= 0.825


def test_overfitting_from_the_initial_weights_of_the_source():
    """torch.manual_seed(0 .. 4), then the network: the very figures."""
    runs = [PlannedRun(name=str(seed), patch={}, config=validate(overfit(seed))) for seed in range(5)]
    works = []
    for seed, run in enumerate(runs):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(20, 100), nn.ReLU(), nn.Linear(100, 1), nn.Sigmoid())
        work = engine.prepare(run.config, engine.choose_device("cpu"))
        model = copy.deepcopy(work.model)
        model.model.load_state_dict(network.state_dict())
        works.append(replace(work, model=model))
    found = engine.train(runs, works, ["accuracy"])
    assert [trace.metrics["test_accuracy"] for trace in found] == pytest.approx(
        [0.805, 0.82, 0.82, 0.825, 0.805], abs=0.0101
    )  # two samples
    assert [trace.metrics["train_accuracy"] for trace in found] == [1.0] * 5
    assert all(0.00055 < trace.metrics["train_loss"] < 0.0008 for trace in found)


def test_l2_closes_the_gap(fits):
    # "L2 0.04: train 0.88, test 0.875"
    for trace in fits["L2"]:
        assert trace.metrics["train_loss"] == pytest.approx(0.311, abs=0.001)
        assert 0.881 - 1.5 * SAMPLE <= trace.metrics["train_accuracy"] <= 0.8825 + SAMPLE
        assert trace.metrics["test_accuracy"] == pytest.approx(0.875, abs=0.0051)
        assert trace.metrics["accuracy_gap"] < 0.02


def test_l2_converges_sooner(fits):
    # "... converges at about 100 epochs": 17 to 27 against the run's own end, the base 106 to 114
    assert all(15 <= find_settling_epoch(trace.series["loss"]) <= 30 for trace in fits["L2"])
    assert all(100 <= find_settling_epoch(trace.series["loss"]) <= 120 for trace in fits["base"])


def test_decoupled_decay_of_the_same_size_does_nothing(fits):
    # "the penalty is torch Adam's weight_decay": under AdamW the same number is another thing
    for trace in fits["decoupled"]:
        assert trace.metrics["train_accuracy"] == 1
        assert 0.79 <= trace.metrics["test_accuracy"] <= 0.845
        assert trace.metrics["train_loss"] < 0.0015


def test_the_test_loss_turns_early():
    # "best test loss 0.36-0.37 at epoch 15-16 of 400, 1.25-1.40 at the end": over seeds
    for trace in train(*[overfit(seed) for seed in range(5)], probes=["test-loss", "accuracy"]):
        loss = trace.series["test-loss"].values
        assert len(loss) == 400
        assert 13 <= int(loss.argmin()) + 1 <= 17
        assert 0.35 < loss.min() < 0.375
        assert 1.15 < loss[-1] < 1.45
        assert loss[-1] == trace.metrics["test_loss"]
        (found,) = Overtraining().judge(trace)
        assert 12 <= found.evidence["epoch"] <= 18
        assert 0.36 < found.evidence["best"] < 0.39


def test_stopped_early_it_tests_better():
    # "stops on the validation part": tests at 0.83 to 0.865 instead of 0.805 to 0.82
    held = {"name": "classification", "validation_fraction": 0.2}
    stops = [{**overfit(seed), "data": held, "train": {"epochs": 400, "early_stopping": 20}} for seed in range(5)]
    for trace in train(*stops, probes=["accuracy"]):
        assert 12 <= trace.best_epoch <= 25
        assert trace.stopped == trace.best_epoch + 20 == trace.updates
        assert 0.83 <= trace.metrics["test_accuracy"] <= 0.885
        assert trace.metrics["test_loss"] < 0.4


def deep(activation: str, **model: Any) -> dict[str, Any]:
    """30 layers of 64 units, standard normal inputs, random classes."""
    return {
        "model": {"layers": 30, "width": 64, "activation": activation, "output": "same", **model},
        "data": {"name": "random"},
        "loss": "cross_entropy",
    }


@pytest.fixture(scope="module")
def depths() -> dict[str, float]:
    """First over last gradient norm, weights only."""
    cases = {
        "sigmoid": deep("sigmoid", init="xavier_uniform"),
        "batch norm": deep("sigmoid", init="xavier_uniform", norm="batch"),
        "residual": deep("sigmoid", init="xavier_uniform", residual=True),
        "tanh": deep("tanh", init="xavier_uniform"),
        "relu": deep("relu", init="he_normal"),
    }
    found = {}
    for name, trace in zip(cases, train(*cases.values(), probes=["gradient-norm"]), strict=True):
        norms = [norm for norm, each in zip(gradients(trace), trace.parameters, strict=True) if each.is_weight]
        assert len(norms) == 30
        found[name] = norms[0] / norms[-1]
    return found


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("sigmoid", 1e-19, 1e-17),  # "sigmoid vanishes even with Glorot"
        ("batch norm", 1.5, 3),  # "batch norm, skip connections and a better activation mend it"
        ("residual", 0.02, 0.8),
        ("tanh", 0.5, 3),
        ("relu", 0.15, 6),
    ],
)
def test_what_mends_a_deep_network(depths, name, low, high):
    assert low < depths[name] < high


STRENGTHS = (0.0, 0.001, 0.003, 0.01, 0.03)


def sparse(l1: float, decay: float = 0.0) -> dict[str, Any]:
    """The network that overfits, under SGD 0.5, whose proximal step is the same for all weights."""
    return {
        **overfit(0),
        "optimizer": {"name": "sgd", "lr": 0.5, "weight_decay": decay},
        "regularize": {"l1": l1},
        "train": {"epochs": 2000},
    }


def test_l1_makes_weights_exactly_0_and_so_selects_features(monkeypatch):
    # "larger lambda: more zeros; 0: none", "L1 selects features", "L1 and L2 together": both leave zeros, L2 alone none
    says("l1", "0 0 0.81–0.84 none 0.001 0.78–0.80 0.84–0.855 none 0.003 0.95–0.96 0.875–0.89 0.10")
    says("l1", "0.01 0.99 0.865–0.88 0.25–0.35 0.03 0.998 0.87 0.80–0.85")
    cases = [*map(sparse, STRENGTHS), sparse(0.01, decay=0.01), sparse(0.0, decay=0.01)]
    traces = train(*cases, probes=["accuracy", see_weights(monkeypatch)])
    matrices = [trace.arrays["weights"][:2000].reshape(100, 20) for trace in traces]
    zeros = [float((each == 0).mean()) for each in matrices]
    unused = [float((each == 0).all(axis=0).mean()) for each in matrices]
    assert zeros[0] == zeros[6] == 0
    assert 0.76 <= zeros[1] <= 0.82
    assert zeros[2:5] == pytest.approx([0.955, 0.992, 0.998], abs=0.004)
    assert unused[:2] == [0, 0]
    assert 0.05 <= unused[2] <= 0.15
    assert 0.25 <= unused[3] <= 0.4
    assert 0.7 <= unused[4] <= 0.85
    tests = [trace.metrics["test_accuracy"] for trace in traces]
    assert tests[:5] == pytest.approx([0.825, 0.845, 0.885, 0.87, 0.87], abs=0.021)
    assert zeros[5] > 0.97
    assert np.linalg.norm(matrices[5]) < np.linalg.norm(matrices[3])


def test_a_schedule_that_lowers_the_rate_late_ends_the_swing():
    # "rate still large late: loss swings", "a schedule lowers it": batches of 4 at 0.05
    base = {**line(0.05), "train": {"epochs": 40, "batch_size": 4}}
    constant, *falling = train(*[{**base, "schedule": {"name": name}} for name in ("constant", "exponential", "cosine")], probes=[])
    low, high = find_final_swing(constant.series["loss"])
    assert find_settling_epoch(constant.series["loss"]) is None
    assert high - low > 0.05
    for trace in falling:
        low, high = find_final_swing(trace.series["loss"])
        assert find_settling_epoch(trace.series["loss"]) is not None
        assert high - low < 0.005
        assert high == pytest.approx(1.007, abs=0.003)
