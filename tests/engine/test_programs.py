"""Three ways to the loss and gradient of a stack."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainlab.config.activations import ACTIVATIONS
from trainlab.engine import _mlp
from trainlab.engine._batches import expand
from trainlab.engine._mlp import HandWritten, read_network
from trainlab.engine._programs import OneByOne, Stacked, stack_networks
from trainlab.engine._rows import Rows
from trainlab.engine._weights import Weights
from trainlab.models._derivatives import DERIVATIVES
from trainlab.models.activations import build_activation
from trainlab.step import Batch, Layout

from .runs import prepare

LOSSES = ("sum", "mse", "l1", "huber", "bce", "bce_logits", "cross_entropy")


DATA: dict[str, Any] = {"name": "random", "samples": 13, "features": 4, "classes": 4}


def works(loss: str = "cross_entropy", classes: int = 4, **model: Any):
    values = {
        "data": {**DATA, "classes": classes},
        "loss": loss,
        "model": {"layers": 3, "width": 4, "init": {"name": "normal", "std": 0.7, "bias": 0.1}, **model},
        "train": {"precision": "float64"},
    }
    return [prepare({**values, "seed": seed}) for seed in range(3)]


def compute(program, runs):
    weights = stack_networks([work.model for work in runs], [work.config.seed for work in runs])
    batch = expand(runs[0].train, len(runs))
    loss, gradient, _ = program.loss_and_gradient(weights, batch)
    return loss, gradient, program.predict(weights, batch.inputs)


def write_by_hand(work) -> HandWritten:
    layers = read_network(work.model, work.layout)
    assert layers is not None
    return HandWritten(layers, work.layout, work.config.loss, Rows(2, 1))


def assert_agree(runs, by_hand: bool) -> None:
    work = runs[0]
    truth = compute(OneByOne(work.model, work.layout, work.config.loss, ""), runs)
    programs = [Stacked(work.model, work.layout, work.config.loss)] + ([write_by_hand(work)] if by_hand else [])
    for program in programs:
        for found, wanted in zip(compute(program, runs), truth, strict=True):
            assert torch.allclose(found, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "rrelu"])
def test_every_activation(activation):
    runs = works(activation=activation)
    assert_agree(runs, by_hand=type(build_activation(activation)) in DERIVATIVES)


@pytest.mark.parametrize("output", ["none", "same", "sigmoid"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss, output):
    if loss == "bce":
        output = "sigmoid"
    assert_agree(works(loss, output=output, activation="tanh"), by_hand=True)


@pytest.mark.parametrize(
    "model", [{"residual": True}, {"residual": True, "bias": False, "width": 6}, {"layers": 1}, {"bias": False}]
)
def test_shapes_of_networks(model):
    assert_agree(works(**model), by_hand=True)


BATCH: dict[str, Any] = {"name": "batch", "momentum": 0.3}
NORMS: list[dict[str, Any]] = [
    {"norm": BATCH},
    {"norm": BATCH, "residual": True, "bias": False},
    {"norm": BATCH, "output": "same", "activation": "sigmoid", "layers": 1},
    {"norm": {**BATCH, "place": "after"}, "residual": True},
    {"norm": {**BATCH, "place": "after", "affine": False}, "output": "same", "activation": "tanh"},
    {"norm": {**BATCH, "eps": 0.5}, "dropout": 0.5, "input_norm": BATCH, "input_dropout": 0.2},
    {"input_norm": {**BATCH, "affine": False}, "layers": 1},
    {"input_norm": BATCH, "residual": True},
]


def assert_there_and_back(runs) -> Weights:
    """In training and, by the running statistics that this has moved, at rest; and back to the inputs, which moves none."""
    work, batch = runs[0], expand(runs[0].train, len(runs))
    stream = torch.Generator().manual_seed(0)
    start = stack_networks([work.model for work in runs], [0, 1, 2])
    start = replace(start, flat=start.flat + 0.3 * torch.randn(start.flat.shape, generator=stream, dtype=torch.float64))
    for name, each in start.fixed.items():
        if name.endswith(".mask"):
            shape = (3, 13, 4)
            start.fixed[name] = torch.bernoulli(torch.full(shape, 0.7, dtype=each.dtype), generator=stream) / 0.7
    found, shape = [], (work.model, work.layout, work.config.loss)
    for program in (write_by_hand(work), OneByOne(*shape, ""), Stacked(*shape)):
        weights = start.select([0, 1, 2])
        at_inputs = program.input_gradient(weights, batch)
        assert all(torch.equal(each, start.fixed[name]) for name, each in weights.fixed.items())
        loss, gradient, after = program.loss_and_gradient(weights, batch)
        found.append([loss, gradient, at_inputs, program.predict(after, batch.inputs), *after.fixed.values()])
    for by_hand, alone, stacked in zip(*found, strict=True):
        assert torch.allclose(by_hand.double(), alone.double(), rtol=1e-10, atol=1e-13)
        assert torch.allclose(by_hand.double(), stacked.double(), rtol=1e-10, atol=1e-13)
    return weights


@pytest.mark.parametrize("model", NORMS)
def test_batch_norm(model):
    weights = assert_there_and_back(works(**model))
    assert any(name.endswith("running_var") and each.sub(1).abs().min() > 1e-3 for name, each in weights.fixed.items())


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "leaky_relu", "softplus", "identity"])
@pytest.mark.parametrize(
    "model",
    [
        {},
        {"dropout": 0.5},
        {"residual": True},
        {"layers": 2},
        {"width": 1},
        {"layers": 1},
        {"bias": False, "dropout": 0.5},
        *NORMS[:4],
    ],
)
def test_a_single_output(model, activation):
    runs = works("bce_logits", classes=2, **{"activation": activation, **model})
    assert runs[0].outputs == 1
    assert_there_and_back(runs)


@pytest.mark.parametrize("model", [{}, {"residual": True}, *(each for each in NORMS if "dropout" not in each)])
def test_slices_have_the_same_bits_as_the_whole(model, monkeypatch):
    runs = works(**model) * 3
    program = write_by_hand(runs[0])
    whole = compute(program, runs)
    monkeypatch.setattr(_mlp, "SLICE_BYTES", 2 * 13 * 4 * 8)
    for found, wanted in zip(compute(program, runs), whole, strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("model", [{"norm": "layer"}, {"input_norm": "layer"}, {"freeze": ["model.2.bias"]}, {"output": "softmax"}])
def test_what_is_not_written_by_hand(model):
    work = works(**model)[0]
    assert read_network(work.model, work.layout) is None


def test_other_networks_are_not_written_by_hand():
    model = {"kind": "layers", "modules": [{"Linear": [4, 4]}]}
    work = prepare({"data": {"name": "random", "samples": 5, "features": 4, "classes": 4}, "loss": "cross_entropy", "model": model})
    assert read_network(work.model, work.layout) is None


@pytest.mark.parametrize(
    ("loss", "output"), [("bce", "sigmoid"), ("bce_logits", "none"), ("cross_entropy", "none"), ("mse", "same")]
)
def test_a_diverged_row_does_not_stop_the_others(loss, output):
    """Neither by an error nor by a number: binary cross-entropy of NaN raises in torch."""
    runs = works(loss, output=output)
    shape = (runs[0].model, runs[0].layout, loss)
    for program in (write_by_hand(runs[0]), Stacked(*shape), OneByOne(*shape, "")):
        weights = stack_networks([work.model for work in runs], [0, 1, 2])
        batch = expand(runs[0].train, 3)
        before, _, _ = program.loss_and_gradient(weights, batch)
        weights.flat[1] = torch.nan
        after, gradient, _ = program.loss_and_gradient(weights, batch)
        assert after[[0, 2]].tolist() == before[[0, 2]].tolist()
        assert after[1].isnan()
        assert torch.isfinite(gradient[[0, 2]]).all()


def test_each_row_draws_from_its_own_stream():
    modules = [{"Linear": [4, 4]}, {"AlphaDropout": [0.5]}, {"Linear": [4, 4]}]
    runs = [prepare({"data": DATA, "loss": "cross_entropy", "model": {"kind": "layers", "modules": modules}})]
    program = OneByOne(runs[0].model, runs[0].layout, "cross_entropy", "")
    same = stack_networks([runs[0].model] * 3, [0, 0, 1])
    loss, _, after = program.loss_and_gradient(same, expand(runs[0].train, 3))
    assert loss[0] == loss[1] != loss[2]
    again, _, _ = program.loss_and_gradient(after, expand(runs[0].train, 3))
    assert again[0] == again[1] != loss[0]


class Tied(nn.Module):
    """One matrix in two places, and a buffer that is replaced at each call."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls = self.calls + 1
        return self.second(self.first(inputs)) * self.calls


