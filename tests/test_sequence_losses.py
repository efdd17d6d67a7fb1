"""Losses and measurements where the target has a value for every step."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from engine.plain import train_plain
from engine.runs import prepare, train

from trainlab.errors import UserError
from trainlab.losses import LOSSES, shape_target
from trainlab.regularizers import smooth

COPY = {
    "data": {"name": "copy", "samples": 40, "length": 3, "items": 2, "symbols": 3},
    "loss": "cross_entropy",
    "model": {"kind": "gru", "width": 4},
    "train": {"precision": "float64"},
}


def shape(target: torch.Tensor, loss: str, task: str, outputs: int) -> torch.Tensor:
    shaped = shape_target(target, loss=loss, task=task, outputs=outputs, classes=outputs, dtype=torch.float64)
    assert shaped is not None
    return shaped


def test_cross_entropy_of_steps_is_the_mean_over_all_of_them():
    stream = torch.Generator().manual_seed(0)
    output = torch.randn(5, 4, 3, generator=stream, dtype=torch.float64)
    target = torch.randint(3, (5, 4), generator=stream)
    truth = -sum(output[i, t].log_softmax(0)[target[i, t]] for i in range(5) for t in range(4)) / 20
    assert LOSSES["cross_entropy"](output, target).item() == pytest.approx(truth.item())
    shares = F.one_hot(target, 3).double()
    assert LOSSES["cross_entropy"](output, shares).item() == pytest.approx(truth.item())


def test_targets_keep_their_steps():
    classes = torch.tensor([[0, 1, 1], [1, 0, 0]])
    assert torch.equal(shape(classes, "cross_entropy", "binary", 2), classes)
    assert shape(classes, "bce_logits", "binary", 1).shape == (2, 3, 1)
    assert shape(classes, "mse", "multiclass", 4).shape == (2, 3, 4)
    numbers = torch.ones(2, 3, 5)
    assert shape(numbers, "mse", "regression", 5).shape == (2, 3, 5)


def test_smoothed_labels_of_steps():
    target = torch.tensor([[[0, 2], [1, 1]]])  # [run, sample, step]
    soft = smooth(target, torch.tensor([0.3]), classes=3)
    assert soft.shape == (1, 2, 2, 3)
    assert torch.allclose(soft[0, 0, 1], torch.tensor([0.1, 0.1, 0.8]))
    assert smooth(torch.ones(1, 2, 2, 1), torch.tensor([0.5]), classes=2).flatten().tolist() == [0.75] * 4


def test_accuracy_is_the_share_of_steps():
    (trace,) = train({**COPY, "train": {"epochs": 5, "precision": "float64"}, "optimizer": {"name": "adam", "lr": 0.05}})
    plain = train_plain({**COPY, "train": {"epochs": 5, "precision": "float64"}, "optimizer": {"name": "adam", "lr": 0.05}})
    for name, (inputs, target) in (("train", plain.train), ("test", plain.test)):
        output = plain.model(inputs)
        right = (output.argmax(dim=2) == target).double()
        assert trace.arrays[f"{name}-correct"].tolist() == pytest.approx(right.mean(dim=1).tolist(), abs=1e-6)
        assert trace.metrics[f"{name}_accuracy"] == pytest.approx(right.mean().item(), abs=1e-6)
        assert trace.metrics[f"{name}_loss"] == pytest.approx(F.cross_entropy(output.movedim(2, 1), target).item())


def test_r2_of_steps(tmp_path):
    import numpy as np

    stream = np.random.default_rng(0)
    x = stream.normal(size=(30, 4, 2))
    np.savez(tmp_path / "a.npz", x=x, y=x.cumsum(axis=1))
    base = {
        "data": {"name": "npz", "path": str(tmp_path / "a.npz"), "standardize": True},
        "loss": "mse",
        "model": {"kind": "rnn", "width": 8},
        "optimizer": {"name": "adam", "lr": 0.03},
        "train": {"epochs": 60, "precision": "float64"},
    }
    (trace,) = train(base, probes=["accuracy", "baselines"])
    plain = train_plain(base)
    output, target = plain.model(plain.train[0]), plain.train[1]
    error = (output - target).square().sum() / (target - target.mean(dim=0)).square().sum()
    assert trace.metrics["train_r2"] == pytest.approx(1 - error.item(), abs=1e-9)
    assert trace.metrics["train_r2"] > 0.8
    assert trace.metrics["constant_loss"] == pytest.approx((target - target.mean(dim=0)).square().mean().item())
    assert trace.metrics["linear_loss"] is None


def test_baselines_of_sequences_and_images():
    (copy,) = train(COPY, probes=["baselines"])
    shares = torch.bincount(prepare(COPY).train.target.flatten()).double() / prepare(COPY).train.target.numel()
    assert copy.metrics["constant_loss"] == pytest.approx(-(shares * shares.log()).sum().item())
    assert copy.metrics["linear_loss"] is None
    (adding,) = train({"data": {"name": "adding", "length": 5}, "loss": "mse", "model": {"kind": "rnn"}}, probes=["baselines"])
    assert adding.metrics["constant_loss"] == pytest.approx(1 / 6, rel=0.1)
    assert 0.02 < adding.metrics["linear_loss"] < adding.metrics["constant_loss"]
    long = {"data": {"name": "adding", "samples": 50, "length": 30}, "loss": "mse", "model": {"kind": "rnn"}}
    assert train(long, probes=["baselines"])[0].metrics["linear_loss"] is None  # 61 weights fit 40 samples, whatever they are
    digits = {"data": {"name": "digits", "samples": 300}, "loss": "cross_entropy"}
    image, vector = train({**digits, "model": {"kind": "cnn"}}, {**digits, "model": {}}, probes=["baselines"])
    assert image.metrics["linear_loss"] == pytest.approx(vector.metrics["linear_loss"])
    assert math.isclose(image.metrics["constant_loss"], vector.metrics["constant_loss"])


def test_dead_channels_and_awake_pixels():
    model = {"kind": "cnn", "layers": 2, "width": 4, "init": {"name": "constant", "value": -1.0}}
    (dead,) = train({"data": {"name": "digits", "samples": 50}, "loss": "cross_entropy", "model": model}, probes=["activations"])
    (alive,) = train(
        {"data": {"name": "digits", "samples": 50}, "loss": "cross_entropy", "model": {**model, "init": {"name": "constant"}}},
        probes=["activations"],
    )
    place = [module.kind for module in dead.modules].index("ReLU")
    assert dead.arrays["activation-dead"][place] == 1
    assert alive.arrays["activation-dead"][place] == 0  # though the corner pixels are never on


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {**COPY, "model": {"kind": "gru", "read": "last"}},
            r"model.read: the loss cross_entropy needs \[sample, 7 steps, output\]",
        ),
        (
            {"data": {"name": "adding"}, "loss": "mse", "model": {"kind": "rnn", "read": "every"}},
            r"model.read: the loss mse needs \[sample, output\], but the network gives \[800, 50, 1\]",
        ),
        ({**COPY, "model": {"kind": "gru", "outputs": 3}}, "model.outputs: the number of outputs must be 4 .*; it is 3"),
        ({**COPY, "model": {}}, "model.kind: this network reads vectors, and these data are tokens"),
        (
            {**COPY, "regularize": {"input_noise": 0.1}},
            "regularize.input_noise: needs numbers to move, and these inputs are tokens",
        ),
        ({**COPY, "regularize": {"adversarial": 0.1}}, "regularize.adversarial: needs numbers to move"),
        ({"data": "moons", "model": "cnn", "loss": "cross_entropy"}, "model.kind: this network reads images"),
    ],
)
def test_what_does_not_go_together(values, message):
    with pytest.raises(UserError, match=message):
        prepare(values)


def test_regularisers_work_on_sequences():
    model = {"kind": "transformer", "width": 8, "heads": 2, "layers": 1, "dropout": 0.1}
    regularize = {"label_smoothing": 0.1, "weight_noise": 0.01, "max_norm": 2.0, "l1": 1e-4}
    (trace,) = train({**COPY, "model": model, "regularize": regularize, "train": {"epochs": 3, "batch_size": 8}})
    assert trace.nonfinite is None
    noisy = {"kind": "lstm", "width": 4}
    data = {"data": {"name": "adding", "samples": 30, "length": 5}, "loss": "mse", "model": noisy}
    (trace,) = train({**data, "regularize": {"input_noise": 0.1, "adversarial": 0.01}, "train": {"epochs": 3}})
    assert trace.nonfinite is None
