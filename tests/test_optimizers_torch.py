"""Every optimizer against its namesake in torch.optim, each setting away from its default, several runs at once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainlab import optimizers
from trainlab.config.optimizer import SGD, AdaGrad, Adam, NAdam, Optimizer, RAdam, RMSProp
from trainlab.optimizers import _blocks
from trainlab.plugins import list_names

TORCH = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
}
STACKS: dict[str, list[Optimizer]] = {
    "sgd": [
        SGD(lr=0.02),
        SGD(lr=0.03, momentum=0.9),
        SGD(lr=0.01, momentum=0.8, nesterov=True),
        SGD(lr=0.02, momentum=0.5, dampening=0.3, weight_decay=0.1),
        SGD(lr=0.02, dampening=0.4),
        SGD(lr=0.02, momentum=0.3, nesterov=True, weight_decay=0.2),
    ],
    "sgd without momentum": [SGD(lr=0.05), SGD(lr=0.01, weight_decay=0.3), SGD(lr=0.0)],
    "adagrad": [
        AdaGrad(),
        AdaGrad(lr=0.3),
        AdaGrad(lr=0.3, lr_decay=0.05),
        AdaGrad(lr=0.2, initial_accumulator_value=0.7),
        AdaGrad(lr=0.2, eps=0.1),
        AdaGrad(lr=0.2, weight_decay=0.3),
    ],
    "rmsprop": [
        RMSProp(),
        RMSProp(lr=0.03, alpha=0.7),
        RMSProp(lr=0.003, momentum=0.8),
        RMSProp(lr=0.003, centered=True),
        RMSProp(lr=0.02, eps=0.1),
        RMSProp(lr=0.02, weight_decay=0.3),
        RMSProp(lr=0.002, alpha=0.9, momentum=0.5, centered=True, eps=1e-3, weight_decay=0.1),
    ],
    "rmsprop, neither centered nor with momentum": [RMSProp(), RMSProp(lr=0.1, alpha=0.0)],
    "adam": [
        Adam(),
        Adam(lr=0.1, betas=(0.5, 0.7)),
        Adam(lr=0.02, eps=0.1),
        Adam(lr=0.03, weight_decay=0.5),
        Adam(lr=0.05, betas=(0.9, 0.6), amsgrad=True),
        Adam(lr=0.01, betas=(0.0, 0.0)),
        Adam(name="adamw", lr=0.05, weight_decay=0.04),
        Adam(name="adamw", lr=0.1, betas=(0.6, 0.8), eps=1e-3, weight_decay=0.2, amsgrad=True),
    ],
    "adam without decay": [Adam(lr=0.02), Adam(name="adamw", lr=0.02)],
    "nadam": [
        NAdam(),
        NAdam(lr=0.05, betas=(0.6, 0.7)),
        NAdam(lr=0.02, eps=0.1),
        NAdam(lr=0.02, weight_decay=0.3),
        NAdam(lr=0.02, weight_decay=0.3, decoupled_weight_decay=True),
        NAdam(lr=0.02, momentum_decay=0.1),
        NAdam(lr=0.02, betas=(0.0, 0.5), momentum_decay=0.0),
    ],
    "radam": [
        RAdam(),
        RAdam(lr=0.05, betas=(0.6, 0.95)),
        RAdam(lr=0.02, betas=(0.9, 0.6)),  # never averages over enough to divide
        RAdam(lr=0.02, eps=0.1),
        RAdam(lr=0.02, weight_decay=0.3),
        RAdam(lr=0.02, weight_decay=0.3, decoupled_weight_decay=True),
        RAdam(lr=0.02, betas=(0.0, 0.0)),
    ],
}
CHANGED = {
    "lr": 0.3,
    "momentum": 0.3,
    "dampening": 0.3,
    "nesterov": True,
    "weight_decay": 0.3,
    "lr_decay": 0.3,
    "initial_accumulator_value": 0.3,
    "alpha": 0.3,
    "centered": True,
    "eps": 0.3,
    "betas": (0.3, 0.2),
    "amsgrad": True,
    "decoupled_weight_decay": True,
    "momentum_decay": 0.3,
}
RICH: dict[str, Optimizer] = {
    "sgd": SGD(momentum=0.5, weight_decay=0.1),
    "adagrad": AdaGrad(lr=0.1, lr_decay=0.1, initial_accumulator_value=0.1, eps=0.1, weight_decay=0.1),
    "rmsprop": RMSProp(momentum=0.5, eps=0.1, weight_decay=0.1),
    "adam": Adam(betas=(0.5, 0.5), eps=0.1, weight_decay=0.1),
    "adamw": Adam(name="adamw", betas=(0.5, 0.5), eps=0.1, weight_decay=0.1),
    "nadam": NAdam(eps=0.1, weight_decay=0.1),
    "radam": RAdam(betas=(0.5, 0.95), eps=0.1, weight_decay=0.1),
}


@pytest.fixture
def double():
    """torch keeps Nadam's product of weights in the default format: in float32 it would be the less exact of the two."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def slope(weights: torch.Tensor, update: int) -> torch.Tensor:
    """Of a bumpy function of each row, another one at each update, so that nothing converges."""
    return weights * (1 + torch.arange(weights.shape[-1]).to(weights) / 3) + torch.cos(weights * 3 + update)