def test_one_by_one_each_row_sees_its_own_weights_wherever_they_are_held():
    model = Tied()
    kept = {name: (each, each.clone()) for name, each in (*model.named_parameters(), *model.named_buffers())}
    named = [(name, each) for name, each in model.named_parameters()]
    layout = Layout(
        names=tuple(name for name, _ in named),
        shapes=tuple(each.shape for _, each in named),
        sizes=tuple(each.numel() for _, each in named),
    )
    assert layout.names.count("first.weight") == 1
    weights = stack_networks([model, model], [0, 0])
    weights.flat[1] += 0.5
    batch = Batch(inputs=torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)), target=None)
    loss, gradient, _ = OneByOne(model, layout, "sum", "").loss_and_gradient(weights, batch)
    for row in range(2):
        flat = weights.flat[row : row + 1].clone().requires_grad_()
        at = {name: each[0] for name, each in layout.unflatten(flat).items()}
        inner = batch.inputs[row] @ at["first.weight"].T + at["first.bias"]
        truth = (inner @ at["first.weight"].T + at["second.bias"]).sum()
        truth.backward()
        assert torch.allclose(loss[row], truth)
        assert torch.allclose(gradient[row : row + 1], flat.grad, rtol=1e-4, atol=1e-5)
    found = dict((*model.named_parameters(), *model.named_buffers()))
    for name, (tensor, values) in kept.items():
        assert found[name] is tensor
        assert torch.equal(tensor, values)


