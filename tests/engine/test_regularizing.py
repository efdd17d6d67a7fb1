"""Regularised training equals a plain torch.optim loop with the formula written out, on each way to compute a stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainlab import engine
from trainlab.config import validate
from trainlab.engine._streams import Streams
from trainlab.errors import UserError
from trainlab.models.dropout import Dropout
from trainlab.plan import PlannedRun
from trainlab.report import Trace

CPU = torch.device("cpu")
EPOCHS = 12
Change = Callable[[Tensor], Tensor]

# Hand-written, stacked by vmap (a normalisation), and one by one (a module that torch cannot stack).
WAYS = {
    "by hand": {"kind": "mlp", "layers": 3, "width": 7},
    "vmap": {"kind": "mlp", "layers": 3, "width": 7, "norm": "layer"},
    "one by one": {"kind": "layers", "modules": [{"Linear": [4, 7]}, {"RReLU": [0.2, 0.2]}, {"Linear": [7, 3]}]},
}


def make(way: str, seed: int = 3, **sections: Any) -> dict[str, Any]:
    model = WAYS[way] | sections.pop("model", {})
    if way == "one by one" and "dropout" in model:
        share = model.pop("dropout")
        model = model | {"modules": [{"Linear": [4, 7]}, {"RReLU": [0.2, 0.2]}, {"Dropout": [share]}, {"Linear": [7, 3]}]}
    return {
        "seed": seed,
        "model": model,
        "data": {"name": "iris", "samples": 60, "standardize": True},
        "loss": "cross_entropy",
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9},
        "train": {"epochs": EPOCHS, "precision": "float64"} | sections.pop("train", {}),
    } | sections


def train(*values: dict[str, Any]) -> list[Trace]:
    runs = [PlannedRun(name=str(index), patch={}, config=validate(each, {})) for index, each in enumerate(values)]
    return engine.train(runs, [engine.prepare(run.config, CPU) for run in runs], ("accuracy", "weight-norm"))


class Plain:
    """What anyone would write, with a place for each trick."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.work = engine.prepare(validate(values, {}), CPU)
        self.model: nn.Module = self.work.model
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.streams = Streams([values["seed"]])
        self.losses: list[float] = []

    def run(self, step: Callable[[Tensor, Tensor], Tensor]) -> list[float]:
        """`step(inputs, target)` leaves gradients and returns the loss to report."""
        inputs, target = self.work.train.inputs, self.work.train.target
        assert target is not None
        self.model.train()
        for _ in range(EPOCHS):
            self.optimizer.zero_grad()
            self.losses.append(step(inputs, target).item())
            self.optimizer.step()
        return self.losses


def check(trace: Trace, losses: list[float]) -> None:
    np.testing.assert_allclose(trace.series["loss"].values, losses, rtol=0, atol=1e-9)
    assert not np.allclose(losses, losses[0]), "nothing was learned"


