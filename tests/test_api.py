"""The studies as functions of objects that a program has."""

from __future__ import annotations

import gc
import json
import random
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, WeightedRandomSampler

import trainlab
from tests.cli.running import carry_out
from trainlab import plugins
from trainlab.api._optimizer import describe_optimizer
from trainlab.data import load
from trainlab.engine import _work
from trainlab.renderers._target import Target

SAMPLES = 64


def make_data(samples: int = SAMPLES) -> tuple[Tensor, Tensor]:
    stream = torch.Generator().manual_seed(0)
    inputs = torch.randn(samples, 4, generator=stream)
    return inputs, (inputs.sum(1) > 0).long()


def make_net(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))


def check(model: Any = None, data: Any = None, loss: Any = "cross_entropy", optimizer: Any = "adam", **settings: Any) -> Any:
    settings = {"epochs": 2, "batch_size": 16} | settings
    return trainlab.check(
        make_net() if model is None else model, make_data() if data is None else data, loss, optimizer, **settings
    )


def write(report: Any) -> dict[str, Any]:
    renderer = plugins.load("trainlab.renderers", "json")
    values: dict[str, Any] = json.loads("".join(renderer.stream(report, Target())))
    del values["timing"]
    return values


PROGRAM = """
import torch
from torch import nn

class Deep(nn.Sequential):
    def __init__(self):
        super().__init__(*[part for _ in range(16) for part in (nn.Linear(4, 4), nn.Sigmoid())], nn.Linear(4, 2))

def load():
    inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    return inputs, (inputs.sum(1) > 0).long()
"""


def test_it_says_what_the_command_says(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(PROGRAM)
    options = (
        "--diagnose --set model.kind=python,model.target=net.py:Deep,data.name=python,data.target=net.py:load,loss=cross_entropy"
    )
    outcome = carry_out(capsys, "check", *options.split(), "--epochs", "2", "--format", "json")
    printed = json.loads(outcome.out)
    space: dict[str, Any] = {}
    exec(PROGRAM, space)
    report = trainlab.check(space["Deep"], space["load"], "cross_entropy", {"name": "adam", "lr": 0.001}, epochs=2)
    written = write(report)
    assert written["findings"] == printed["findings"] != []
    assert written["runs"][0]["metrics"] == printed["runs"][0]["metrics"]
    assert written["runs"][0]["layers"] == printed["runs"][0]["layers"]
    assert not report.ok
    assert report.exit_code == outcome.code == 1
    assert "error G001 vanishing-gradient" in repr(report)
    assert report.answer.text in str(report)


def test_the_same_call_gives_the_same_bytes_and_other_data_other_ones() -> None:
    inputs, target = make_data()
    first, again = (write(check(data=(inputs, target))) for _ in range(2))
    assert first == again
    inputs *= 2
    assert write(check(data=(inputs, target)))["runs"][0]["metrics"] != first["runs"][0]["metrics"]


class Restless(Dataset[Any]):
    """Draws from all three streams."""

    def __len__(self) -> int:
        return 32

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.randn(4) + random.random() + float(np.random.rand()), index % 2


def test_nothing_of_the_caller_is_changed() -> None:
    net = make_net().eval()
    net[0](torch.ones(4)).sum().backward()
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    gradient = net[0].weight.grad.clone()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    loss = nn.CrossEntropyLoss(weight=torch.ones(2, dtype=torch.float64))
    loader = DataLoader(Restless(), batch_size=8, shuffle=True, generator=torch.Generator().manual_seed(3))
    drawn = loader.generator.get_state()
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(), torch.get_num_threads()
    torch.set_num_threads(2)
    with torch.no_grad():
        report = trainlab.check(net, loader, loss, optimizer, epochs=2)
    assert report.runs[0].metrics["updates"] == 8  # 26 of 32 samples, by 8
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before[3])
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(), torch.get_num_threads()
    assert after == before
    assert torch.equal(loader.generator.get_state(), drawn)
    assert all(torch.equal(value, weights[name]) for name, value in net.state_dict().items())
    assert torch.equal(net[0].weight.grad, gradient)
    assert not any(module.training for module in net.modules())
    assert "forward" not in vars(net)
    assert optimizer.state_dict()["state"] == {}
    assert loss.weight.dtype == torch.float64


def test_a_function_that_gives_one_module_again_and_again_keeps_it_as_it_is() -> None:
    net = make_net()
    weights = net[0].weight.clone()
    report = check(lambda: net, seeds=2)
    assert len(report.runs) == 2
    assert torch.equal(net[0].weight, weights)
    assert "forward" not in vars(net)


