from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from engine.plain import train_plain
from engine.runs import assert_same, train
from torch import Tensor, nn

from trainlab.losses import LOSSES

VALUES: dict[str, Any] = {
    "model": {"layers": 3, "width": 4, "activation": "tanh", "norm": "batch", "init": {"name": "normal", "std": 1.0}},
    "data": {"name": "random", "samples": 10, "features": 3, "classes": 3},
    "loss": "cross_entropy",
    "train": {"epochs": 3, "precision": "float64"},
}
SQUARES = ("initial-gradient-square", "output-gradient-square")


def measure_slowly(values: dict[str, Any], update: int, step: float = 1e-6) -> list[float]:
    """Mean square of central differences in every number that a module puts out, at the weights that an update began with."""
    plain = train_plain(values)
    before = {name: torch.from_numpy(part) for name, part in plain.updates[update].before.items()}
    plain.model.load_state_dict(before, strict=False)
    modules = list(plain.model.train().model)
    inputs, target = plain.train

    def judge(hidden: Tensor, rest: list[nn.Module]) -> float:
        for module in rest:
            hidden = module(hidden)
        return float(LOSSES[values["loss"]](hidden, target))

    found = []
    with torch.no_grad():
        for place in range(len(modules)):
            hidden, rest = inputs, modules[place + 1 :]
            for module in modules[: place + 1]:
                hidden = module(hidden)
            slopes = []
            for index in np.ndindex(*hidden.shape):
                sides = []
                for sign in (1, -1):
                    moved = hidden.clone()
                    moved[index] += sign * step
                    sides.append(judge(moved, rest))
                slopes.append((sides[0] - sides[1]) / (2 * step))
            found.append(float(np.mean(np.square(slopes))))
    return found


@pytest.mark.parametrize(
    "values",
    [
        VALUES,
        {
            **VALUES,
            "model": {**VALUES["model"], "norm": "none", "activation": "sigmoid"},
            "data": {"name": "diabetes", "samples": 10, "standardize": True},
            "loss": "mse",
        },
        {**VALUES, "model": {"layers": 2, "width": 4, "norm": "layer", "dropout": 0.0}, "loss": "sum"},
    ],
    ids=["batch norm", "regression", "sum"],
)
def test_equals_finite_differences(values: dict[str, Any]) -> None:
    first, second = train({**values, "seed": 3}, values, probes=["output-gradients"])
    for name, update in zip(SQUARES, (0, -1), strict=True):
        assert second.arrays[name] == pytest.approx(measure_slowly(values, update), rel=1e-4, abs=1e-12)
        assert not np.array_equal(first.arrays[name], second.arrays[name])


def test_alone_and_in_a_stack_alike() -> None:
    values = {**VALUES, "train": {"epochs": 3}}
    (alone,) = train(values, probes=["output-gradients"])
    assert_same(alone, train({**values, "seed": 3}, values, {**values, "seed": 4}, probes=["output-gradients"])[1])


def test_looks_and_never_touches() -> None:
    values = {**VALUES, "model": {**VALUES["model"], "dropout": 0.3}, "train": {"epochs": 2, "batch_size": 5}}
    (alone,) = train(values, probes=["gradient-norm", "accuracy"])
    (beside,) = train(values, probes=["gradient-norm", "accuracy", "output-gradients"])
    assert np.array_equal(alone.series["gradient-norm"].values, beside.series["gradient-norm"].values)
    assert alone.metrics["train_loss"] == beside.metrics["train_loss"]


def make_layers(*modules: Any, **model: Any) -> dict[str, Any]:
    data = {"name": "random", "samples": 20, "features": 3, "classes": 3}
    spec = {"kind": "layers", "modules": list(modules), **model}
    return {"model": spec, "data": data, "loss": "cross_entropy", "train": {"precision": "float64"}}


def test_a_module_that_works_in_place_does_not_hide_the_one_before() -> None:
    layers = [{"Linear": [3, 5]}, {"Linear": [5, 3]}]
    squares = [
        train(make_layers(layers[0], {"ReLU": [is_inplace]}, layers[1]), probes=["output-gradients"])[0].arrays[SQUARES[0]]
        for is_inplace in (False, True)
    ]
    assert squares[0].tolist() == squares[1].tolist()
    assert squares[0][0] < squares[0][1]  # half of the units pass nothing back


def test_layers_that_are_frozen_have_a_gradient_at_what_they_put_out() -> None:
    layers = [{"Linear": [3, 5]}, "ReLU", {"Linear": [5, 3]}]
    (free,) = train(make_layers(*layers), probes=["output-gradients"])
    (frozen,) = train(make_layers(*layers, freeze=["model.0.*"]), probes=["output-gradients"])
    assert frozen.arrays[SQUARES[0]].tolist() == free.arrays[SQUARES[0]].tolist()


@pytest.mark.parametrize("kind", ["gru", "lstm", "transformer"])
def test_networks_for_sequences(kind: str) -> None:
    data = {"name": "chars", "samples": 12, "length": 7}
    (trace,) = train({"model": {"kind": kind, "width": 4}, "data": data, "loss": "cross_entropy"}, probes=["output-gradients"])
    kinds = {module.kind: value for module, value in zip(trace.modules, trace.arrays[SQUARES[0]], strict=True)}
    assert kinds["Embedding"] > 0
    assert kinds["Linear"] > 0


def test_a_network_of_ones_own_without_modules(tmp_path) -> None:
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.w = nn.Parameter(torch.ones(3, 3))\n        self.idle = nn.Linear(2, 2)\n\n"
        "    def forward(self, inputs):\n        return inputs @ self.w\n"
    )
    values = {**make_layers(), "model": {"kind": "python", "target": f"{tmp_path}/net.py:Net"}}
    (trace,) = train(values, probes=["output-gradients"])
    assert np.isnan(trace.arrays[SQUARES[0]]).all()