@pytest.mark.parametrize("way", WAYS)
class TestEqualsThePlainLoop:
    def test_dropout(self, way: str) -> None:
        values = make(way, model={"dropout": 0.4})
        plain = Plain(values)
        layers = {name: each for name, each in plain.model.named_modules() if isinstance(each, Dropout)}
        assert layers

        def step(inputs: Tensor, target: Tensor) -> Tensor:
            for name, layer in layers.items():
                mask = plain.streams.draw_mask(name, [0], [0.4], (len(inputs), 7), inputs[:0])
                assert set(mask.unique().tolist()) == {0.0, 1 / (1 - 0.4)} or torch.allclose(
                    mask.unique(), torch.tensor([0.0, 1 / 0.6], dtype=mask.dtype)
                )
                layer.mask = mask[0]
            loss = F.cross_entropy(plain.model(inputs), target)
            loss.backward()
            return loss

        check(train(values)[0], plain.run(step))

    def test_input_noise(self, way: str) -> None:
        values = make(way, regularize={"input_noise": 0.5})
        plain = Plain(values)

        def step(inputs: Tensor, target: Tensor) -> Tensor:
            noise = plain.streams.draw_normal("input noise", [0], [0.5], inputs[None])[0]
            loss = F.cross_entropy(plain.model(inputs + noise), target)
            loss.backward()
            return loss

        check(train(values)[0], plain.run(step))

    def test_weight_noise(self, way: str) -> None:
        values = make(way, regularize={"weight_noise": 0.1})
        plain = Plain(values)

        def step(inputs: Tensor, target: Tensor) -> Tensor:
            parameters = list(plain.model.parameters())
            clean = [each.detach().clone() for each in parameters]
            flat = torch.cat([each.reshape(-1) for each in clean])[None]
            noise = plain.streams.draw_normal("weight noise", [0], [0.1], flat)[0]
            with torch.no_grad():
                for each, part in zip(parameters, noise.split([each.numel() for each in clean]), strict=True):
                    each.add_(part.view_as(each))
            loss = F.cross_entropy(plain.model(inputs), target)
            loss.backward()
            with torch.no_grad():
                for each, before in zip(parameters, clean, strict=True):
                    each.copy_(before)
            return loss

        check(train(values)[0], plain.run(step))

    def test_label_smoothing_is_left_out_of_the_loss_reported(self, way: str) -> None:
        values = make(way, regularize={"label_smoothing": 0.3})
        plain = Plain(values)

        def step(inputs: Tensor, target: Tensor) -> Tensor:
            output = plain.model(inputs)
            F.cross_entropy(output, target, label_smoothing=0.3).backward()
            return F.cross_entropy(output, target)

        check(train(values)[0], plain.run(step))

    def test_adversarial(self, way: str) -> None:
        values = make(way, regularize={"adversarial": 0.1})
        plain = Plain(values)

        def step(inputs: Tensor, target: Tensor) -> Tensor:
            leaf = inputs.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(F.cross_entropy(plain.model(leaf), target), leaf)
            loss = F.cross_entropy(plain.model(inputs + 0.1 * gradient.sign()), target)
            loss.backward()
            return loss

        check(train(values)[0], plain.run(step))

    def test_max_norm(self, way: str) -> None:
        values = make(way, regularize={"max_norm": 0.7})
        plain = Plain(values)

        def step(inputs: Tensor, target: Tensor) -> Tensor:
            if plain.losses:  # after each update
                with torch.no_grad():
                    for each in plain.model.parameters():
                        if each.dim() > 1:
                            each.mul_((0.7 / each.norm(dim=1, keepdim=True)).clamp(max=1.0))
            loss = F.cross_entropy(plain.model(inputs), target)
            loss.backward()
            return loss

        check(train(values)[0], plain.run(step))

    def test_accumulation_equals_the_large_batch(self, way: str) -> None:
        small = make(way, train={"batch_size": 20, "accumulate": 3, "shuffle": False})
        small["data"]["test_fraction"] = 0.0
        large = make(way)
        large["data"]["test_fraction"] = 0.0
        one, other = train(small, large)
        assert one.updates == other.updates == EPOCHS
        np.testing.assert_allclose(one.series["loss"].values, other.series["loss"].values, rtol=0, atol=1e-9)


EVERYTHING = {"input_noise": 0.1, "weight_noise": 0.01, "label_smoothing": 0.1, "adversarial": 0.05, "max_norm": 1.5}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_has_the_same_bits_whatever_trains_beside_it(way: str) -> None:
    mine = make(way, model={"dropout": 0.3}, regularize=EVERYTHING, train={"batch_size": 16, "accumulate": 2})
    others = [
        make(way, seed=seed, model={"dropout": share}, regularize=EVERYTHING | {"input_noise": noise}, train=mine["train"])
        for seed, share, noise in ((3, 0.6, 0.1), (4, 0.3, 0.0), (5, 0.1, 2.0))
    ]
    alone = train(mine)[0]
    beside = train(*others[:2], mine, others[2])[2]
    for name, series in alone.series.items():
        assert np.array_equal(series.values, beside.series[name].values, equal_nan=True), name
    assert alone.metrics == beside.metrics


def test_label_smoothing_needs_classes() -> None:
    values = make("by hand", regularize={"label_smoothing": 0.1}) | {"loss": "mse"}
    with pytest.raises(UserError, match=r"regularize\.label_smoothing: needs classes"):
        train(values)
