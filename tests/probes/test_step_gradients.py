from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.runs import train
from torch import Tensor, nn

from trainlab import engine
from trainlab.config import validate
from trainlab.losses import LOSSES

ADDING: dict[str, Any] = {"data": {"name": "adding", "samples": 12, "length": 9}, "loss": "mse"}
CHARS: dict[str, Any] = {"data": {"name": "chars", "samples": 12, "length": 7}, "loss": "cross_entropy"}
TRAIN = {"epochs": 1, "precision": "float64"}


def measure_slowly(values: dict[str, Any], step: float = 1e-5) -> np.ndarray:
    """At the initial weights, by central differences in each number that enters, `[step]`."""
    work = engine.prepare(validate(values), torch.device("cpu"))
    model, target = work.model.eval(), work.train.target
    entered = work.train.inputs
    if not entered.is_floating_point():
        entered = model.embed(entered).detach()
        model.embed = nn.Identity()

    def judge(inputs: Tensor) -> float:
        with torch.no_grad():
            output = model(inputs)
            if output.dim() == 3:
                return float(LOSSES[values["loss"]](output[:, -1:], target[:, -1:]))
            return float(LOSSES[values["loss"]](output, target))

    norms = np.zeros(entered.shape[1])
    for place in np.ndindex(*entered.shape):
        sides = []
        for sign in (1, -1):
            moved = entered.clone()
            moved[place] += sign * step
            sides.append(judge(moved))
        norms[place[1]] += ((sides[0] - sides[1]) / (2 * step)) ** 2
    return np.sqrt(norms)


@pytest.mark.parametrize(
    "values",
    [
        {"model": {"kind": "rnn", "width": 5}, **ADDING},
        {"model": {"kind": "lstm", "width": 4, "layers": 2}, **ADDING},
        {"model": {"kind": "gru", "width": 4, "read": "mean"}, **ADDING},
        {"model": {"kind": "transformer", "width": 4, "heads": 2, "layers": 1}, **ADDING},
        {"model": {"kind": "lstm", "width": 4}, **CHARS},
        {"model": {"kind": "transformer", "width": 4, "heads": 2, "layers": 1}, **CHARS},
    ],
    ids=["rnn", "lstm", "gru-mean", "transformer", "lstm-chars", "transformer-chars"],
)
def test_equals_finite_differences(values):
    values = {**values, "train": TRAIN}
    traces = train({**values, "seed": 3}, values, probes=["step-gradients"])
    assert traces[1].arrays["step-gradients"] == pytest.approx(measure_slowly(values), rel=1e-5, abs=1e-9)
    assert not np.array_equal(traces[0].arrays["step-gradients"], traces[1].arrays["step-gradients"])


def test_the_identity_passes_everything_back():
    """h_t = h_(t-1) + W x_t where nothing is negative: every step is heard alike."""
    model = {"kind": "rnn", "width": 3, "activation": "relu", "bias": False, "init": {"name": "constant", "value": 0.5}}
    values = {"model": {**model, "recurrent_init": "identity"}, **ADDING, "train": TRAIN}
    (trace,) = train(values, probes=["step-gradients"])
    norms = trace.arrays["step-gradients"]
    # the weights have moved by one update, and measured is where its gradient was taken
    assert norms == pytest.approx(np.full(9, norms[0]), rel=1e-12)


@pytest.mark.parametrize(
    "values",
    [
        {"model": {"layers": 2, "width": 4}, "data": {"name": "ones"}, "loss": "sum"},
        {"model": {"kind": "cnn"}, "data": {"name": "digits", "samples": 20}, "loss": "cross_entropy"},
    ],
    ids=["mlp", "cnn"],
)
def test_a_network_without_sequences_has_no_steps(values):
    (trace,) = train(values, probes=["step-gradients"])
    assert "step-gradients" not in trace.arrays


def test_a_network_of_ones_own_has_steps(tmp_path: Path):
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\n\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.lstm, self.head = nn.LSTM(2, 6, batch_first=True), nn.Linear(6, 1)\n\n"
        "    def forward(self, inputs):\n        return self.head(self.lstm(inputs)[0][:, -1])\n"
    )
    values = {"model": {"kind": "python", "target": f"{tmp_path}/net.py:Net"}, **ADDING}
    (trace,) = train(values, probes=["step-gradients"])
    norms = trace.arrays["step-gradients"]
    assert norms.shape == (9,)
    assert norms[0] < norms[-1]


def test_looks_and_never_touches():
    values = {"model": {"kind": "gru", "width": 4, "dropout": 0.3, "layers": 2}, **ADDING, "train": {"epochs": 2, "batch_size": 5}}
    (alone,) = train(values, probes=["gradient-norm", "accuracy"])
    (beside,) = train(values, probes=["gradient-norm", "accuracy", "step-gradients"])
    assert np.array_equal(alone.series["gradient-norm"].values, beside.series["gradient-norm"].values)
    assert alone.metrics["train_loss"] == beside.metrics["train_loss"]