def wave(weights: torch.Tensor, update: int) -> torch.Tensor:
    """Slopes that only add and multiply: the same bits wherever a row stands."""
    return weights * (0.5 + update % 3) - 1


def train(specs: list[Optimizer], weights: torch.Tensor, updates: int, gradient=slope) -> torch.Tensor:
    step, state, columns = optimizers.start(specs, weights)
    for update in range(updates):
        weights, state = step(weights, gradient(weights, update), state, columns)
    return weights


def train_with_torch(spec: Optimizer, weights: torch.Tensor, updates: int) -> torch.Tensor:
    leaf = weights.clone().requires_grad_()
    given = {each.name: getattr(spec, each.name) for each in fields(spec) if each.name not in ("name", "groups")}
    optimizer = TORCH[spec.name]([leaf], **given)
    for update in range(updates):
        leaf.grad = slope(leaf.detach(), update)
        optimizer.step()
    return leaf.detach()


def spread(specs: list[Optimizer], dtype: torch.dtype) -> torch.Tensor:
    return torch.linspace(-2, 3, len(specs) * 5, dtype=dtype).reshape(len(specs), 5)


@pytest.mark.parametrize("name", STACKS)
def test_every_run_of_a_stack_equals_torch_for_200_steps(name, double):
    specs = STACKS[name]
    weights = spread(specs, torch.float64)
    found = train(specs, weights, 200)
    for row, spec in enumerate(specs):
        expected = train_with_torch(spec, weights[row], 200)
        assert torch.isfinite(expected).all(), spec
        assert not torch.equal(expected, weights[row]) or spec.lr == 0
        assert torch.allclose(found[row], expected, rtol=0, atol=1e-9), spec


@pytest.mark.parametrize("name", STACKS)
def test_float32_is_close_to_torch(name):
    specs = STACKS[name]
    weights = spread(specs, torch.float32)
    found = train(specs, weights, 50)
    for row, spec in enumerate(specs):
        assert torch.allclose(found[row], train_with_torch(spec, weights[row], 50), rtol=0, atol=1e-4), spec


def test_every_optimizer_of_torch_that_the_config_knows_is_compared():
    assert {spec.name for specs in STACKS.values() for spec in specs} == set(TORCH)
    assert {optimizers.name_family(spec) for spec in RICH.values()} == set(list_names("trainlab.optimizers")) - {"python"}


@pytest.mark.parametrize(
    ("kind", "setting"),
    [(kind, each.name) for kind, spec in RICH.items() for each in fields(spec) if each.name not in ("name", "groups")],
)
def test_every_setting_matters(kind, setting):
    base = RICH[kind]
    weights = torch.linspace(-2, 3, 5, dtype=torch.float64).expand(2, 5)
    found = train([base, replace(base, **{setting: CHANGED[setting]})], weights, 10)
    assert not torch.allclose(found[0], found[1], atol=1e-6)


