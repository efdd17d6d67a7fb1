from __future__ import annotations

from typing import Any

import pytest
import torch

from trainlab.data import load
from trainlab.engine import choose_device
from trainlab.errors import UserError

from .runs import prepare

CLASSES: dict[str, Any] = {"data": {"name": "random", "samples": 10, "features": 3, "classes": 4}, "loss": "cross_entropy"}


def layers(*modules: Any) -> dict[str, Any]:
    return {"kind": "layers", "modules": list(modules)}


def test_a_run_ready_to_train():
    work = prepare(
        {**CLASSES, "model": {"freeze": ["model.0.bias"]}, "train": {"epochs": 3, "batch_size": 4, "precision": "float64"}}
    )
    assert work.layout.names == ("model.0.weight", "model.2.weight", "model.2.bias")
    assert work.layout.sizes == (96, 128, 4)
    assert work.layout.total == 228
    assert (work.samples, work.batch_size, work.updates_per_epoch, work.updates, work.task) == (10, 4, 3, 9, "multiclass")
    assert work.batch_sizes == {4, 2}
    assert work.train.inputs.dtype == torch.float64
    assert {p.dtype for p in work.model.parameters()} == {torch.float64}
    assert work.test is None


def test_the_number_of_updates():
    assert prepare({**CLASSES, "train": {"epochs": 5}}).updates == 5
    assert prepare({**CLASSES, "train": {"epochs": 5, "updates": 3}}).updates == 3
    assert prepare({**CLASSES, "train": {"epochs": 5, "batch_size": 99}}).batch_size == 10


def test_runs_that_start_alike_share_the_network_and_others_do_not():
    first = prepare({**CLASSES, "optimizer": {"lr": 0.1}})
    same, other = prepare({**CLASSES, "optimizer": {"lr": 0.2}}), prepare({**CLASSES, "seed": 1})
    assert first.model is same.model
    assert first.config != same.config
    assert first.model is not other.model
    assert not torch.equal(next(first.model.parameters()), next(other.model.parameters()))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**CLASSES, "model": {"outputs": 3}}, "model.outputs: the number of outputs must be 4 .* cross_entropy; it is 3"),
        ({**CLASSES, "loss": "mse", "model": {"outputs": 3}}, "model.outputs: the number of outputs must be 4 .* mse; it is 3"),
        ({**CLASSES, "loss": "mse", "model": {"outputs": 1}}, "model.outputs: the number of outputs must be 4 .* mse; it is 1"),
        ({**CLASSES, "model": layers({"Linear": [3, 2]})}, "model.modules: the number of outputs must be 4 .*; it is 2"),
        ({**CLASSES, "model": layers({"Linear": [5, 4]})}, r"model: Linear model.0 cannot take an input of shape \[10, 3\]"),
        ({**CLASSES, "model": layers({"Linear": [3, 4]}, {"LSTM": [4, 4]})}, r"must give one row a sample, but gives a tuple"),
        ({**CLASSES, "model": layers({"Flatten": [0]}, {"Linear": [30, 4]})}, r"must give one row a sample, but gives \[4\]"),
        ({**CLASSES, "model": layers({"Linear": [3, 4]}, {"Unflatten": [1, [2, 2]]})}, r"gives \[10, 2, 2\]: end it with Flatten"),
        ({**CLASSES, "model": layers({"ReLU": [True]}, {"Linear": [3, 4]})}, "overwrites its own inputs"),
        ({**CLASSES, "loss": "sum", "model": layers("ReLU")}, "model: nothing is left to train"),
        ({**CLASSES, "model": {"freeze": ["*"]}}, "model.freeze: nothing is left to train"),
        ({**CLASSES, "model": {"norm": "batch"}, "train": {"batch_size": 1}}, "model.norm: batch norm .* every batch has only one"),
        ({**CLASSES, "model": {"norm": "batch"}, "train": {"batch_size": 3}}, "the last batch of 10 samples has only one"),
        ({"model": {"norm": "batch"}, "data": "ones"}, "every batch has only one"),
        ({**CLASSES, "loss": "bce", "seed": 3}, "loss: bce needs outputs between 0 and 1"),
        ({"data": "ones", "loss": "mse"}, "loss: these data have no target"),
        ({"data": "linear", "loss": "cross_entropy"}, "loss: cross_entropy needs classes"),
    ],
)
def test_what_does_not_go_together(values, message):
    with pytest.raises(UserError, match=message):
        prepare(values)


def test_mps_has_no_float64():
    with pytest.raises(UserError, match=r"train.precision: MPS has no float64"):
        prepare({**CLASSES, "train": {"precision": "float64"}}, torch.device("mps"))


def test_preparing_changes_neither_data_nor_statistics_nor_the_global_stream():
    state = torch.get_rng_state()
    work = prepare({**CLASSES, "model": {"norm": "batch", "dropout": 0.5}})
    assert torch.equal(state, torch.get_rng_state())
    assert not dict(work.model.named_buffers())["model.1.running_mean"].any()
    inputs = load(work.config.data).train[0]
    before = inputs.clone()
    with pytest.raises(UserError):
        prepare({**CLASSES, "model": layers({"ReLU": [True]}, {"Linear": [3, 4]})})
    assert torch.equal(inputs, before)


def test_the_engine_knows_the_devices():
    assert choose_device("cpu") == torch.device("cpu")
