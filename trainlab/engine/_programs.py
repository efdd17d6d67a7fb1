"""Loss and gradient of every run of a stack, in one of two ways with the same signature.

`Stacked` maps one network over the rows of a weight matrix, so that a step of all runs costs little more than a step of one.
`OneByOne` loops, for networks that cannot be mapped: data-dependent branches, layers without a batching rule, random layers.
Which one a run takes depends on its config and device alone.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeGuard

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from trainlab.engine._precision import cast, is_mixed
from trainlab.engine._random import RandomState, fork_random, note_random, start_random
from trainlab.engine._rows import find_inexact
from trainlab.losses import Loss, find_loss
from trainlab.numerics import norm_rows
from trainlab.step import Batch, Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The state of a stack of networks.

    Attributes:
        flat: `[run, total]` trainable parameters.
        fixed: `{name: [run, ...]}` buffers and frozen parameters; batch norm's running statistics are updated in place.
        random: where torch's global streams are for each run, for networks that draw from them.
    """

    flat: Tensor
    fixed: dict[str, Tensor]
    random: tuple[RandomState, ...]

    def select(self, rows: list[int]) -> Weights:
        """A copy of some rows."""
        index = torch.tensor(rows, device=self.flat.device)
        fixed = {name: each[index] for name, each in self.fixed.items()}
        return Weights(flat=self.flat[index], fixed=fixed, random=tuple(self.random[row] for row in rows))

    def part(self, rows: slice) -> Weights:
        """Some rows, as views."""
        return Weights(
            flat=self.flat[rows], fixed={name: each[rows] for name, each in self.fixed.items()}, random=self.random[rows]
        )


