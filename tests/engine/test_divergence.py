"""A run that leaves the finite numbers: where, when, and that nobody else notices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

from trainlab.engine import _stack
from trainlab.report import NonFinite

from .runs import assert_same, see_weights, train


def chain(layers: int, weight: float, value: float = 1.0, activation: str = "identity", **others: Any) -> dict[str, Any]:
    model = {
        "layers": layers,
        "width": 1,
        "activation": activation,
        "output": "same",
        "bias": False,
        "init": {"name": "constant", "value": weight},
    }
    return {"model": model, "data": {"name": "ones", "value": value}, "train": {"epochs": 3}, **others}


def test_a_forward_pass_that_overflows():
    (trace,) = train(chain(100, 10.0))
    # 10^38 fits into float32, 10^39 does not: the 39th layer
    found = trace.nonfinite
    assert (found.update, found.direction, found.where, found.value) == (1, "forward", "model.76", "inf")
    assert found.last_finite == pytest.approx(1e38, rel=1e-5)
    assert (trace.updates, trace.planned) == (1, 3)
    assert trace.series["loss"].values.tolist() == [math.inf]


def test_the_same_network_written_as_layers():
    modules = [{"Linear": [1, 1, False]}] * 60
    model = {"kind": "layers", "modules": modules, "init": {"name": "constant", "value": 10.0}}
    (trace,) = train({"model": model, "data": "ones"})
    assert (trace.nonfinite.direction, trace.nonfinite.where) == ("forward", "model.38")


def test_the_first_layer_had_the_inputs_before_it():
    (trace,) = train(chain(2, 1e38, value=20.0))
    assert (trace.nonfinite.where, trace.nonfinite.last_finite) == ("model.0", 20.0)


class Growing(nn.Module):
    """A recurrent layer of torch's own, a hundred thousand times as large at each of its eight steps."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.RNN(8, 1, nonlinearity="relu", bias=False, batch_first=True)
        self.head = nn.Linear(1, 10)
        nn.init.constant_(self.recurrent.weight_ih_l0, 1e10)
        nn.init.constant_(self.recurrent.weight_hh_l0, 1e5)

    def forward(self, inputs: Tensor) -> Tensor:
        steps: Tensor = self.recurrent(inputs.unflatten(1, (8, 8)))[0]
        return self.head(steps[:, -1])


GROWING = {
    "kind": "rnn",
    "width": 1,
    "bias": False,
    "activation": "relu",
    "init": {"name": "constant", "value": 1e10},
    "recurrent_init": {"name": "identity", "gain": 1e5},
}


@pytest.mark.parametrize("model", [GROWING, {"kind": "python", "target": f"{__name__}:Growing"}])
def test_a_signal_that_grows_from_step_to_step_inside_a_layer(model):
    (trace,) = train({"model": model, "data": {"name": "digits", "samples": 40}, "loss": "cross_entropy"})
    found = trace.nonfinite
    assert (found.update, found.direction, found.where, found.value) == (1, "forward", "recurrent", "inf")
    assert 1e33 < found.last_finite < 3.5e38


def test_nan_is_told_from_infinity():
    """A layer norm without its small addend divides 0 by 0."""
    norm = {"LayerNorm": {"normalized_shape": 2, "eps": 0.0}}
    model = {"kind": "layers", "modules": [{"Linear": [1, 2]}, norm], "init": {"name": "constant", "value": 3.0}}
    (trace,) = train({"model": model, "data": "ones"})
    assert (trace.nonfinite.where, trace.nonfinite.value, trace.nonfinite.last_finite) == ("model.1", "nan", 3.0)


def test_a_loss_that_overflows_behind_finite_outputs():
    values = {"data": {"name": "linear", "slope": 1e20}, "loss": "mse", "model": {"layers": 1}}
    (trace,) = train(values)
    assert (trace.nonfinite.direction, trace.nonfinite.where, trace.nonfinite.value) == ("forward", "loss", "inf")


def test_a_gradient_that_overflows_behind_a_finite_loss():
    (trace,) = train(chain(60, 10.0, value=1e-30))
    # The signal goes from 1e-30 to 1e30; its gradient back from 1 to 1e39 at the 21st layer from the front
    found = trace.nonfinite
    assert (found.update, found.direction, found.where, found.value) == (1, "backward", "model.40.weight", "inf")
    assert found.last_finite == pytest.approx(1e29, rel=1e-4)
    assert trace.series["loss"].values[0] == pytest.approx(1e30, rel=1e-4)


def test_an_update_that_overflows():
    values = chain(1, 1.0, value=10.0, optimizer={"lr": 1e38})
    (trace,) = train({**values, "model": {**values["model"], "bias": True}})
    # The weight moves by 1e39, the bias by 1e38
    assert trace.nonfinite == NonFinite(update=1, direction="update", where="model.0.weight", value="inf", last_finite=10.0)


