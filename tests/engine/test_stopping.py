"""Early stopping and plateaus go by the validation loss: held against a loop that anyone would write."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainlab import plugins
from trainlab.config import validate
from trainlab.config.schedule import PlateauSchedule
from trainlab.data import load
from trainlab.device import make_generator
from trainlab.engine import _grouping, _stack
from trainlab.errors import UserError
from trainlab.losses import count_outputs
from trainlab.models import build, find_view
from trainlab.report import Trace

from .plain import LOSSES, PRECISION, clip, make_optimizer, place
from .runs import ALL, assert_same, prepare, see_weights, train

FINE = {"precision": "float64"}
SPLIT = {"test_fraction": 0.2, "validation_fraction": 0.25}
CLASSES: dict[str, Any] = {
    "data": {"name": "classification", "samples": 120, "features": 8, **SPLIT},
    "loss": "cross_entropy",
    "optimizer": {"name": "adam", "lr": 0.03},
    "model": {"width": 20},
    "train": {"epochs": 60, "early_stopping": 5, **FINE},
}
BATCHES = {**CLASSES["train"], "batch_size": 16, "epochs": 25}
SPEED = {"lr": 0.1, "momentum": 0.9}  # Adam makes steps of rounding errors where batch norm leaves a bias no gradient
SLOPES = {"kind": "layers", "modules": [{"Linear": [8, 12]}, "Mish", {"LPPool1d": [2.0, 1]}, {"Linear": [12, 2]}]}

CASES: dict[str, dict[str, Any]] = {
    "mlp": CLASSES,
    "sigmoid and bce": {**CLASSES, "loss": "bce", "model": {"width": 20, "activation": "silu", "output": "sigmoid"}},
    "batch norm": {**CLASSES, "optimizer": SPEED, "model": {"width": 20, "norm": "batch"}, "train": BATCHES},
    "accumulation and clipping": {
        **CLASSES,
        "clip": {"mode": "norm", "threshold": 0.1},
        "train": {**BATCHES, "epochs": 50, "accumulate": 2},
    },
    "one by one": {**CLASSES, "model": SLOPES, "optimizer": {"name": "adam", "lr": 0.003}},
    "one by one, batch norm": {
        **CLASSES,
        "optimizer": SPEED,
        "model": {
            "kind": "layers",
            "modules": [{"Linear": [8, 9]}, {"BatchNorm1d": {"num_features": 9, "momentum": None}}, "Tanh", {"Linear": [9, 2]}],
        },
    },
    "min_delta": {**CLASSES, "train": {**CLASSES["train"], "early_stopping": {"patience": 4, "min_delta": 0.05}}},
    "never stopped": {**CLASSES, "train": {**CLASSES["train"], "early_stopping": 1000}},
    "plateau": {**CLASSES, "schedule": {"name": "plateau", "patience": 2, "threshold": 0.01, "floor": 0.1}},
    "plateau, not stopped": {
        **CLASSES,
        "schedule": {"name": "plateau", "patience": 3, "factor": 0.3},
        "train": {**BATCHES, "early_stopping": None},
    },
    "gru": {
        "data": {"name": "adding", "samples": 60, "length": 5, **SPLIT},
        "loss": "mse",
        "model": {"kind": "gru", "width": 6},
        "optimizer": {"name": "adam", "lr": 0.05},
        "train": {**BATCHES, "epochs": 40, "early_stopping": 3},
    },
    "cnn": {
        "data": {"name": "digits", "samples": 120, **SPLIT},
        "loss": "cross_entropy",
        "model": {"kind": "cnn", "norm": "batch"},
        "optimizer": SPEED,
        "train": {**BATCHES, "epochs": 15, "early_stopping": 2},
    },
}


@dataclass
class Stopped:
    """What the loop below came to; `best` is None where the last weights are kept."""

    validation: list[float]
    rates: list[float]
    best: int | None
    stopped: int | None
    model: nn.Module
    parts: dict[str, tuple[Tensor, Tensor | None]]


def train_until(values: dict[str, Any]) -> Stopped:
    """Keras' early stopping with `restore_best_weights`, torch's ReduceLROnPlateau; no dropout, no warm-up."""
    config = validate(values)
    dtype = PRECISION[config.train.precision]
    data = load(config.data).seen_as(find_view(config.model))
    outputs = count_outputs(config.loss, data.task, data.classes, data.targets)
    sizes = {"features": data.shape, "tokens": data.tokens, "every_step": data.every_step}
    model = build(config.model, **sizes, outputs=outputs, seed=config.seed).to(dtype)
    found = {"train": data.train, "validation": data.validation, "test": data.test}
    parts = {name: place(part, config, outputs, dtype) for name, part in found.items()}
    inputs, target = parts["train"]
    loss, optimizer = LOSSES[config.loss], make_optimizer(config, dict(model.named_parameters()))
    plateau = None
    if isinstance(config.schedule, PlateauSchedule):
        spec = config.schedule
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer,
            factor=spec.factor,
            patience=spec.patience - 1,  # torch waits for one epoch more
            threshold=spec.threshold,
            min_lr=spec.floor * config.optimizer.lr,
            eps=0.0,
        )
    shuffle = make_generator(config.seed, "shuffle")
    size = min(config.train.batch_size or len(inputs), len(inputs))
    patience, margin = config.train.early_stopping.patience, config.train.early_stopping.min_delta
    result = Stopped([], [], None, None, model, parts)
    best, kept, waited = math.inf, None, 0
    for epoch in range(1, config.train.epochs + 1):
        order = torch.randperm(len(inputs), generator=shuffle) if size < len(inputs) else torch.arange(len(inputs))
        batches = list(order.split(size))
        model.train()
        while batches:
            some, batches = batches[: config.train.accumulate], batches[config.train.accumulate :]
            optimizer.zero_grad()
            for batch in some:
                (loss(model(inputs[batch]), target[batch]) * len(batch) / sum(map(len, some))).backward()
            clip(config, model)
            result.rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
        model.eval()
        with torch.no_grad():
            result.validation.append(loss(model(parts["validation"][0]), parts["validation"][1]).item())
        if plateau is not None:
            plateau.step(result.validation[-1])
        if patience is None:
            continue
        waited += 1
        if result.validation[-1] < best - margin:
            best, kept, waited, result.best = result.validation[-1], copy.deepcopy(model.state_dict()), 0, epoch
        if waited >= patience:
            result.stopped = epoch
            break
    if kept is not None:
        model.load_state_dict(kept)
    return result


@pytest.mark.parametrize("name", CASES)
def test_equals_a_plain_loop(name, monkeypatch):
    look = see_weights(monkeypatch)
    values = CASES[name]
    stops_sooner = {**values, "seed": 3, "train": {**values["train"], "early_stopping": 1}}
    traces = train(stops_sooner, values, {**values, "seed": 1}, probes=["accuracy", "learning-rate", look])
    for seed, trace in enumerate(traces[1:]):
        plain = train_until({**values, "seed": seed})
        assert (trace.best_epoch, trace.stopped) == (plain.best, plain.stopped)
        validation = trace.series["validation-loss"]
        assert (validation.per, validation.at.tolist()) == ("epoch", list(range(1, len(plain.validation) + 1)))
        assert validation.values.tolist() == pytest.approx(plain.validation, abs=1e-12)
        assert trace.series["learning-rate"].values.tolist() == pytest.approx(plain.rates, rel=1e-12)
        assert len(trace.series["loss"].values) == len(plain.validation)
        weights = np.concatenate([each.detach().numpy().ravel() for each in plain.model.parameters()])
        assert trace.arrays["weights"] == pytest.approx(weights, abs=1e-12)
        for part, (inputs, target) in plain.parts.items():  # in evaluation mode: running statistics must be those of then, too
            wanted = LOSSES[values["loss"]](plain.model.eval()(inputs), target).item()
            assert trace.metrics[f"{part}_loss"] == pytest.approx(wanted, abs=1e-12)


def test_the_cases_are_what_they_are_called():
    traces = {name: train(values, probes=[])[0] for name, values in CASES.items()}
    stopped = {name for name, trace in traces.items() if trace.stopped is not None}
    assert traces.keys() - stopped == {"never stopped", "plateau, not stopped"}
    assert all(1 < traces[name].best_epoch < traces[name].stopped for name in stopped)
    assert traces["never stopped"].best_epoch < 60
    assert {name for name, trace in traces.items() if trace.how != "stacked"} == {"one by one", "one by one, batch norm"}
    assert traces["min_delta"].best_epoch < traces["mlp"].best_epoch


def test_patience_is_counted_from_the_best_epoch():
    for patience in (1, 2, 7):
        (trace,) = train({**CLASSES, "train": {**CLASSES["train"], "early_stopping": patience}}, probes=[])
        loss = trace.series["validation-loss"].values
        assert trace.best_epoch == int(loss.argmin()) + 1
        assert trace.stopped == trace.best_epoch + patience == len(loss) == trace.updates
        assert trace.planned == 60


MIXED = [
    {**CLASSES, "seed": seed, "optimizer": {"name": "adam", "lr": rate}, "train": {**CLASSES["train"], "early_stopping": patience}}
    for seed, (rate, patience) in enumerate([(0.03, 5), (0.03, 1), (0.3, 3), (0.001, 5), (0.03, 1000), (1e300, 2), (0.1, None)])
]
MIXED[6] = {**MIXED[6], "schedule": {"name": "plateau", "patience": 1}}


@pytest.mark.parametrize(
    "model",
    [
        {"width": 5},
        {"width": 5, "norm": "batch", "dropout": 0.2},
        {"width": 3, "activation": "sigmoid"},
        SLOPES,
    ],
)
@pytest.mark.parametrize("most", [1024, 3])
def test_a_run_has_the_same_bits_whoever_stops_beside_it(model, most, monkeypatch):
    monkeypatch.setattr(_grouping, "MAX_ROWS", most)
    runs = [{**values, "model": model} for values in MIXED]
    together = train(*runs)
    for trace, values in zip(together, runs, strict=True):
        (alone,) = train(values)
        assert_same(trace, alone)
        assert (trace.best_epoch, trace.stopped) == (alone.best_epoch, alone.stopped)
    assert len({trace.stopped for trace in together}) > 3
    assert together[5].nonfinite is not None or "activation" in model  # sigmoids bound what comes out


@pytest.mark.parametrize("model", [{"width": 20, "dropout": 0.3, "norm": "batch"}, SLOPES])
def test_looking_changes_not_one_bit_of_the_training(model):
    values = {**CLASSES, "model": model, "train": {**BATCHES, "early_stopping": None}}
    (plain,) = train(values)
    (followed,) = train(values, probes=[*ALL, "validation-loss"])
    (steered,) = train({**values, "train": {**BATCHES, "early_stopping": 1000}})
    for other in (followed, steered):
        for name in ("loss", "gradient-norm", "total-norm"):
            assert np.array_equal(other.series[name].values, plain.series[name].values)
    assert "validation-loss" in steered.series
    assert "validation-loss" not in plain.series


def test_only_runs_that_ask_are_followed_and_keep_their_best():
    values = {**CLASSES, "train": {**CLASSES["train"], "early_stopping": None}}
    plain, stopped = train(values, CLASSES, probes=["accuracy"])
    assert "validation-loss" not in plain.series
    assert (plain.best_epoch, plain.stopped, plain.updates) == (None, None, 60)
    assert stopped.metrics["validation_loss"] == stopped.series["validation-loss"].values.min()
    assert plain.metrics["validation_loss"] > stopped.metrics["validation_loss"]
    assert plain.sizes == {"train": 66, "validation": 30, "test": 24}


def test_a_run_that_stopped_costs_nothing(monkeypatch):
    rows = []
    advance = _stack.Stack.advance

    def count(self, program, batches, update):
        rows.append(len(batches[0].inputs))
        return advance(self, program, batches, update)

    monkeypatch.setattr(_stack.Stack, "advance", count)
    runs = [{**CLASSES, "train": {**CLASSES["train"], "early_stopping": patience}} for patience in (1, 2, 4, 8)]
    traces = train(*runs, probes=[])
    alive = [sum(trace.updates >= update for trace in traces) for update in range(1, max(trace.updates for trace in traces) + 1)]
    assert rows == [max(each, 2) for each in alive]
    assert rows[0] == 4
    assert len(rows) < 60


def test_a_run_that_diverges_goes_back_to_its_best_epoch(monkeypatch):
    look = see_weights(monkeypatch)
    values = {**CLASSES, "schedule": {"name": "piecewise", "boundaries": [4], "values": [1.0, 1e308]}}
    (trace,) = train(values, probes=["accuracy", look])
    assert trace.nonfinite is not None
    assert trace.stopped is None
    assert 1 <= trace.best_epoch <= trace.series["validation-loss"].at[-1]
    assert trace.metrics["validation_loss"] == np.nanmin(trace.series["validation-loss"].values)
    assert np.isfinite(trace.arrays["weights"]).all()


def test_a_run_without_any_epoch_to_go_back_to_ends_in_the_weights_it_broke_with(monkeypatch):
    look = see_weights(monkeypatch)
    deadly = {"model": {"layers": 9, "init": {"name": "constant", "value": 1e38}}}
    (trace,) = train({**CLASSES, **deadly}, probes=[look])
    assert (trace.nonfinite is not None, trace.best_epoch, trace.stopped) == (True, None, None)


def test_a_validation_loss_of_nan_is_no_progress():
    """The training part is finite, the validation part overflows: nothing to go back to, and patience runs out."""
    broken = SimpleNamespace(follow=lambda evaluation: torch.full((len(evaluation.flat),), math.nan))
    known = plugins.load
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "load", lambda package, name: broken if name == "validation-loss" else known(package, name))
        (trace,) = train(CLASSES, probes=["accuracy"])
    assert (trace.best_epoch, trace.stopped, trace.nonfinite) == (None, 5, None)
    assert np.isfinite(trace.metrics["train_loss"])


def test_interrupted_it_keeps_the_best_so_far():
    (trace,) = train(CLASSES, probes=["accuracy"], listen=lambda progress: progress.updates_done < 12)
    loss = trace.series["validation-loss"].values
    assert (trace.updates, trace.best_epoch, trace.stopped) == (12, int(loss.argmin()) + 1, None)
    assert trace.metrics["validation_loss"] == loss.min()


def test_activations_are_those_of_the_weights_that_were_kept():
    """What `activations` looks at belongs to the weights before the last update of the best epoch."""
    (trace,) = train(CLASSES, probes=["activations"])
    until = {**CLASSES["train"], "epochs": trace.best_epoch, "early_stopping": None}
    (same,) = train({**CLASSES, "train": until}, probes=["activations"])
    for name, array in same.arrays.items():
        assert np.array_equal(trace.arrays[name], array, equal_nan=True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"name": "classification"}, "set `data.validation_fraction`, to 0.2 for example"),
        ({"name": "ones"}, "these data have none"),
    ],
)
def test_needs_a_validation_part(data, words):
    values = {"data": data, "train": {"early_stopping": 3}, "loss": "sum"}
    with pytest.raises(UserError, match=f"train.early_stopping: needs a validation part to judge by: {words}"):
        prepare(values)
    assert prepare({**values, "train": {}}).validation is None


def watched(**others: Any) -> Trace:
    values = {**CLASSES, "schedule": {"name": "plateau", "patience": 2}, "train": {"epochs": 40, **FINE}, **others}
    return train(values, probes=["learning-rate"])[0]


def test_a_plateau_is_one_of_the_validation_loss_where_there_is_one():
    trace = watched()
    assert trace.series["learning-rate"].values[-1] < 0.03
    assert (np.diff(trace.series["loss"].values) < 0).all()  # the training loss has none
    assert trace.best_epoch is None  # a schedule keeps no weights
    without = watched(data={**CLASSES["data"], "validation_fraction": 0.0})
    assert "validation-loss" not in without.series
    assert without.series["learning-rate"].values[-1] == 0.03
