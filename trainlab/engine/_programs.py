"""Loss and gradient of every run of a stack, in one of two ways with the same signature.

`Stacked` maps one network over the rows of a weight matrix, so that a step of all runs costs little more than a step of one.
`OneByOne` loops, for networks that cannot be mapped: data-dependent branches, layers without a batching rule, random layers.
Which one a run takes depends on its config and device alone.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol, TypeGuard

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from trainlab.engine._alone import OneByOne
from trainlab.engine._grading import find_graded
from trainlab.engine._precision import is_mixed
from trainlab.engine._rows import find_inexact
from trainlab.engine._weights import Weights, stack_networks
from trainlab.losses import Loss, WeightedLoss, find_loss
from trainlab.step import Batch, Layout


class Program(Protocol):
    """How a stack is computed."""

    how: str

    def loss_and_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> tuple[Tensor, Tensor, Weights]:
        """Mean loss `[run]`, gradient `[run, total]`, and the weights with what the forward pass has moved. In training mode.

        Under a loss scale, `[run]`, the gradient is that many times too large; the loss is not.
        """
        ...

    def input_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> Tensor:
        """Gradient of the mean loss, scaled, at the inputs, `[run, sample, ...]`. In training mode; moves nothing."""
        ...

    def predict(self, weights: Weights, inputs: Tensor) -> Tensor:
        """`[run, sample, output]` from `[run, sample, ...]`, in evaluation mode."""
        ...


class KnowsStacks(Protocol):
    """A network that says itself how many runs are computed at once."""

    can_stack: bool

    def forward_stacked(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """The output of each run, from its own weights, `{name: [run, ...]}`, and inputs, `[run, sample, ...]`."""
        ...


def can_stack(model: nn.Module) -> TypeGuard[KnowsStacks]:
    """Whether the network does, with all that it is made of."""
    return bool(getattr(model, "can_stack", False))


class Stacked:
    """All runs in one computation: as the network says itself, or else as vmap makes it."""

    how = "stacked"

    def __init__(self, model: nn.Module, layout: Layout, loss: str | Loss) -> None:
        self.model, self.layout, self.loss = model, layout, find_loss(loss)
        self._grade = find_graded(loss) if isinstance(loss, str | WeightedLoss) else None

    def loss_and_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> tuple[Tensor, Tensor, Weights]:
        """See Program."""
        if not self.model.training:  # going through all modules at each update takes as long as a small layer
            self.model.train()
        flat = weights.flat.detach().requires_grad_()
        found, slope, loss = self._compute(flat, weights.fixed, batch.inputs, batch, scale)
        (gradient,) = torch.autograd.grad(found, flat, slope)
        return loss.detach(), gradient, weights

    def input_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> Tensor:
        """See Program."""
        self.model.train()
        inputs = batch.inputs.detach().clone().requires_grad_()
        fixed = {name: each.clone() for name, each in weights.fixed.items()}  # running statistics must not see these samples twice
        found, slope, _ = self._compute(weights.flat, fixed, inputs, batch, scale)
        return torch.autograd.grad(found, inputs, slope)[0]

    def _compute(
        self, flat: Tensor, fixed: dict[str, Tensor], inputs: Tensor, batch: Batch, scale: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What is to be differentiated, the slope there of what is minimised, under its scale, and the loss to report, `[run]`."""
        if self._grade is not None and can_stack(self.model):
            output = self.model.forward_stacked(self.layout.unflatten(flat) | fixed, inputs)
            # Steps that have targets of their own count as samples do
            target, soft = (None if each is None else each.flatten(1, output.dim() - 2) for each in (batch.target, batch.soft))
            with torch.no_grad():  # vmap takes as long about a loss as a small transformer about a block
                told, slope = self._grade.grade(output.flatten(1, -2), target, soft)
                loss = self._grade.total(told, target)
            return output, slope.view_as(output) if scale is None else (slope * scale[:, None, None]).view_as(output), loss

        def compute(
            parameters: dict[str, Tensor], fixed: dict[str, Tensor], inputs: Tensor, target: Tensor | None, soft: Tensor | None
        ) -> tuple[Tensor, Tensor]:
            output: Tensor = functional_call(self.model, {**parameters, **fixed}, (inputs,))
            loss = self.loss(output, target)
            return (loss if soft is None else self.loss(output, soft)), loss

        dims = (0, 0, 0, None if batch.target is None else 0, None if batch.soft is None else 0)
        objective, loss = vmap(compute, in_dims=dims)(self.layout.unflatten(flat), fixed, inputs, batch.target, batch.soft)
        return objective, torch.ones_like(objective) if scale is None else scale, loss

    def predict(self, weights: Weights, inputs: Tensor) -> Tensor:
        """See Program."""
        self.model.eval()
        if can_stack(self.model):
            with torch.no_grad():
                return self.model.forward_stacked(self.layout.unflatten(weights.flat) | weights.fixed, inputs)

        def compute(parameters: dict[str, Tensor], fixed: dict[str, Tensor], inputs: Tensor) -> Tensor:
            output: Tensor = functional_call(self.model, {**parameters, **fixed}, (inputs,))
            return output

        with torch.no_grad():
            return vmap(compute)(self.layout.unflatten(weights.flat), weights.fixed, inputs)