def test_nothing_of_the_caller_is_kept() -> None:
    net, data = make_net(), make_data()
    kept = [weakref.ref(net), weakref.ref(data[0])]
    check(net, data)
    del net, data
    gc.collect()
    assert [each() for each in kept] == [None, None]
    assert _work._prepared == {}
    assert load.cache_info().currsize == 0


class Halving(torch.optim.SGD):
    """One that trainlab does not know."""

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for each in group["params"]:
                each.data -= 0.5 * group["lr"] * each.grad
        return None


def by_group(parameters: Any) -> torch.optim.Optimizer:
    weights, biases = (list(filter(test, parameters)) for test in (lambda each: each.dim() > 1, lambda each: each.dim() == 1))
    return torch.optim.SGD([{"params": weights, "weight_decay": 0.1}, {"params": biases, "lr": 0.5}], lr=0.1, momentum=0.9)


MAKERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "class": torch.optim.AdamW,
    "partial": partial(torch.optim.RMSprop, lr=0.01, momentum=0.5),
    "function": lambda parameters: torch.optim.Adam(parameters, lr=0.02, betas=(0.8, 0.9), weight_decay=0.1),
    "groups": by_group,
    "other": partial(Halving, lr=0.3),
    "maximize": lambda parameters: torch.optim.SGD(parameters, lr=0.01, maximize=True),
}


@pytest.mark.parametrize(
    ("kind", "exists"), [*((kind, False) for kind in MAKERS), ("class", True), ("groups", True), ("other", True)]
)
def test_an_optimizer_steps_as_it_does_in_a_plain_loop(kind: str, exists: bool) -> None:
    make = MAKERS[kind]
    inputs, target = make_data()
    net, trained = make_net(), make_net()
    optimizer = make(list(trained.parameters()))
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(trained(inputs), target).backward()
        optimizer.step()
    loss = nn.functional.cross_entropy(trained(inputs), target).item()
    given = make(list(net.parameters())) if exists else make
    report = check(net, (inputs, target), optimizer=given, epochs=5, batch_size=SAMPLES, test_fraction=0.0)
    assert report.runs[0].metrics["train_loss"] == pytest.approx(loss, rel=1e-5)
    native = kind in ("class", "partial", "function")
    assert (report.runs[0].config["optimizer"]["name"] == "python") is not native


def test_an_optimizer_that_exists_leaves_out_what_it_does_not_hold() -> None:
    net = make_net()
    report = check(net, optimizer=torch.optim.SGD(net[2].parameters(), lr=0.1))
    ratios = {layer["name"]: layer["update_ratio"] for layer in report.runs[0].layers}
    assert ratios["0.weight"] == 0 < ratios["2.weight"]


def test_rate_and_decay_of_an_own_optimizer_can_be_patched() -> None:
    section, make = describe_optimizer(by_group, make_net(), "given:optimizer")
    assert section == {"name": "python", "target": "given:optimizer", "lr": 0.1}
    assert make is not None
    made = make([nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))], lr=0.2, weight_decay=0.3)
    assert [group["lr"] for group in made.param_groups] == pytest.approx([0.2, 1.0])
    assert [group["weight_decay"] for group in made.param_groups] == [0.3, 0.3]


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), nn.CrossEntropyLoss, nn.functional.cross_entropy])
def test_rules_know_a_loss_of_torch_by_its_name(loss: Any) -> None:
    net = nn.Sequential(make_net(), nn.Softmax(dim=1))
    assert "M001" in {each.code for each in check(net, loss=loss).findings}


