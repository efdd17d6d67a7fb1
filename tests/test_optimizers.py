"""What holds for the steps of all optimizers beside being those of torch, for which see `test_optimizers_torch`."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from trainlab import optimizers
from trainlab.config.optimizer import SGD, Adam, Optimizer
from trainlab.config.types import Group
from trainlab.optimizers import _blocks, adam

FAMILIES: dict[str, list[Optimizer]] = {
    "sgd": [SGD(lr=0.05), SGD(lr=0.01, weight_decay=0.3), SGD(lr=0.0)],
    "momentum": [
        SGD(lr=0.02, momentum=0.9),
        SGD(lr=0.03),
        SGD(lr=0.03, dampening=0.4),
        SGD(lr=0.01, momentum=0.5, dampening=0.3, weight_decay=0.1),
    ],
    "nesterov": [SGD(lr=0.02, momentum=0.9, nesterov=True), SGD(lr=0.01, momentum=0.3, nesterov=True, weight_decay=0.2)],
    "adam": [
        Adam(),
        Adam(lr=0.1, betas=(0.5, 0.7)),
        Adam(lr=0.02, eps=0.1),
        Adam(lr=0.03, weight_decay=0.5),
        Adam(lr=0.01, betas=(0.0, 0.0)),
    ],
    "adamw": [
        Adam(name="adamw"),
        Adam(name="adamw", lr=0.1, betas=(0.5, 0.7), eps=1e-3, weight_decay=0.2),
        Adam(name="adamw", lr=0.05, weight_decay=0.04),
    ],
}


def slope(weights: torch.Tensor, update: int) -> torch.Tensor:
    """Of a bumpy function of each row, another one at each update, so that nothing converges."""
    return weights * (1 + torch.arange(weights.shape[-1]).to(weights) / 3) + torch.cos(weights * 3 + update)


def train(specs: list[Optimizer], weights: torch.Tensor, updates: int, gradient=slope) -> torch.Tensor:
    step, state, columns = optimizers.start(specs, weights)
    for update in range(updates):
        weights, state = step(weights, gradient(weights, update), state, columns)
    return weights


def test_a_rate_may_change_from_update_to_update():
    weights = torch.ones(2, 1)
    step, state, columns = optimizers.start([SGD(lr=1.0), SGD(lr=2.0)], weights)
    weights, state = step(weights, torch.ones(2, 1), state, {**columns, "lr": columns["lr"] * 0.5})
    assert weights.tolist() == [[0.5], [0.0]]
    assert state.updates == 1


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_bias_corrections_have_the_same_bits_next_to_others(name):
    """`beta ** updates` has not: torch gives the last numbers of a tensor another last bit than the first."""
    specs = [Adam(name=name, lr=1.0, betas=(0.5 + row / 1000, 0.8 + row / 2000)) for row in range(301)]
    weights = torch.linspace(-1, 1, 301 * 3, dtype=torch.float64).reshape(301, 3)
    apart = [train(specs[row : row + 7], weights[row : row + 7], 60) for row in range(0, 301, 7)]
    assert torch.equal(train(specs, weights, 60), torch.cat(apart))


def test_a_diverged_run_does_not_touch_the_next():
    weights = torch.ones(2, 4, dtype=torch.float64)
    broken, sane = [train([SGD(lr=rate, momentum=0.9), SGD(lr=0.01, momentum=0.5)], weights, 20) for rate in (1e300, 0.01)]
    assert not torch.isfinite(broken[0]).all()
    assert torch.equal(broken[1], sane[1])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_in_blocks_has_the_same_bits_and_changes_nothing(family, monkeypatch):
    specs = FAMILIES[family]
    weights = torch.randn(len(specs), 23, generator=torch.Generator().manual_seed(0))
    step, state, columns = optimizers.start(specs, weights)
    there, held = weights, state
    for update in range(3):
        gradient = slope(weights, update)
        before = {name: each.clone() for name, each in held.rows.items()}
        with monkeypatch.context() as cut:
            cut.setattr(_blocks, "BLOCK", 7 * len(specs))
            there, moved = step(there, gradient, held, columns)
        assert all(torch.equal(each, before[name]) for name, each in held.rows.items())
        weights, state = step(weights, gradient, state, columns)
        held = moved
        assert torch.equal(there, weights)
        assert held.rows.keys() == state.rows.keys()
        assert all(torch.equal(each, state.rows[name]) for name, each in held.rows.items())
        assert held.updates == state.updates


def wave(weights: torch.Tensor, update: int) -> torch.Tensor:
    """Slopes that only add and multiply: the same bits wherever a row stands."""
    return weights * (0.5 + update % 3) - 1


@pytest.mark.parametrize("family", ["adam", "adamw", "amsgrad"])
def test_a_step_by_row_is_the_step_for_stacks(family, monkeypatch):
    """And a run has the same bits next to any others."""
    specs = FAMILIES.get(family) or [Adam(amsgrad=True, lr=0.1), Adam(lr=0.1, weight_decay=0.1), Adam(name="adamw", lr=0.05)]
    weights = torch.randn(len(specs), 37, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    wanted = train(specs, weights, 60)
    monkeypatch.setattr(optimizers, "BY_ROW", 37)
    assert optimizers.start(specs, weights)[0] is adam.step_by_row
    assert torch.allclose(train(specs, weights, 60), wanted, rtol=0, atol=1e-12)
    together = train(specs, weights.float(), 60, wave)
    for row, spec in enumerate(specs):
        assert torch.equal(together[row], train([spec], weights[row : row + 1].float(), 60, wave)[0])


def test_rates_by_group_are_not_taken_by_row(monkeypatch):
    monkeypatch.setattr(optimizers, "BY_ROW", 1)
    step, _, _ = optimizers.start([Adam(), Adam(groups=(Group(match="*.bias", lr_scale=2.0),))], torch.ones(2, 4))
    assert step is not adam.step_by_row


def test_a_step_by_row_lets_runs_go_back_where_they_may_skip_it(monkeypatch):
    monkeypatch.setattr(optimizers, "BY_ROW", 1)
    weights = torch.ones(2, 4)
    step, state, columns = optimizers.start([Adam(lr=0.1), Adam(lr=0.1)], weights)
    state = replace(state, updates=torch.zeros(2, 1))
    skipped = torch.tensor([[True], [False]])
    after, moved = step(weights, weights, state, columns)
    assert not any(each.any() for name, each in state.rows.items() if name in ("mean", "square"))
    moved = moved.hold(skipped, state)
    again, _ = step(weights, weights, moved, columns)
    assert torch.equal(again[0], after[0])
    assert moved.updates.tolist() == [[0.0], [1.0]]