def test_rows_are_copies():
    run = works(norm="batch")[0]
    weights = stack_networks([run.model] * 2, [0, 0])
    picked = weights.select([1, 1, 0])
    picked.flat.zero_()
    picked.fixed["model.1.running_mean"].fill_(5.0)
    assert weights.flat.any()
    assert not weights.fixed["model.1.running_mean"].any()
    assert len(picked.random) == 3


@pytest.mark.parametrize(
    ("model", "count"),
    [
        ({"layers": 4, "width": 5, "activation": "relu", "residual": True}, 3),
        ({"layers": 4, "width": 5, "activation": "relu", "norm": "batch", "output": "same"}, 4),
        ({"layers": 4, "width": 5, "activation": "relu", "norm": "layer"}, 0),
        ({"layers": 4, "width": 5, "activation": "tanh"}, 0),
        ({"kind": "layers", "modules": ["ReLU", {"Linear": [4, 3]}, "ReLU", "ReLU", {"Linear": [3, 1]}]}, 1),
    ],
)
def test_a_relu_alone_takes_no_memory_where_nobody_looks(model, count):
    work = prepare({"model": model, "data": {"name": "random", "samples": 13, "features": 4, "classes": 2}, "loss": "mse"})
    program = OneByOne(work.model, work.layout, work.config.loss, "")
    assert len(program._rectifiers) == count
    weights, batch = stack_networks([work.model], [0]), expand(work.train, 1)
    kept = batch.inputs.clone()
    loss, gradient, _ = program.loss_and_gradient(weights, batch)
    assert torch.equal(batch.inputs, kept)
    assert not any(each.inplace for each in work.model.modules() if isinstance(each, nn.ReLU))
    program._rectifiers = []
    wanted = program.loss_and_gradient(stack_networks([work.model], [0]), batch)
    assert torch.equal(loss, wanted[0])
    assert torch.equal(gradient, wanted[1])
