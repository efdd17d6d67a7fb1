"""Mixed precision is what a plain loop with autocast, and for fp16 a GradScaler, makes of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from trainlab import engine
from trainlab.config import validate
from trainlab.engine import _precision
from trainlab.engine._precision import Scaling, start_scaling
from trainlab.errors import UserError
from trainlab.plan import PlannedRun
from trainlab.report import LossScaling

from .plain import train_plain
from .runs import prepare, spy, train

RANDOM: dict[str, Any] = {"name": "random", "samples": 41, "features": 9, "classes": 4}
CLASSES: dict[str, Any] = {"data": {**RANDOM, "samples": 40}, "loss": "cross_entropy", "train": {"epochs": 4, "batch_size": 10}}
IMAGES: dict[str, Any] = {
    "data": {"name": "digits", "samples": 30},
    "loss": "cross_entropy",
    "train": {"epochs": 2, "batch_size": 15},
}
STEPS: dict[str, Any] = {"data": {"name": "adding", "samples": 24}, "loss": "mse", "train": {"epochs": 3, "batch_size": 12}}
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {**CLASSES, "model": {"width": 7}},
    "mlp, mse": {**CLASSES, "loss": "mse", "model": {"width": 7, "activation": "sigmoid"}},
    "mlp, bce": {**CLASSES, "loss": "bce", "model": {"width": 7, "output": "sigmoid"}},
    "batch norm": {**CLASSES, "model": {"width": 7, "norm": "batch"}},
    "layer norm": {**CLASSES, "model": {"width": 7, "norm": "layer"}},
    "dropout": {**CLASSES, "model": {"width": 7, "dropout": 0.3}},
    "cnn": {**IMAGES, "model": {"kind": "cnn"}},
    "resnet": {**IMAGES, "model": {"kind": "resnet"}},
    "rnn": {**STEPS, "model": {"kind": "rnn"}},
    "lstm": {**STEPS, "model": {"kind": "lstm"}},
    "gru": {**STEPS, "model": {"kind": "gru"}},
    "transformer": {**STEPS, "model": {"kind": "transformer"}},
    "tokens": {**STEPS, "data": {"name": "copy", "samples": 24}, "loss": "cross_entropy", "model": {"kind": "gru"}},
}
OVERFLOWS: dict[str, Any] = {
    "data": RANDOM,
    "loss": "sum",
    "model": {"width": 7},
    "optimizer": {"lr": 1e-4},
    "train": {"epochs": 3, "batch_size": 8, "precision": "fp16"},
}
"""A sum of 8 samples with 4 outputs each has no loss of its own to keep the gradient small."""


def lower(values: dict[str, Any], precision: str) -> dict[str, Any]:
    return {**values, "train": {**values["train"], "precision": precision}}


def look(monkeypatch) -> str:
    """A probe that keeps every gradient, every change, and the weights at the end."""
    return spy(
        monkeypatch,
        EVERY="update",
        measure=lambda step: torch.stack([step.raw, step.used, step.after - step.before], dim=1),
        evaluate=lambda evaluation: {"weights": evaluation.flat},
    )


def flatten(parts: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([each.ravel() for each in parts.values()])


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_equals_a_plain_loop(name, precision, monkeypatch):
    values = lower(NETWORKS[name], precision)
    (trace,) = train(values, probes=[look(monkeypatch)])
    plain = train_plain(values)
    assert trace.updates == len(plain.updates)
    # Until the optimizers round differently, all is the same to the bit: autocast has cast the same things
    first = next(place for place, each in enumerate(plain.updates) if np.isfinite(flatten(each.raw)).all())
    assert np.array_equal(trace.series["spy"].values[first, 0], flatten(plain.updates[first].raw))
    assert np.allclose(trace.arrays["weights"], plain.weights, rtol=0, atol=1e-3 if name == "resnet" else 1e-5)
    wanted = LossScaling(skipped=plain.skipped, scale=plain.scale) if precision == "fp16" else None
    assert trace.scaling == wanted


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_is_not_float32(precision, monkeypatch):
    values = NETWORKS["mlp"]
    probe = look(monkeypatch)
    (mixed,), (full,) = train(lower(values, precision), probes=[probe]), train(values, probes=[probe])
    difference = abs(mixed.series["spy"].values[0, 0] - full.series["spy"].values[0, 0]).max()
    assert 1e-6 < difference < 0.1


@pytest.mark.parametrize("clip", ["none", {"mode": "norm", "threshold": 1.0}])
@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "sgd"},
        {"name": "sgd", "momentum": 0.9, "dampening": 0.5, "nesterov": False},
        {"name": "sgd", "momentum": 0.9, "nesterov": True},
        {"name": "adagrad", "lr_decay": 0.5},
        {"name": "rmsprop", "momentum": 0.5},
        {"name": "adam"},
        {"name": "adamw", "weight_decay": 0.5},
        {"name": "nadam"},
        {"name": "radam"},
    ],
    ids=str,
)
def test_skips_what_a_grad_scaler_skips(optimizer, clip, monkeypatch):
    values = {**OVERFLOWS, "optimizer": {**optimizer, "lr": 1e-3}, "clip": clip}
    (trace,) = train(values, probes=[look(monkeypatch)])
    plain = train_plain(values)
    assert plain.skipped >= 3
    assert trace.scaling == LossScaling(skipped=plain.skipped, scale=plain.scale)
    assert np.allclose(trace.arrays["weights"], plain.weights, rtol=1e-5, atol=1e-6)
    changes = np.array([flatten(each.after) - flatten(each.before) for each in plain.updates])
    assert np.array_equal(trace.series["spy"].values[:, 2].any(axis=1), changes.any(axis=1))


def test_gradients_are_seen_unscaled_also_of_a_skipped_update(monkeypatch):
    probe = look(monkeypatch)
    (mixed,) = train(OVERFLOWS, probes=[probe])
    (full,) = train(lower(OVERFLOWS, "float32"), probes=[probe])
    raw, used, change = mixed.series["spy"].values[0]
    assert mixed.scaling.skipped
    assert not change.any()
    assert np.array_equal(raw, used)
    assert np.allclose(raw, full.series["spy"].values[0, 0], rtol=0.01, atol=0.01)


@pytest.mark.parametrize("regularize", [{"l1": 0.1}, {"max_norm": 0.01}, {"adversarial": 0.1}, {"weight_noise": 0.1}], ids=str)
def test_a_skipped_update_moves_nothing(regularize, monkeypatch):
    (trace,) = train(
        {**OVERFLOWS, "regularize": regularize, "train": {"epochs": 1, "precision": "fp16"}}, probes=[look(monkeypatch)]
    )
    assert trace.scaling == LossScaling(skipped=1, scale=32768.0)
    raw, _, change = trace.series["spy"].values[0]
    assert not change.any()
    assert np.isfinite(raw).all()
    assert raw.any()


def test_running_statistics_see_a_batch_once(monkeypatch):
    """Also where the gradient of a skipped update is looked for under other scales."""
    values = {**OVERFLOWS, "model": {"width": 7, "norm": "batch"}, "data": {**RANDOM, "samples": 40}}
    probe = spy(monkeypatch, evaluate=lambda evaluation: {"output": evaluation.predict(evaluation.train)})
    (trace,) = train(values, probes=[probe])
    plain = train_plain(values)
    assert trace.scaling.skipped == plain.skipped > 0
    with torch.autocast("cpu", torch.float16):
        wanted = plain.model(plain.train[0])
    assert np.allclose(trace.arrays["output"], wanted.float().detach().numpy(), atol=2e-3)


def test_accumulated_batches():
    values = {**OVERFLOWS, "train": {**OVERFLOWS["train"], "accumulate": 3, "epochs": 6}}
    (trace,) = train(values)
    assert trace.nonfinite is None
    assert trace.scaling.skipped == np.log2(65536 / trace.scaling.scale) > 0
    assert np.isfinite(trace.series["total-norm"].values).all()


def test_the_scale_follows_the_rules_of_torch(monkeypatch):
    monkeypatch.setattr(_precision, "PATIENCE", 7)
    stream = torch.Generator().manual_seed(0)
    skips = torch.rand(400, 3, generator=stream) < torch.tensor([0.0, 0.1, 0.6])
    ours = start_scaling(3, torch.device("cpu"))
    theirs = [(torch.full((), 65536.0), torch.zeros((), dtype=torch.int32)) for _ in range(3)]
    for skipped in skips:
        ours = ours.follow(skipped, torch.zeros(3, dtype=torch.bool))
        for run, (scale, good) in enumerate(theirs):
            torch._amp_update_scale_(scale, good, skipped[run].float(), 2.0, 0.5, 7)
            assert (ours.scale[run], ours.good[run]) == (scale, good)
    assert ours.skipped.tolist() == skips.sum(dim=0).tolist()
    assert ours.scale[0] == 2.0**73


def test_the_scale_never_grows_out_of_float32(monkeypatch):
    monkeypatch.setattr(_precision, "PATIENCE", 1)
    none = torch.zeros(1, dtype=torch.int64)
    scaling = Scaling(scale=torch.tensor([2.0**127]), good=none, skipped=none, lost=none)
    no = torch.zeros(1, dtype=torch.bool)
    assert scaling.follow(no, no).scale.tolist() == [2.0**127]


def poison(values: dict[str, Any], samples: list[int]) -> list[engine.Work]:
    """The run with some samples that overflow fp16."""
    work = prepare(values)
    inputs = work.train.inputs.clone()
    inputs[samples] = 1e6
    return [dataclasses.replace(work, train=dataclasses.replace(work.train, inputs=inputs))]


def train_works(values: dict[str, Any], works: list[engine.Work]):
    run = PlannedRun(name="base", patch={}, config=validate(values))
    return engine.train([run], works, ["total-norm", "gradient-norm"])[0]


def test_a_batch_that_overflows_is_skipped_and_the_run_goes_on():
    values = {**lower(NETWORKS["mlp"], "fp16"), "optimizer": {"lr": 0.1}}
    trace = train_works(values, poison(values, [3]))
    assert trace.nonfinite is None
    assert trace.updates == trace.planned == 16
    assert trace.scaling.skipped >= 4  # once an epoch
    assert np.isfinite(trace.series["loss"].values).all()
    assert np.isfinite(trace.series["total-norm"].values).all()
    assert len(trace.series["total-norm"].at) == 12
    assert trace.series["loss"].values[-1] < trace.series["loss"].values[0]


@pytest.mark.parametrize(("updates", "ended"), [(1, 1), (3, 3), (40, 10)])
def test_a_forward_pass_that_always_overflows_ends_the_run(updates, ended):
    values = {**NETWORKS["mlp"], "train": {"epochs": updates, "precision": "fp16"}}
    trace = train_works(values, poison(values, [3]))
    assert trace.updates == ended
    assert (trace.nonfinite.update, trace.nonfinite.direction, trace.nonfinite.where) == (1, "forward", "model.0")
    assert trace.scaling == LossScaling(skipped=ended, scale=65536.0 / 2**ended)


def test_runs_that_end_leave_the_others_their_scales():
    fatal = {**OVERFLOWS, "model": {**OVERFLOWS["model"], "init": {"name": "constant", "value": 1e30}}}
    one, two, three = train(OVERFLOWS, fatal, {**OVERFLOWS, "seed": 1})
    assert two.nonfinite is not None
    assert two.scaling == LossScaling(skipped=10, scale=64.0)
    for trace, seed in ((one, 0), (three, 1)):
        plain = train_plain({**OVERFLOWS, "seed": seed})
        assert trace.scaling == LossScaling(skipped=plain.skipped, scale=plain.scale)


def test_what_torch_cannot_train_is_said():
    model = {"kind": "layers", "modules": [{"Linear": [9, 5]}, "RReLU", {"Linear": [5, 4]}]}
    with pytest.raises(UserError, match=r"train.precision: torch cannot train this network in it here: .*rrelu.* \(got fp16\)"):
        prepare({**lower(CLASSES, "fp16"), "model": model})
    assert prepare({**lower(CLASSES, "bf16"), "model": model})


def test_how_it_was_computed_is_said():
    for precision in _precision.LOWER:
        (trace,) = train(lower(NETWORKS["mlp"], precision), probes=[])
        assert trace.how == f"one by one: {precision} is not known to compute in a stack what it computes alone"