@contextlib.contextmanager
def leave_slow_untold() -> Iterator[None]:
    """Without torch's warnings that some operation is slow when it is mapped: whether that pays is decided here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop")
        yield


def choose_program(model: nn.Module, layout: Layout, loss: str | Loss, batch: Batch, precision: str = "float32") -> Program:
    """`Stacked` where two copies of the network compute stacked what they compute alone, else `OneByOne` with the reason.

    The copies have weights drawn here, not those of any run: the answer must not depend on which run happens to come first.

    Args:
        model: the network.
        layout: of its parameters.
        loss: name of the loss, or a function of the user's own.
        batch: the first batch, `[sample, ...]`.
        precision: see `train.precision`.
    """
    if is_mixed(precision):
        # vmap takes a linear layer apart, and autocast then adds the bias in float32: what overflows alone would not in a stack
        return OneByOne(model, layout, loss, f"{precision} is not known to compute in a stack what it computes alone", precision)
    stacked, alone = Stacked(model, layout, loss), OneByOne(model, layout, loss, "")
    pair = Batch(
        inputs=batch.inputs.expand(2, *batch.inputs.shape),
        target=None if batch.target is None else batch.target.expand(2, *batch.target.shape),
    )
    try:
        loss_stacked, gradient_stacked, _ = stacked.loss_and_gradient(draw_weights(model), pair)
    except RuntimeError as error:
        return OneByOne(model, layout, loss, f"torch cannot stack this network ({first_line(error)})")
    inexact = find_inexact(model)
    if inexact is not None:
        return OneByOne(model, layout, loss, f"{inexact} is not known to compute the same bits in every stack")
    loss_alone, gradient_alone, _ = alone.loss_and_gradient(draw_weights(model), pair)
    same = all(
        torch.allclose(got, wanted, rtol=1e-3, atol=1e-3 * _find_largest(wanted), equal_nan=True)
        for got, wanted in ((loss_stacked, loss_alone), (gradient_stacked, gradient_alone))
    )
    return stacked if same else OneByOne(model, layout, loss, "stacked, this network computes something else")


def _find_largest(values: Tensor) -> float:
    """The largest finite size; 0 if there is none, as with data that hold NaN."""
    return float(torch.where(torch.isfinite(values), values.abs(), 0.0).max())


def draw_weights(model: nn.Module) -> Weights:
    """Two rows of weights of a fair size, frozen ones too, the same at each call."""
    stream = torch.Generator().manual_seed(0)
    drawn: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        spread = max(parameter[:1].numel(), 1) ** -0.5 if parameter.dim() > 1 else 1.0
        drawn[name] = (torch.rand(parameter.shape, generator=stream) * spread).to(parameter)
    weights = stack_networks([model, model], [0, 0])
    trained = [drawn[name].flatten() for name, parameter in model.named_parameters() if parameter.requires_grad]
    fixed = {
        name: drawn[name].expand(2, *each.shape[1:]).clone() if name in drawn else each for name, each in weights.fixed.items()
    }
    return replace(weights, flat=torch.stack([torch.cat(trained)] * 2), fixed=fixed)


def first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].split(". ")[0][:100]
