"""Gradient and Hessian of what a run has minimised, next to a plain network in float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from tests.engine.runs import prepare
from tests.own.configs import NETS
from trainlab.engine import Work, _objective
from trainlab.engine._objective import LossSurface
from trainlab.engine._weights import stack_networks
from trainlab.losses import LOSSES
from trainlab.probes._spectrum import compute_hessian

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "mlp": {"model": {"layers": 3, "width": 5, "activation": "tanh"}, "data": "iris"},
    "layer norm": {"model": {"layers": 3, "width": 4, "norm": "layer", "residual": True}, "data": "iris"},
    "cnn": {"model": {"kind": "cnn", "width": 2, "layers": 2, "activation": "silu"}, "data": {"name": "digits", "samples": 30}},
    "rnn": {"model": {"kind": "rnn", "width": 3}, "data": {"name": "digits", "samples": 30}},
    "lstm": {"model": {"kind": "lstm", "width": 2}, "data": {"name": "digits", "samples": 30}},
    "gru": {"model": {"kind": "gru", "width": 2}, "data": {"name": "digits", "samples": 30}},
    "transformer": {
        "model": {"kind": "transformer", "width": 4, "heads": 2, "layers": 1, "feedforward": 4},
        "data": {"name": "digits", "samples": 30},
    },
}


def make_surface(values: dict[str, Any]) -> tuple[LossSurface, Work]:
    work = prepare({"loss": "cross_entropy", **values})
    return LossSurface(work, stack_networks([work.model], [0])), work


def compute_truth(
    work: Work, batches: Sequence[slice | Tensor], *, training: bool = False, samples: int | None = None
) -> tuple[Tensor, Tensor]:
    """Gradient and dense Hessian of the mean loss, by torch's own loop over second derivatives."""
    model = work.model.double().train(training)
    parameters = dict(model.named_parameters())
    buffers = {name: each.clone() for name, each in model.named_buffers()}
    flat = torch.cat([each.detach().flatten() for each in parameters.values()])
    inputs, target = work.train.inputs, work.train.target

    def compute(row: Tensor) -> Tensor:
        parts = torch.split(row, [each.numel() for each in parameters.values()])
        named = {name: part.view(each.shape) for part, (name, each) in zip(parts, parameters.items(), strict=True)}
        losses = []
        for batch in batches:
            held = {name: each.clone() for name, each in buffers.items()}
            output = functional_call(model, {**named, **held}, (inputs[batch].double(),))
            losses.append(LOSSES[str(work.loss)](output, target[batch]) * len(output))
        return sum(losses) / (samples or len(inputs))

    return torch.autograd.functional.jacobian(compute, flat), torch.autograd.functional.hessian(compute, flat)


def assert_agree(found: Tensor, wanted: Tensor) -> None:
    assert float((found - wanted).abs().max()) <= 1e-6 * float(wanted.abs().max())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gradient_and_hessian_are_those_of_a_plain_network(name: str) -> None:
    surface, work = make_surface(ARCHITECTURES[name])
    gradient, hessian = compute_truth(work, [slice(None)])
    assert surface.is_exact
    assert_agree(surface.differentiate(surface.at), gradient)
    assert_agree(compute_hessian(surface), hessian)
    assert_agree(torch.linalg.eigvalsh(compute_hessian(surface)), torch.linalg.eigvalsh(hessian))


def test_batch_norm_normalises_by_the_batches_trained_with() -> None:
    model = {"layers": 2, "width": 4, "activation": "tanh", "norm": "batch"}
    values = {"model": model, "data": {"name": "iris", "test_fraction": 0.0}}
    surface, work = make_surface(values)
    _, hessian = compute_truth(work, [slice(None)], training=True)
    assert_agree(compute_hessian(surface), hessian)
    parts, work = make_surface({**values, "train": {"batch_size": 50}})
    assert parts.samples == 150
    order = torch.randperm(150, generator=torch.Generator().manual_seed(0))
    assert float((compute_hessian(parts) - hessian).abs().max()) > 1e-3  # smaller batches, another surface
    for part in (work.train.inputs, work.train.target):
        assert part is not None
        part.copy_(part[order].clone())
    _, hessian = compute_truth(work, [slice(0, 50), slice(50, 100), slice(100, 150)], training=True)
    assert_agree(compute_hessian(parts), hessian)


def test_many_samples_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_objective, "PIECE", 100)
    values = {"model": {"layers": 1}, "data": {"name": "wine", "test_fraction": 0.0, "standardize": True}}
    surface, work = make_surface(values)
    assert [len(each.inputs) for each in surface._pieces] == [100, 78]
    gradient, hessian = compute_truth(work, [slice(None)])
    assert_agree(surface.differentiate(surface.at), gradient)
    vector = torch.randn(2, len(surface.at), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert_agree(surface.curve(vector), vector @ hessian)
    assert surface.measure(surface.at, 100) != surface.measure(surface.at)
    monkeypatch.setattr(_objective, "KEPT", 0)  # no graph is kept
    bare, _ = make_surface(values)
    assert_agree(bare.curve(vector), vector @ hessian)
    assert (bare._graphs is None, surface._graphs is None) == (True, False)


def test_of_a_large_network_the_curvatures_are_taken_on_fewer_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_objective, "PIECE", 50)
    monkeypatch.setattr(_objective, "CURVED", range(10, 2048))
    monkeypatch.setattr(_objective, "SIZE", 42 * 80)
    surface, work = make_surface({"model": {"layers": 1}, "data": {"name": "wine", "test_fraction": 0.0, "standardize": True}})
    assert (len(surface.at), surface.samples, work.samples, surface.is_exact) == (42, 100, 178, True)
    gradient, _ = compute_truth(work, [slice(None)])
    assert_agree(surface.differentiate(surface.at), gradient)
    assert work.train.target is not None
    order = torch.randperm(178, generator=torch.Generator().manual_seed(0))[:100]
    assert len(work.train.target[order].unique()) == 3  # in no order of the classes
    _, hessian = compute_truth(work, [order], samples=100)
    assert_agree(compute_hessian(surface), hessian)