def test_the_update_is_counted_through_epochs_and_batches():
    values = {
        "data": {"name": "linear", "samples": 10},
        "model": {"layers": 1},
        "loss": "mse",
        "optimizer": {"lr": 1e5},
        "train": {"epochs": 50, "batch_size": 4},
    }
    (trace,) = train(values, probes=["total-norm"])
    fatal = trace.nonfinite.update
    assert fatal == trace.updates == trace.series["total-norm"].at[-1]
    assert 4 < fatal < 30
    assert np.isfinite(trace.series["total-norm"].values[:-2]).all()
    assert trace.series["loss"].at.tolist() == list(range(1, math.ceil(fatal / 3) + 1))
    assert not math.isfinite(trace.series["loss"].values[-1])


def test_a_network_of_nan_has_no_metrics():
    values = {"data": {"name": "classification", "samples": 40}, "loss": "bce", "model": {"output": "sigmoid"}}
    dead = {**values, "model": {"output": "sigmoid", "init": {"name": "constant", "value": 1e38}}}
    healthy, broken = train(values, dead)
    assert broken.nonfinite.where == "model.0"
    assert broken.metrics["train_loss"] is None
    assert broken.metrics["train_accuracy"] is None
    assert np.isnan(broken.arrays["test-correct"]).all()
    assert healthy.nonfinite is None
    assert_same(healthy, train(values)[0])


def test_a_dead_run_ends_in_the_weights_it_broke_with(monkeypatch):
    (trace,) = train(chain(1, 1.0, value=10.0, optimizer={"lr": 1e38}), probes=[see_weights(monkeypatch)])
    assert trace.arrays["weights"].tolist() == [-math.inf]


LINE = {"data": {"name": "linear"}, "loss": "mse", "model": {"layers": 2, "width": 4}, "train": {"epochs": 60}}
RATES = (0.01, 1e6, 0.02, 1e3, 0.001, 30.0)


def sweep(**others: Any) -> list[dict[str, Any]]:
    return [{**LINE, "optimizer": {"lr": rate}, **others} for rate in RATES]


@pytest.mark.parametrize("model", [LINE["model"], {"width": 4, "norm": "layer", "activation": "silu"}, {"dropout": 0.1}])
def test_neighbours_of_runs_that_diverge_keep_every_bit(model):
    together = train(*sweep(model=model))
    for trace, values in zip(together, sweep(model=model), strict=True):
        assert_same(trace, train(values)[0])


@pytest.mark.parametrize("optimizer", [{"name": "sgd", "momentum": 0.9}, {"name": "adam"}, {"name": "adamw", "betas": [0.5, 0.9]}])
def test_the_memory_of_an_optimizer_stays_with_its_run(optimizer):
    runs = [{**LINE, "optimizer": {**optimizer, "lr": rate}} for rate in (1e35, 0.01, 1e36, 0.003, 1e37)]
    together = train(*runs)
    assert [trace.nonfinite is not None for trace in together] == [True, False, True, False, True]
    for place in (1, 3):
        assert_same(together[place], train(runs[place])[0])


def test_a_diverged_run_leaves_the_stack(monkeypatch):
    rows = []
    advance = _stack.Stack.advance

    def count(self, program, batches, update):
        rows.append(len(batches[0].inputs))
        return advance(self, program, batches, update)

    monkeypatch.setattr(_stack.Stack, "advance", count)
    traces = train(*sweep())
    alive = [sum(trace.updates >= update for trace in traces) for update in range(1, 61)]
    assert alive[0] == 6
    assert alive[-1] < 5
    assert rows == [max(each, 2) for each in alive]


def test_training_stops_when_all_have_diverged(monkeypatch):
    seen = []
    train(*[chain(100, 10.0, train={"epochs": 500})] * 3, listen=lambda progress: seen.append(progress) or True)
    assert len(seen) == 1


@pytest.mark.parametrize("dropout", ["Dropout", "Dropout1d"])
def test_a_random_layer_does_the_same_again_for_the_autopsy(dropout):
    """The fatal mask is drawn again: the culprit is the layer behind the values that it let through."""
    modules = [{"Linear": [1, 1, False]}, {dropout: [0.9]}, {"Linear": [1, 1, False]}]
    model = {"kind": "layers", "modules": modules, "init": {"name": "constant", "value": 1e30}}
    values = {"model": model, "data": "ones", "optimizer": {"lr": 1e-30}, "train": {"epochs": 40}}
    traces = train(*[{**values, "seed": seed} for seed in range(6)])
    deaths = [trace.nonfinite for trace in traces if trace.nonfinite]
    assert len(deaths) > 2
    assert {(each.where, each.direction) for each in deaths} == {("model.2", "forward")}