@pytest.mark.parametrize("name", STACKS)
def test_what_goes_in_is_not_changed(name):
    specs = STACKS[name]
    weights = torch.ones(len(specs), 3)
    step, state, columns = optimizers.start(specs, weights)
    weights, state = step(weights, torch.ones_like(weights), state, columns)
    gradient = torch.full_like(weights, 3.0)
    inside = [weights, gradient, *state.rows.values(), *columns.values()]
    kept = [each.clone() for each in inside]
    step(weights, gradient, state, columns)
    assert all(torch.equal(a, b) for a, b in zip(kept, inside, strict=True))


@pytest.mark.parametrize("name", STACKS)
def test_rows_can_leave(name):
    """Select states, columns and weights, and the rest goes on as if nothing had happened."""
    specs = STACKS[name]
    weights = spread(specs, torch.float64)
    step, state, columns = optimizers.start(specs, weights)
    for update in range(3):
        weights, state = step(weights, wave(weights, update), state, columns)
    kept = torch.tensor([1, 0])
    less, fewer = weights[kept], state.select(kept)
    narrow = {name: each[kept] for name, each in columns.items()}
    for update in range(3, 8):
        weights, state = step(weights, wave(weights, update), state, columns)
        less, fewer = step(less, wave(less, update), fewer, narrow)
    assert torch.equal(weights[kept], less)
    assert state.updates == fewer.updates == 8


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(STACKS)),
    mine=st.integers(0, 7),
    size=st.integers(1, 70),
    companions=st.lists(st.integers(0, 7), min_size=1, max_size=40),
    place=st.integers(0, 40),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_a_run_has_the_same_bits_next_to_others(name, mine, size, companions, place, dtype):
    """Also next to runs whose settings make the stack remember more."""
    specs = STACKS[name]
    me, others = specs[mine % len(specs)], [specs[each % len(specs)] for each in companions]
    place = min(place, len(others))
    stream = torch.Generator().manual_seed(size)
    weights = torch.randn(len(others) + 1, size, generator=stream, dtype=dtype)
    together = train([*others[:place], me, *others[place:]], weights, 12, wave)[place]
    alone = train([me, me], weights[[place, place]], 12, wave)[0]
    assert torch.equal(together, alone)


def train_apart(
    specs: list[Optimizer], weights: torch.Tensor, updates: int, gradient=slope
) -> tuple[torch.Tensor, optimizers.State, optimizers.Columns]:
    """With the parameters of each run in two pieces, the second a matrix of one column."""
    first = weights.shape[1] // 3

    def take_apart(flat: torch.Tensor) -> list[list[torch.Tensor]]:
        return [[row[:first].clone(), row[first:].clone()[:, None]] for row in flat]

    def join(pieces: optimizers.Pieces) -> torch.Tensor:
        return torch.stack([torch.cat([each.flatten() for each in own]) for own in pieces])

    _, state, columns = optimizers.start(specs, weights)
    parameters, family, settings = take_apart(weights), optimizers.name_family(specs[0]), optimizers.read_settings(columns)
    for update in range(updates):
        before = join(parameters)
        given = take_apart(gradient(before, update))
        after, totals, state = optimizers.step_apart(family, parameters, given, state, columns, settings)
        assert torch.equal(join(parameters), before), "the weights before are of use still"
        assert totals == pytest.approx(join(after).sum(dim=1).tolist(), rel=1e-4, abs=1e-4)
        parameters = after
    return join(parameters), state, columns


@pytest.mark.parametrize("name", STACKS)
def test_a_step_apart_equals_torch_for_200_steps(name, double, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 3)
    specs = STACKS[name]
    weights = spread(specs, torch.float64)
    found, _, _ = train_apart(specs, weights, 200)
    for row, spec in enumerate(specs):
        assert torch.allclose(found[row], train_with_torch(spec, weights[row], 200), rtol=0, atol=1e-9), spec


