"""What the graph tells of a forward pass is what hooks on its modules would have measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import trainlab
from tests.watch.running import list_records
from trainlab.report import Parameter
from trainlab.watch._inside import Inside, look_inside

DATA = torch.randn(40, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def make(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers).double()


def see(model: nn.Module, inputs: Tensor = DATA, **named: Any) -> Inside:
    inside = Inside()
    parameters = {
        id(tensor): Parameter(
            name=name, module=type(model.get_submodule(name.rpartition(".")[0])).__name__, shape=tuple(tensor.shape)
        )
        for name, tensor in model.named_parameters()
    }
    inside.add(look_inside(model(inputs, **named).square().mean()), parameters)
    return inside


def listen(model: nn.Module, inputs: Tensor = DATA) -> dict[str, Tensor]:
    """The output of every module, from hooks."""
    outputs: dict[str, Tensor] = {}
    handles = [
        module.register_forward_hook(lambda _, __, out, name=name: outputs.update({name: out.detach().clone()}))
        for name, module in model.named_modules()
    ]
    model(inputs)
    for handle in handles:
        handle.remove()
    return outputs


def test_dead_units_and_saturated_values() -> None:
    torch.manual_seed(0)
    model = make(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 8), nn.Tanh(), nn.Linear(8, 8), nn.Sigmoid(), nn.Linear(8, 1))
    with torch.no_grad():
        model[0].bias -= 1.5
        model[2].weight *= 60
        model[4].weight *= 4
    truth = listen(model)
    inside = see(model)
    arrays = dict(zip(inside.names, zip(*inside.list_arrays().values(), strict=True), strict=True))
    assert list(inside.names.items()) == [
        ("0", "Linear"),
        ("relu after 0", "ReLU"),
        ("2", "Linear"),
        ("tanh after 2", "Tanh"),
        ("4", "Linear"),
        ("sigmoid after 4", "Sigmoid"),
        ("6", "Linear"),
    ]
    dead = float((truth["1"] == 0).all(dim=0).double().mean())
    assert 0 < dead < 1
    assert arrays["relu after 0"][0] == pytest.approx(dead)
    assert arrays["tanh after 2"][1:] == pytest.approx([float((truth["3"].abs() > 0.94).double().mean())] * 2)
    near = (truth["5"] < 0.03) | (truth["5"] > 0.97)
    assert arrays["sigmoid after 4"][1:] == pytest.approx([float(near.double().mean())] * 2)
    assert 0 < arrays["tanh after 2"][1] < 1
    assert np.isnan([arrays["0"], arrays["2"], arrays["6"]]).all()
    assert inside.count_samples() == 40


def test_a_unit_of_an_image_is_a_channel_and_of_a_sequence_a_feature() -> None:
    torch.manual_seed(0)
    images = torch.randn(8, 3, 5, 5, dtype=torch.float64)
    model = make(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 2))
    with torch.no_grad():
        model[1].bias[:5] = -9
    inside = see(model, images)
    assert dict(zip(inside.names, inside.list_arrays()["activation-dead"], strict=True))["relu after 1"] == 5 / 16
    series = torch.randn(8, 7, 6, dtype=torch.float64)
    model = make(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 1))
    with torch.no_grad():
        model[0].bias[:4] = -99
    inside = see(model, series)
    assert dict(zip(inside.names, inside.list_arrays()["activation-dead"], strict=True))["relu after 0"] == 0.4
    model = make(nn.Conv1d(7, 12, 2), nn.ReLU(), nn.Flatten(), nn.Linear(60, 1))
    with torch.no_grad():
        model[0].bias[:3] = -99
    inside = see(model, series)
    assert dict(zip(inside.names, inside.list_arrays()["activation-dead"], strict=True))["relu after 0"] == 0.25


def test_several_looks_are_one_verdict() -> None:
    model = make(nn.Linear(6, 4, bias=False), nn.ReLU(), nn.Linear(4, 1))
    names = {
        id(tensor): Parameter(name=name, module="Linear", shape=tuple(tensor.shape)) for name, tensor in model.named_parameters()
    }
    inside = Inside()
    for signs in ((1.0, 1.0, -1.0, -1.0), (-1.0, 1.0, 1.0, -1.0)):  # units 0 and 1 wake first, then 1 and 2
        with torch.no_grad():
            model[0].weight.copy_(torch.tensor(signs)[:, None].expand(4, 6))
        inside.add(look_inside(model(torch.ones(1, 6, dtype=torch.float64)).sum()), names)
    assert inside.list_arrays()["activation-dead"][1] == 0.25
    assert inside.count_samples() == 2


def test_the_inputs_of_the_first_layer() -> None:
    inputs = DATA * torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 400.0]) + 5
    facts = see(make(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 1)), inputs).measure_inputs()
    level = inputs.square().mean(dim=0).sqrt()
    assert facts["feature_level"] == pytest.approx(float(level[5]))
    assert facts["feature_spread"] == pytest.approx(float(level[5] / np.median(inputs.std(dim=0, unbiased=False))))
    assert facts["feature_power"] == pytest.approx(float(inputs.square().sum(dim=1).mean()))
    assert (facts["feature_largest"], facts["feature_count"]) == (5, 6)
    tokens = make(nn.Embedding(7, 6), nn.Flatten(), nn.Linear(12, 1))
    assert see(tokens, torch.randint(7, (8, 2))).measure_inputs() == {}


def test_what_is_computed_anew_in_the_backward_pass_is_not_seen() -> None:
    from torch.utils.checkpoint import checkpoint

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(6, 4).double(), nn.Linear(4, 1).double()

        def forward(self, inputs: Tensor) -> Tensor:
            return self.head(checkpoint(lambda each: self.body(each).relu(), inputs, use_reentrant=True))

    assert not see(Net(), DATA.clone().requires_grad_()).is_known()


def test_weights_of_other_models_do_not_count() -> None:
    judging, making = list_records("two_players")
    assert all(
        name.partition(" after ")[2] in {"0", "2"} or " after " not in name
        for name in (*judging.inside.names, *making.inside.names)
    )
    assert judging.inside.names != making.inside.names


class TestVerdicts:
    def train(self, model: nn.Module) -> set[str]:
        inputs = DATA
        target = (inputs.sum(1) > inputs.sum(1).quantile(0.8)).long()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
        with trainlab.watch(model, max_overhead=1e9) as watched:
            for _ in range(30):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(inputs), target).backward()
                optimizer.step()
        assert {"G003", "G004"}.isdisjoint(each.code for each in watched.report.skipped)
        return {each.code for each in watched.report.findings}

    def test_functional_activations_die_too(self) -> None:
        class Net(nn.Module):
            def __init__(self, bias: float) -> None:
                super().__init__()
                torch.manual_seed(0)
                self.body, self.head = nn.Linear(6, 32).double(), nn.Linear(32, 2).double()
                nn.init.constant_(self.body.bias, bias)

            def forward(self, inputs: Tensor) -> Tensor:
                return self.head(nn.functional.relu(self.body(inputs)))

        assert "G003" not in self.train(Net(0.0))
        assert "G003" in self.train(Net(-9.0))

    def test_saturated_layers_that_pass_no_gradient(self) -> None:
        def make_deep(bias: float) -> nn.Module:
            torch.manual_seed(0)
            model = make(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))
            with torch.no_grad():
                model[2].bias += bias
            return model

        assert "G004" not in self.train(make_deep(0.0))
        assert "G004" in self.train(make_deep(7.0))

    def test_inputs_so_large_that_plain_sgd_diverges(self) -> None:
        torch.manual_seed(0)
        inputs = DATA * torch.tensor([1.0] * 5 + [3e4])
        model = make(nn.Linear(6, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        with trainlab.watch(model, max_overhead=1e9) as watched:
            for _ in range(60):
                optimizer.zero_grad()
                (model(inputs) - 1).square().mean().backward()
                optimizer.step()
        (found,) = [each for each in watched.report.findings if each.code == "D001"]
        assert (found.where, found.severity) == ("feature 5", "error")
        assert "bring them to mean 0" in found.message