def stack_networks(networks: list[nn.Module], seeds: list[int]) -> Weights:
    """The weights of networks of one architecture as rows."""
    named = [dict(each.named_parameters()) for each in networks]
    flat = torch.stack([torch.cat([p.detach().reshape(-1) for p in each.values() if p.requires_grad]) for each in named])
    frozen = [{name: p.detach() for name, p in each.items() if not p.requires_grad} for each in named]
    fixed = [{**held, **dict(each.named_buffers())} for held, each in zip(frozen, networks, strict=True)]
    names = fixed[0]
    streams = tuple(start_random(seed, flat.device) for seed in seeds)
    return Weights(flat=flat, fixed={name: torch.stack([each[name] for each in fixed]) for name in names}, random=streams)


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

    def loss_and_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> tuple[Tensor, Tensor, Weights]:
        """See Program."""
        self.model.train()

        flat = weights.flat.detach().requires_grad_()
        objective, loss = self._compute(flat, weights.fixed, batch.inputs, batch)
        (gradient,) = torch.autograd.grad((objective if scale is None else objective * scale).sum(), flat)
        return loss.detach(), gradient, weights

    def input_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> Tensor:
        """See Program."""
        self.model.train()
        inputs = batch.inputs.detach().clone().requires_grad_()
        fixed = {name: each.clone() for name, each in weights.fixed.items()}  # running statistics must not see these samples twice
        objective, _ = self._compute(weights.flat, fixed, inputs, batch)
        return torch.autograd.grad((objective if scale is None else objective * scale).sum(), inputs)[0]

    def _compute(self, flat: Tensor, fixed: dict[str, Tensor], inputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """What is minimised and the loss to report, `[run]`."""
        if can_stack(self.model):
            output = self.model.forward_stacked(self.layout.unflatten(flat) | fixed, inputs)
            loss = self._judge(output, batch.target)
            return (loss if batch.soft is None else self._judge(output, batch.soft)), loss

        def compute(
            parameters: dict[str, Tensor], fixed: dict[str, Tensor], inputs: Tensor, target: Tensor | None, soft: Tensor | None
        ) -> tuple[Tensor, Tensor]:
            output: Tensor = functional_call(self.model, {**parameters, **fixed}, (inputs,))
            loss = self.loss(output, target)
            return (loss if soft is None else self.loss(output, soft)), loss

        dims = (0, 0, 0, None if batch.target is None else 0, None if batch.soft is None else 0)
        found: tuple[Tensor, Tensor] = vmap(compute, in_dims=dims)(
            self.layout.unflatten(flat), fixed, inputs, batch.target, batch.soft
        )
        return found

    def _judge(self, output: Tensor, target: Tensor | None) -> Tensor:
        found: Tensor = vmap(self.loss, in_dims=(0, None if target is None else 0))(output, target)
        return found

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


class OneByOne:
    """A loop over the runs, each with its own state of torch's global stream."""

    def __init__(self, model: nn.Module, layout: Layout, loss: str | Loss, reason: str, precision: str = "float32") -> None:
        self.model, self.layout, self.loss, self.precision = model, layout, find_loss(loss), precision
        self.how = f"one by one: {reason}"
        self._holders = _find_holders(model)

    def loss_and_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> tuple[Tensor, Tensor, Weights]:
        """See Program."""
        self.model.train()
        losses, gradients, streams = [], [], []
        device = weights.flat.device
        with fork_random(device):
            for row, (flat, state) in enumerate(zip(weights.flat, weights.random, strict=True)):
                state.restore()
                # A leaf each: autocast lowers such a tensor once, however often it is used, and adds up its gradients lowered
                leaves = {name: each.requires_grad_() for name, each in self._unflatten(flat.detach()).items()}
                objective, loss = self._compute(leaves, weights.fixed, batch, row, batch.inputs[row])
                found = torch.autograd.grad(
                    objective if scale is None else objective * scale[row], list(leaves.values()), materialize_grads=True
                )
                gradients.append(torch.cat([each.reshape(-1) for each in found]))
                losses.append(loss.detach().to(flat))
                streams.append(note_random(device))
        gradient = gradients[0][None] if len(gradients) == 1 else torch.stack(gradients)  # large runs, alone, are copied once less
        return torch.stack(losses), gradient, replace(weights, random=tuple(streams))

    def input_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> Tensor:
        """See Program."""
        self.model.train()
        gradients: list[Tensor] = []
        fixed = {name: each.clone() for name, each in weights.fixed.items()}  # running statistics must not see these samples twice
        with fork_random(weights.flat.device):
            for row, (flat, state) in enumerate(zip(weights.flat, weights.random, strict=True)):
                state.restore()  # the update that follows draws the same
                leaf = batch.inputs[row].detach().clone().requires_grad_()
                objective, _ = self._compute(self._unflatten(flat), fixed, batch, row, leaf)
                gradients += torch.autograd.grad(objective if scale is None else objective * scale[row], leaf)
        return torch.stack(gradients)

    def _compute(
        self, parameters: dict[str, Tensor], fixed: dict[str, Tensor], batch: Batch, row: int, inputs: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What is minimised and the loss to report, of one run."""
        with cast(self.precision, inputs.device):
            output = self._call(parameters, {name: each[row] for name, each in fixed.items()}, inputs)
            loss = self.loss(output, None if batch.target is None else batch.target[row])
            return (loss if batch.soft is None else self.loss(output, batch.soft[row])), loss

    def predict(self, weights: Weights, inputs: Tensor) -> Tensor:
        """See Program."""
        self.model.eval()
        with torch.no_grad(), cast(self.precision, inputs.device):
            return torch.stack(
                [
                    self._call(self._unflatten(flat), {name: each[row] for name, each in weights.fixed.items()}, inputs[row])
                    for row, flat in enumerate(weights.flat)
                ]
            ).to(weights.flat)

    def _call(self, parameters: dict[str, Tensor], fixed: dict[str, Tensor], inputs: Tensor) -> Tensor:
        """What `functional_call` does, which takes longer about it than a small layer about its work."""
        given = [*parameters.items(), *fixed.items()]
        places = [(*place, tensor) for name, tensor in given for place in self._holders[name]]
        own = [(tensors, key, tensors[key]) for tensors, key, _ in places]
        try:
            for tensors, key, tensor in places:
                tensors[key] = tensor
            output: Tensor = self.model(inputs)
            if fixed and self.model.training:
                self._take_back(fixed)
        finally:
            for tensors, key, tensor in own:
                tensors[key] = tensor
        return output

    def _take_back(self, fixed: dict[str, Tensor]) -> None:
        """Keep a buffer that the network has not moved in place but set anew, as in `self.seen = self.seen + 1`."""
        for name, held in fixed.items():
            for tensors, key in self._holders[name]:
                if tensors[key] is not held:
                    held.copy_(tensors[key].detach())

    def _unflatten(self, flat: Tensor) -> dict[str, Tensor]:
        """`[total]` to `{name: [*shape]}`, views; differentiable."""
        layout = self.layout
        parts = flat.split_with_sizes(layout.sizes)
        return {name: part.view(shape) for name, part, shape in zip(layout.names, parts, layout.shapes, strict=True)}


def _find_holders(model: nn.Module) -> dict[str, list[tuple[dict[str, Tensor], str]]]:
    """Where modules hold each parameter and buffer, by its name; what is tied has one name and several places."""
    names = {id(tensor): name for name, tensor in (*model.named_parameters(), *model.named_buffers())}
    holders: dict[str, list[tuple[dict[str, Tensor], str]]] = {name: [] for name in names.values()}
    for module in model.modules():
        for tensors in (module._parameters, module._buffers):
            for key, tensor in tensors.items():
                if tensor is not None:
                    holders[names[id(tensor)]].append((tensors, key))  # type: ignore[arg-type]  # a parameter is a tensor
    return holders


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


def iterate_outputs(
    model: nn.Module, layout: Layout, weights: Weights, batch: Batch, precision: str = "float32"
) -> Iterator[dict[str, Tensor]]:
    """For each run, the output of every leaf module on `batch` `[sample, ...]`.

    In evaluation mode, but for batch norm, which normalises by these samples: after few updates its running statistics are those of
    another network.
    """
    _normalize_by_batch(model, batch)
    leaves = {name: module for name, module in model.named_modules() if not list(module.children())}
    for row in range(len(weights.flat)):
        found: dict[str, Tensor] = {}
        hooks = [module.register_forward_hook(functools.partial(_keep, found, name)) for name, module in leaves.items()]
        try:
            _call_row(model, layout, weights, row, batch.inputs, precision)
        finally:
            for hook in hooks:
                hook.remove()
        yield found


def respond(model: nn.Module, layout: Layout, weights: Weights, batch: Batch, runs: int, precision: str = "float32") -> Tensor:
    """The output of the first `runs` rows on `batch` `[sample, ...]`, batch norm normalising by these samples; moves nothing."""
    _normalize_by_batch(model, batch)
    return torch.stack([_call_row(model, layout, weights, row, batch.inputs, precision) for row in range(runs)]).to(weights.flat)


def _normalize_by_batch(model: nn.Module, batch: Batch) -> None:
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train(len(batch.inputs) > 1)


def _call_row(model: nn.Module, layout: Layout, weights: Weights, row: int, inputs: Tensor, precision: str) -> Tensor:
    with torch.no_grad(), cast(precision, inputs.device):
        parameters = {name: each.squeeze(0) for name, each in layout.unflatten(weights.flat[row : row + 1]).items()}
        fixed = {name: each[row].clone() for name, each in weights.fixed.items()}  # statistics are moved in place
        output: Tensor = functional_call(model, {**parameters, **fixed}, (inputs,))
    return output


SAMPLE_NUMBERS = 2**22
"""Gradients of single samples that are held at a time, in numbers: bounds memory."""


def measure_samples(model: nn.Module, layout: Layout, loss: str | Loss, weights: Weights, batch: Batch) -> Tensor:
    """Norm of the gradient of each sample's own loss, `[sample]`, for one run, in evaluation mode.

    The weights are laid out once a sample, so that one backward pass yields all gradients side by side; a network that cannot be
    mapped is differentiated sample by sample.

    Args:
        model: the network.
        layout: of its parameters.
        loss: name of the loss, or a function of the user's own.
        weights: one row.
        batch: `[sample, ...]`.
    """
    model.eval()

    def compute(parameters: dict[str, Tensor], fixed: dict[str, Tensor], inputs: Tensor, target: Tensor | None) -> Tensor:
        output: Tensor = functional_call(model, {**parameters, **fixed}, (inputs[None],))
        return find_loss(loss)(output, None if target is None else target[None])

    fixed = {name: each[0] for name, each in weights.fixed.items()}
    mapped = vmap(compute, in_dims=(0, None, 0, None if batch.target is None else 0))
    size = max(1, SAMPLE_NUMBERS // max(layout.total, 1))
    pieces = torch.split(batch.inputs, size)
    targets = [None] * len(pieces) if batch.target is None else torch.split(batch.target, size)

    def differentiate(inputs: Tensor, target: Tensor | None) -> Tensor:
        flat = weights.flat.detach().expand(len(inputs), -1).clone().requires_grad_()
        losses = mapped(layout.unflatten(flat), fixed, inputs, target)
        return norm_rows(torch.autograd.grad(losses.sum(), flat)[0])

    def differentiate_alone(inputs: Tensor, target: Tensor | None) -> Tensor:
        flat = weights.flat.detach().requires_grad_()
        parameters = {name: part[0] for name, part in layout.unflatten(flat).items()}
        loss = compute(parameters, fixed, inputs, target)
        return norm_rows(torch.autograd.grad(loss, flat)[0])

    norms: list[Tensor] = []
    with torch.enable_grad():
        for inputs, target in zip(pieces, targets, strict=True):
            try:
                norms.append(differentiate(inputs, target))
            except RuntimeError:
                norms += map(differentiate_alone, inputs, [None] * len(inputs) if target is None else target)
            except ValueError:  # a batch norm without running statistics takes no sample by itself
                norms.append(torch.full((len(inputs),), torch.nan, dtype=batch.inputs.dtype, device=batch.inputs.device))
    return torch.cat(norms)


def _keep(found: dict[str, Tensor], name: str, _module: nn.Module, _arguments: object, output: object) -> None:
    if isinstance(output, Tensor):
        found[name] = output.clone()  # the next module may work in place
