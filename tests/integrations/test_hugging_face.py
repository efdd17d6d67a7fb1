"""The Hugging Face callback: in a Trainer where there is one, else with its order of calls."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

HERE = importlib.util.find_spec("transformers") is not None


@pytest.fixture
def callback(monkeypatch: pytest.MonkeyPatch) -> Any:
    if not HERE:
        module = ModuleType("transformers")
        module.TrainerCallback = type("TrainerCallback", (), {})
        monkeypatch.setitem(sys.modules, "transformers", module)
        monkeypatch.delitem(sys.modules, "trainlab.integrations.hugging_face", raising=False)
    found = importlib.import_module("trainlab.integrations.hugging_face")
    if not HERE:
        monkeypatch.delitem(sys.modules, "trainlab.integrations.hugging_face")
    return found.TrainlabCallback(max_overhead=1e9)


def take_steps(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(4, 3)).square().mean().backward()
        optimizer.step()


def test_its_calls_begin_and_end_a_watch(callback: Any) -> None:
    with pytest.raises(RuntimeError, match="when a training has ended"):
        _ = callback.report
    backward = torch.autograd.backward
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    callback.on_train_begin(None, None, None, model=model, optimizer=optimizer)
    assert torch.autograd.backward is not backward
    take_steps(model, optimizer, 12)
    callback.on_train_end(None, None, None, model=model, optimizer=optimizer)
    assert torch.autograd.backward is backward
    assert callback.report.complete
    assert callback.report.answer.values["updates"] == 12


@pytest.mark.parametrize("again", [False, True])
def test_a_training_that_raised_ends_when_it_is_asked_about_or_the_next_begins(callback: Any, again: bool) -> None:
    backward = torch.autograd.backward
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    callback.on_train_begin(None, None, None, model=model)
    take_steps(model, optimizer, 3)
    if again:
        callback.on_train_begin(None, None, None, model=model)
        take_steps(model, optimizer, 4)
        callback.on_train_end(None, None, None)
    assert callback.report.complete is again
    assert callback.report.answer.values["updates"] == (4 if again else 3)
    assert torch.autograd.backward is backward


@pytest.mark.skipif(not HERE, reason="transformers is not installed")
def test_a_trainer_is_watched_and_trains_the_same(callback: Any, tmp_path: Path) -> None:
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 20}
    data = [{"input_ids": torch.tensor([3 + each % 2, 5, 6]), "labels": torch.tensor(each % 2)} for each in range(64)]

    def fit(callbacks: list[Any]) -> Any:
        torch.manual_seed(0)
        model = BertForSequenceClassification(BertConfig(num_labels=2, **sizes))
        quiet = {"report_to": [], "save_strategy": "no", "logging_strategy": "no", "disable_tqdm": True, "use_cpu": True}
        settings = TrainingArguments(str(tmp_path), num_train_epochs=3, per_device_train_batch_size=16, **quiet)
        Trainer(model, settings, train_dataset=data, callbacks=callbacks).train()
        return model

    watched, plain = fit([callback]), fit([])
    assert all(torch.equal(one, other) for one, other in zip(watched.parameters(), plain.parameters(), strict=True))
    assert callback.report.answer.values["updates"] == 12
    assert callback.report.ok