class Pixels(nn.Module):
    """Classes stand second, as torch has them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs).unsqueeze(-1).expand(-1, -1, 3)


def test_a_loss_stays_as_it_is_where_its_name_means_another_shape() -> None:
    inputs, target = make_data()
    report = check(Pixels, (inputs, target.unsqueeze(1).expand(-1, 3).contiguous()), nn.CrossEntropyLoss())
    assert report.runs[0].config["loss"]["name"] == "python"
    weighted = check(loss=nn.CrossEntropyLoss(label_smoothing=0.1))
    assert weighted.runs[0].config["loss"]["name"] == "python"


def test_a_loader_says_the_batch_size_and_a_sampler_keeps_all_samples() -> None:
    data = TensorDataset(*make_data())
    report = check(data=DataLoader(data, batch_size=32, sampler=WeightedRandomSampler(torch.ones(64), 96)), batch_size=None)
    assert report.runs[0].metrics["updates"] == 2 * 3
    assert "test_loss" not in report.runs[0].metrics
    parts = check(data=(DataLoader(data, batch_size=32), DataLoader(data)), batch_size=None)
    assert parts.runs[0].metrics["updates"] == 2 * 2
    assert parts.runs[0].metrics["test_loss"] == pytest.approx(parts.runs[0].metrics["train_loss"])


def test_a_function_of_data_is_called_once_and_takes_arguments_of_a_patch() -> None:
    drawn = []

    def deal(samples: int = 64) -> DataLoader[Any]:
        drawn.append(torch.rand(()).item())
        return DataLoader(TensorDataset(*make_data(samples)), batch_size=32)

    report = check(data=deal, batch_size=None, test_fraction=0.0)
    assert report.runs[0].metrics["updates"] == 2 * 2
    check(data=deal)
    assert len(drawn) == 2
    assert drawn[0] == drawn[1]  # by the seed of the data
    patched = check(data=deal, batch_size=None, test_fraction=0.0, patch={"data.args.samples": 128})
    assert patched.runs[0].metrics["updates"] == 2 * 4


def test_any_study_and_any_setting() -> None:
    report = trainlab.run(
        "gradients",
        model=make_net,
        data=make_data,
        loss="cross_entropy",
        optimizer="sgd",
        seeds=2,
        vs=[{"optimizer.lr": 0.5}],
        options={"steps": 3},
        patch={"clip": {"mode": "norm", "threshold": 0.1}},
    )
    assert [(run.name, run.seed) for run in report.runs] == [
        ("base", 0),
        ("base", 1),
        ("optimizer.lr=0.5", 0),
        ("optimizer.lr=0.5", 1),
    ]
    assert report.runs[0].config["clip"]["threshold"] == 0.1
    assert report.runs[0].metrics["updates"] == 3


def test_remedies_are_tried_if_asked_for() -> None:
    slow = {"name": "sgd", "lr": 1e-9}
    assert not any(each.suggestions for each in check(optimizer=slow).findings)
    suggested = [each for finding in check(optimizer=slow, epochs=6, remedies=True).findings for each in finding.suggestions]
    assert any("optimizer.lr" in each.patch for each in suggested)
    assert all(each.measured for each in suggested)


def test_what_counts_and_what_is_reported_can_be_chosen() -> None:
    net = nn.Sequential(make_net(), nn.Softmax(dim=1))
    assert not check(net).ok
    assert check(net, ignore="M001").ok
    assert check(net, fail_on="never").ok
    assert {each.code for each in check(net, select=["M001"]).findings} == {"M001"}


class Wide(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": 3}, "model: must be a class of torch.nn.Module, a function that returns a module, or a module, not a int"),
        (
            {"model": Wide},
            "model: Wide(width: 'int') -> 'None' does not take these arguments: missing a required argument: 'width'",
        ),
        ({"model": lambda: 3}, "model: must give a torch.nn.Module, and gives a int"),
        ({"data": 3}, "data: gives a int: it must be a Dataset"),
        ({"loss": "mes"}, "loss: is none of the choices (got mes); did you mean 'mse'?"),
        ({"loss": 3}, "loss: must be a function of output and target, not a int"),
        ({"optimizer": "adm"}, "did you mean 'adam'?"),
        ({"optimizer": 3}, "optimizer: must be a name, a mapping, a torch.optim.Optimizer, its class"),
        ({"optimizer": lambda parameters: 3}, "optimizer: must give a torch.optim.Optimizer, and gives a int"),
        ({"optimizer": torch.optim.LBFGS}, "optimizer: its step() needs a closure"),
        (
            {"optimizer": lambda _: torch.optim.SGD(make_net().parameters())},
            "optimizer: must step the parameters that it is called",
        ),
        ({"optimizer": torch.optim.SGD(make_net().parameters())}, "optimizer: steps no parameter of the model"),
        ({"model": make_net, "optimizer": torch.optim.SGD(make_net().parameters())}, "optimizer: exists already, and so must the"),
        ({"epochs": 0}, "epochs: must be a whole number of at least 1 (got 0)"),
        ({"batch_size": -1}, "batch_size: must be"),
        ({"test_fraction": 2.0}, "test_fraction: must"),
        ({"seeds": 0}, "seeds: must be a whole number of at least 1 (got 0)"),
        ({"fail_on": "errors"}, "fail_on: is none of the choices (got errors); did you mean 'error'?"),
        ({"select": "X9"}, "X9"),
        ({"patch": {"optimizer.rate": 1}}, "optimizer.rate: `adam` has no `rate`"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # what has an address differs between processes
)
def test_one_clear_message(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(trainlab.UserError) as caught:
        check(**wrong)
    assert message in str(caught.value)
    assert "given:" not in str(caught.value)


def test_a_module_that_cannot_be_copied_is_told() -> None:
    net = make_net()
    net.last = net[0].weight * 1  # no leaf
    with pytest.raises(trainlab.UserError, match="model: it cannot be copied, so give its class"):
        check(net)