@pytest.mark.parametrize("name", STACKS)
def test_apart_float32_is_close_to_torch(name):
    specs = STACKS[name]
    weights = spread(specs, torch.float32)
    found, _, _ = train_apart(specs, weights, 50)
    for row, spec in enumerate(specs):
        assert torch.allclose(found[row], train_with_torch(spec, weights[row], 50), rtol=0, atol=1e-4), spec


@pytest.mark.parametrize("name", STACKS)
def test_a_step_apart_leaves_the_state_that_a_step_leaves(name):
    """Which tells how far a proximal step goes."""
    specs = STACKS[name]
    weights = spread(specs, torch.float64)
    step, wanted, _ = optimizers.start(specs, weights)
    _, state, columns = train_apart(specs, weights, 7)
    for update in range(7):
        weights, wanted = step(weights, slope(weights, update), wanted, columns)
    family = optimizers.name_family(specs[0])
    found = optimizers.find_stride(family, state, columns)
    assert torch.allclose(found, optimizers.find_stride(family, wanted, columns), rtol=1e-9, atol=0)
    assert state.updates == wanted.updates == 7


@pytest.mark.parametrize("name", STACKS)
def test_a_step_apart_has_the_same_bits_next_to_others(name, monkeypatch):
    """Also next to runs whose settings make the stack remember more."""
    monkeypatch.setattr(_blocks, "BLOCK", 21)
    specs = STACKS[name]
    weights = torch.randn(len(specs), 37, generator=torch.Generator().manual_seed(0))
    together, _, _ = train_apart(specs, weights, 12, wave)
    for row, spec in enumerate(specs):
        alone, _, _ = train_apart([spec], weights[row : row + 1], 12, wave)
        assert torch.equal(together[row], alone[0]), spec


@pytest.mark.parametrize("kind", ["adagrad", "rmsprop", "adam", "adamw", "nadam", "radam"])
def test_a_squared_gradient_that_overflows_stops_its_weight_as_in_torch(kind):
    spec = replace(RICH[kind], weight_decay=0.0)
    if kind == "rmsprop":
        spec = replace(spec, momentum=0.0)
    weights, lone = torch.ones(2, 3), torch.ones(1, 3)
    step, state, columns = optimizers.start([spec, spec], weights)
    _, own, fixed = optimizers.start([spec], lone)
    leaf = torch.ones(3).requires_grad_()
    keywords = {each.name: getattr(spec, each.name) for each in fields(spec) if each.name not in ("name", "groups")}
    optimizer = TORCH[kind]([leaf], **keywords)
    for gradient in (1.0, 1e30, 1.0, 1.0):
        leaf.grad = torch.full((3,), gradient)
        optimizer.step()
        weights, state = step(weights, torch.full_like(weights, gradient), state, columns)
        given = [[torch.full((3,), gradient)]]
        after, _, own = optimizers.step_apart(
            kind.removesuffix("w"), [[lone[0]]], given, own, fixed, optimizers.read_settings(fixed)
        )
        lone = after[0][0][None]
    assert torch.allclose(weights[0], leaf.detach(), rtol=1e-5)
    assert torch.allclose(lone[0], leaf.detach(), rtol=1e-5)
    assert torch.isfinite(leaf).all()


def test_no_step_loads_the_compiler():
    kinds = ["sgd", "adagrad", "rmsprop", "adam", "nadam", "radam"]
    code = f"""
import sys, torch
from trainlab import optimizers
from trainlab.config import validate
for name in {kinds}:
    weights = torch.ones(2, 3)
    step, state, columns = optimizers.start([validate({{"optimizer": name}}).optimizer] * 2, weights)
    step(weights, weights, state, columns)
    settings = optimizers.read_settings(columns)
    optimizers.step_apart(name, [list(weights[:1])], [list(weights[:1].clone())], state, columns, settings)
print([name for name in sys.modules if name.startswith("torch._dynamo")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
