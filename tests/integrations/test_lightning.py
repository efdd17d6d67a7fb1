"""The Lightning callback: in a Trainer where there is one, else with its order of calls."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

NAME = next((name for name in ("lightning.pytorch", "pytorch_lightning") if importlib.util.find_spec(name.partition(".")[0])), None)


def make_data() -> tuple[Tensor, Tensor]:
    inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    return inputs, (inputs.sum(1) > 0).long()


def make_model() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2), nn.Softmax(dim=1))


@pytest.fixture
def callback(monkeypatch: pytest.MonkeyPatch) -> Any:
    if NAME is None:
        package, module = ModuleType("lightning"), ModuleType("lightning.pytorch.callbacks")
        module.Callback = type("Callback", (), {})
        monkeypatch.setitem(sys.modules, "lightning", package)
        monkeypatch.setitem(sys.modules, "lightning.pytorch.callbacks", module)
        monkeypatch.delitem(sys.modules, "trainlab.integrations.lightning", raising=False)
    found = importlib.import_module("trainlab.integrations.lightning")
    if NAME is None:
        monkeypatch.delitem(sys.modules, "trainlab.integrations.lightning")
    return found.TrainlabCallback(max_overhead=1e9)


def take_steps(model: nn.Module, steps: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs, target = make_data()
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), target).backward()
        optimizer.step()


def test_its_calls_begin_and_end_a_watch(callback: Any) -> None:
    with pytest.raises(RuntimeError, match="when a training has ended"):
        _ = callback.report
    backward = torch.autograd.backward
    model = make_model()
    callback.on_fit_start(None, model)
    assert torch.autograd.backward is not backward
    take_steps(model, 12)
    callback.on_fit_end(None, model)
    assert torch.autograd.backward is backward
    assert callback.report.answer.values["updates"] == 12
    assert "M001" in {each.code for each in callback.report.findings}
    callback.on_fit_start(None, model)
    take_steps(model, 5)
    callback.on_exception(None, model, ValueError())
    assert torch.autograd.backward is backward
    assert callback.report.answer.values["updates"] == 5
    assert not callback.report.complete


@pytest.mark.skipif(NAME is None, reason="Lightning is not installed")
def test_a_trainer_is_watched_and_trains_the_same(callback: Any) -> None:
    framework = importlib.import_module(NAME or "")

    class Module(framework.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = make_model()

        def training_step(self, batch: Any, _: int) -> Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=0.01)

    def fit(callbacks: list[Any]) -> Any:
        module = Module()
        quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
        framework.Trainer(max_epochs=3, accelerator="cpu", callbacks=callbacks, **quiet).fit(
            module, DataLoader(TensorDataset(*make_data()), batch_size=16)
        )
        return module

    watched, plain = fit([callback]), fit([])
    assert all(torch.equal(one, other) for one, other in zip(watched.parameters(), plain.parameters(), strict=True))
    assert callback.report.answer.values["updates"] == 12
    assert callback.report.runs[0].layers[0]["name"] == "net.0.weight"
    assert [each.code for each in callback.report.findings if each.severity == "error"] == ["M001"]
