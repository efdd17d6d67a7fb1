"""What the tests of recurrent networks have in common: torch's own layers, with the same weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from trainlab.device import derive_seed

from .networks import draw, draw_tokens, make

TORCH: dict[str, type[nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
FEATURES, WIDTH = 3, 5


def make_pair(kind: str, *, seed: int = 0, layers: int = 2, bias: bool = True, **model: Any) -> tuple[nn.Module, nn.RNNBase]:
    """A network of ours in float64, and torch's layers drawn from the same stream."""
    ours = make((7, FEATURES), kind=kind, width=WIDTH, layers=layers, bias=bias, seed=seed, **model)
    extra = {"nonlinearity": model.get("activation", "tanh")} if kind == "rnn" else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "weights"))
        theirs = TORCH[kind](FEATURES, WIDTH, num_layers=layers, bias=bias, batch_first=True, **extra)
    return ours, theirs


def assert_equals_torch(kind: str, **model: Any) -> None:
    """The same names, the same first weights, the same states and gradients."""
    ours, theirs = make_pair(kind, **model)
    assert {name for name, _ in ours.recurrent.named_parameters()} == {name for name, _ in theirs.named_parameters()}
    for name, parameter in theirs.named_parameters():
        assert torch.equal(ours.recurrent.get_parameter(name).float(), parameter), name
    for dtype, within in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        inputs = draw(4, 7, FEATURES).to(dtype)
        states, wanted = ours.to(dtype).recurrent(inputs), theirs.to(dtype)(inputs)[0]
        assert torch.allclose(states, wanted, rtol=0, atol=within)
        weights = draw(4, 7, WIDTH, seed=1).to(dtype)
        found = torch.autograd.grad((states * weights).sum(), list(ours.recurrent.parameters()))
        truth = dict(
            zip(
                dict(theirs.named_parameters()),
                torch.autograd.grad((wanted * weights).sum(), list(theirs.parameters())),
                strict=True,
            )
        )
        for (name, _), each in zip(ours.recurrent.named_parameters(), found, strict=True):
            assert torch.allclose(each, truth[name], rtol=0, atol=20 * within), name


def measure_growth(kind: str, gain: float, steps: int, **model: Any) -> float:
    """How much larger the gradient of the last state is at the first input than at the last."""
    network = make((steps, 32), kind=kind, width=32, recurrent_init={"name": "orthogonal", "gain": gain}, **model)
    inputs = (0.1 * draw(4, steps, 32)).requires_grad_()
    (slope,) = torch.autograd.grad(network.recurrent(inputs)[:, -1].sum(), inputs)
    return float(slope[:, 0].norm() / slope[:, -1].norm())


def assert_last_is_enough(kind: str, **model: Any) -> None:
    """In training a network that reads the last step only has the output and the gradients that reading all of them gives."""
    ours, _ = make_pair(kind, layers=3, **model)
    inputs, slope = draw(4, 7, FEATURES).requires_grad_(), draw(4, 3, seed=1)
    outputs = [ours.train()(inputs), ours.head(ours.recurrent(inputs)[:, -1])]
    assert torch.allclose(*outputs, rtol=0, atol=1e-14)
    found, wanted = (torch.autograd.grad((each * slope).sum(), [inputs, *ours.parameters()]) for each in outputs)
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)


STACKED: dict[str, dict[str, Any]] = {
    "one layer": {},
    "residual, without a bias": {"layers": 3, "residual": True, "bias": False},
    "mean, and an activation": {"read": "mean", "output": "tanh"},
    "every step of tokens": {"read": "every", "layers": 2, "tokens": 9},
}


def assert_stacks(kind: str, **model: Any) -> None:
    """A stack of two runs has the outputs and the gradients of each run by itself."""
    network = make((5,) if "tokens" in model else (5, 3), kind=kind, width=4, **model)
    assert network.can_stack
    weights = {name: torch.stack([each.detach(), 0.7 * each.detach() + 0.1]) for name, each in network.named_parameters()}
    weights = {name: each.requires_grad_() for name, each in weights.items()}
    inputs = draw_tokens(9, 2, 6, 5) if "tokens" in model else draw(2, 6, 5, 3).requires_grad_()
    leaves = [*weights.values(), *([inputs] if inputs.requires_grad else [])]
    together = network.forward_stacked(weights, inputs)
    alone = torch.stack(
        [functional_call(network, {name: each[run] for name, each in weights.items()}, (inputs[run],)) for run in range(2)]
    )
    assert torch.allclose(together, alone, rtol=0, atol=1e-12)
    slope = draw(*alone.shape, seed=1)
    found, wanted = (torch.autograd.grad((each * slope).sum(), leaves) for each in (together, alone))
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-11)