def test_a_coupled_weight_decay_is_part_of_it_and_a_decoupled_one_is_not() -> None:
    base = {"model": {"layers": 1}, "data": "iris"}
    plain, _ = make_surface(base)
    coupled, _ = make_surface({**base, "optimizer": {"name": "adam", "weight_decay": 0.3}})
    apart = (
        {"name": "adamw"},
        {"name": "nadam", "decoupled_weight_decay": True},
        {"name": "radam", "decoupled_weight_decay": True},
    )
    decoupled = [make_surface({**base, "optimizer": {**each, "weight_decay": 0.3}})[0] for each in apart]
    at, one = plain.at, torch.eye(len(plain.at), dtype=torch.float64)
    assert coupled.is_exact  # not put right by differences
    assert coupled.measure(at) == pytest.approx(plain.measure(at) + 0.15 * float(at @ at))
    assert_agree(coupled.differentiate(at), plain.differentiate(at) + 0.3 * at)
    assert_agree(compute_hessian(coupled), compute_hessian(plain) + 0.3 * one)
    assert [each.measure(at) for each in decoupled] == [plain.measure(at)] * 3


def test_weights_of_classes_count_over_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"name": "wine", "test_fraction": 0.0, "standardize": True, "class_weights": [1.0, 5.0, 0.5]}
    whole, _ = make_surface({"model": {"layers": 1}, "data": data})
    monkeypatch.setattr(_objective, "PIECE", 50)
    parts, work = make_surface({"model": {"layers": 1}, "data": data})
    assert len(parts._pieces) == 4
    assert_agree(parts.differentiate(parts.at), whole.differentiate(whole.at))
    output = work.model.double()(work.train.inputs.double()).detach()
    weight = torch.tensor([1.0, 5.0, 0.5], dtype=torch.float64)
    assert parts.measure(parts.at) == pytest.approx(float(nn.functional.cross_entropy(output, work.train.target, weight)))


def test_smoothed_labels_are_what_was_learned() -> None:
    base = {"model": {"layers": 1}, "data": {"name": "iris", "test_fraction": 0.0}}
    surface, work = make_surface({**base, "regularize": {"label_smoothing": 0.2}})
    output = work.model.double()(work.train.inputs.double())
    wanted = nn.functional.cross_entropy(output, work.train.target, label_smoothing=0.2)
    assert surface.measure(surface.at) == pytest.approx(wanted.item())


def test_a_sum_adds_up_over_pieces() -> None:
    surface, work = make_surface({"model": {"layers": 1, "bias": False}, "data": {"name": "ones", "samples": 300}, "loss": "sum"})
    assert surface.measure(surface.at) == pytest.approx(work.model.double()(work.train.inputs.double()).sum().item())
    assert not compute_hessian(surface).any()  # linear in the weights


@pytest.mark.parametrize("target", ["Once", "Silently"])
def test_without_a_second_derivative_differences_of_gradients_take_its_place(target: str) -> None:
    model = {"kind": "python", "target": f"{NETS}:Handmade", "args": {"how": target}}
    surface, _ = make_surface({"model": model, "data": {"name": "digits", "samples": 30}})
    plain, work = make_surface({"model": {**model, "args": {"how": "Plainly"}}, "data": {"name": "digits", "samples": 30}})
    assert (surface.is_exact, plain.is_exact) == (False, True)
    _, hessian = compute_truth(work, [slice(None)])
    found = surface.curve(torch.eye(len(surface.at), dtype=torch.float64))
    assert float((found - hessian).abs().max()) <= 1e-5 * float(hessian.abs().max())


def test_code_that_insists_on_float32_gets_it() -> None:
    model = {"kind": "python", "target": f"{NETS}:Single"}
    surface, work = make_surface({"model": model, "data": {"name": "digits", "samples": 30}})
    assert surface.at.dtype == torch.float32
    assert surface.is_exact
    output = work.model(work.train.inputs)
    assert surface.measure(surface.at) == pytest.approx(nn.functional.cross_entropy(output, work.train.target).item(), rel=1e-5)


@pytest.mark.parametrize("layer", ["LSTM", "GRU", "attention"])
def test_torchs_own_fused_layers_can_be_differentiated_twice(layer: str) -> None:
    model = {"kind": "python", "target": f"{NETS}:Fused", "args": {"layer": layer}}
    surface, work = make_surface({"model": model, "data": {"name": "digits", "samples": 30}})
    assert surface.is_exact
    direction = torch.ones(1, len(surface.at), dtype=torch.float64)
    beside = surface._take_difference(direction[0])
    assert float((surface.curve(direction)[0] - beside).abs().max()) <= 1e-5 * float(beside.abs().max())
    assert len(surface.at) == work.layout.total


def test_the_network_and_torchs_random_stream_stay_as_they_were() -> None:
    work = prepare({"model": {"layers": 2, "norm": "batch", "dropout": 0.5}, "data": "iris", "loss": "cross_entropy"})
    before = {name: each.clone() for name, each in work.model.state_dict().items()}
    torch.manual_seed(3)
    state = torch.get_rng_state()
    surface = LossSurface(work, stack_networks([work.model], [0]))
    surface.curve(surface.at[None])
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(each, before[name]) for name, each in work.model.state_dict().items())
    assert all(each.dtype == before[name].dtype for name, each in work.model.state_dict().items())
