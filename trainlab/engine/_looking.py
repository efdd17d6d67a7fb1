"""What a network does with single runs and single samples, for probes that look into it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from trainlab.device import derive_seed
from trainlab.engine._precision import cast
from trainlab.engine._programs import leave_slow_untold
from trainlab.engine._random import fork_random, start_random
from trainlab.engine._streams import fill_mask, find_dropouts, start_masks
from trainlab.engine._weights import Weights
from trainlab.losses import Loss, find_loss
from trainlab.models.dropout import Dropout
from trainlab.numerics import norm_rows
from trainlab.step import Batch, Layout


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


def iterate_output_gradients(
    model: nn.Module, layout: Layout, loss: str | Loss, weights: Weights, batch: Batch
) -> Iterator[dict[str, Tensor]]:
    """For each run, the gradient of the mean loss with respect to the output of every leaf module, on `batch` `[sample, ...]`.

    In the mode of `iterate_outputs`, and in the number format of the weights: in fp16 small gradients would be 0.
    """
    _normalize_by_batch(model, batch)
    leaves = {name: module for name, module in model.named_modules() if not list(module.children())}
    for row in range(len(weights.flat)):
        found: dict[str, Tensor] = {}
        hooks = [module.register_forward_hook(functools.partial(_watch, found, name)) for name, module in leaves.items()]
        try:
            # cuDNN has no backward pass for recurrent layers in evaluation mode
            with torch.backends.cudnn.flags(enabled=False), torch.enable_grad():
                output = functional_call(model, _take_row(layout, weights, row), (batch.inputs,))
                value = find_loss(loss)(output, batch.target)
        finally:
            for hook in hooks:
                hook.remove()
        if not value.requires_grad:  # nothing on the way to the loss is a module's output
            yield {}
            continue
        gradients = torch.autograd.grad(value, list(found.values()), allow_unused=True, materialize_grads=True)
        yield dict(zip(found, gradients, strict=True))


def respond(model: nn.Module, layout: Layout, weights: Weights, batch: Batch, runs: int, precision: str = "float32") -> Tensor:
    """The output of the first `runs` rows on `batch` `[sample, ...]`, batch norm normalising by these samples; moves nothing."""
    _normalize_by_batch(model, batch)
    return torch.stack([_call_row(model, layout, weights, row, batch.inputs, precision) for row in range(runs)]).to(weights.flat)


def drop_out(
    networks: Sequence[nn.Module],
    layout: Layout,
    weights: Weights,
    batch: Batch,
    seeds: Sequence[int],
    number: int,
    precision: str = "float32",
) -> Tensor:
    """The output of the first rows, one a network, on `batch` `[sample, ...]`, dropping as in training; all else is at rest.

    Args:
        networks: of the runs; what they share is the architecture, and how much they drop is their own.
        layout: of their parameters.
        weights: their rows.
        batch: samples that all of them see.
        seeds: of the runs.
        number: of the pass: for each another draw.
        precision: see `train.precision`.
    """
    model, device = networks[0], weights.flat.device
    shapes = find_dropouts(model, batch.inputs[:2])
    model.eval()
    for module in model.modules():
        module.training = isinstance(module, Dropout | nn.modules.dropout._DropoutNd)
    outputs = []
    for row, (network, seed) in enumerate(zip(networks, seeds, strict=True)):
        masks = {}
        for name, shape in shapes.items():
            keep = 1 - getattr(network.get_submodule(name), "share", 0.0)
            drawn = fill_mask(torch.empty(len(batch.inputs), *shape), keep, start_masks(seed, f"pass {number}/{name}"))
            masks[f"{name}.mask"] = drawn.to(weights.flat)[None]
        held = replace(weights.select([row]), fixed={name: each[row : row + 1] for name, each in weights.fixed.items()} | masks)
        with fork_random(device):
            start_random(derive_seed(seed, f"pass {number}"), device).restore()  # of torch's own dropout layers
            outputs.append(_call_row(model, layout, held, 0, batch.inputs, precision))
    return torch.stack(outputs).to(weights.flat)


def _normalize_by_batch(model: nn.Module, batch: Batch) -> None:
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train(len(batch.inputs) > 1)


def _call_row(model: nn.Module, layout: Layout, weights: Weights, row: int, inputs: Tensor, precision: str) -> Tensor:
    with torch.no_grad(), cast(precision, inputs.device):
        output: Tensor = functional_call(model, _take_row(layout, weights, row), (inputs,))
    return output


def _take_row(layout: Layout, weights: Weights, row: int) -> dict[str, Tensor]:
    parameters = {name: each.squeeze(0) for name, each in layout.unflatten(weights.flat[row : row + 1]).items()}
    return parameters | {name: each[row].clone() for name, each in weights.fixed.items()}  # statistics are moved in place


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
    with torch.enable_grad(), leave_slow_untold():
        for inputs, target in zip(pieces, targets, strict=True):
            try:
                norms.append(differentiate(inputs, target))
            except RuntimeError:
                norms += map(differentiate_alone, inputs, [None] * len(inputs) if target is None else target)
            except ValueError:  # a batch norm without running statistics takes no sample by itself
                norms.append(torch.full((len(inputs),), torch.nan, dtype=batch.inputs.dtype, device=batch.inputs.device))
    return torch.cat(norms)


def measure_steps(
    model: nn.Module, layout: Layout, loss: str | Loss, weights: Weights, batch: Batch, precision: str = "float32"
) -> Tensor | None:
    """How much of the gradient gets back to each step of the sequences, `[run, step]`; None where there are no steps.

    The norm, over all samples, of the gradient of the mean loss with respect to what enters the network at that step: the inputs,
    or what the embedding makes of tokens. Where every step has a target it is the loss of the last step alone: otherwise each step
    would hear from those next to it. In evaluation mode.

    Args:
        model: the network.
        layout: of its parameters.
        loss: name of the loss, or a function of the user's own.
        weights: of the runs.
        batch: `[sample, step, feature]`, or `[sample, step]` of tokens.
        precision: see `train.precision`.
    """
    tokens = not batch.inputs.is_floating_point()
    embeddings = [each for each in model.modules() if isinstance(each, nn.Embedding)]
    if not (embeddings if tokens else batch.inputs.dim() == 3) or not _is_sequential(model):
        return None
    model.eval()
    rows = []
    for row in range(len(weights.flat)):
        entered: list[Tensor] = []
        hook = embeddings[0].register_forward_hook(functools.partial(_enter, entered)) if tokens else None
        inputs = batch.inputs if tokens else batch.inputs.clone().requires_grad_()
        # cuDNN has no backward pass for recurrent layers in evaluation mode
        try:
            with torch.backends.cudnn.flags(enabled=False), torch.enable_grad(), cast(precision, inputs.device):
                output: Tensor = functional_call(model, _take_row(layout, weights, row), (inputs,))
                last, target = _find_last(output, batch)
                (gradient,) = torch.autograd.grad(find_loss(loss)(last, target), entered[0] if tokens else inputs)
        finally:
            if hook is not None:
                hook.remove()
        rows.append(norm_rows(gradient.to(weights.flat).transpose(0, 1).flatten(1)))
    return torch.stack(rows)


def _is_sequential(model: nn.Module) -> bool:
    """Whether there is a module that takes its input step by step: without one, the second dimension of an input is no time."""
    from trainlab.models._recurrent import RecurrentLayers
    from trainlab.models.transformer import Attention

    return any(isinstance(each, RecurrentLayers | Attention | nn.RNNBase | nn.MultiheadAttention) for each in model.modules())


def _enter(entered: list[Tensor], _module: nn.Module, _arguments: object, output: Tensor) -> Tensor:
    entered.append(output.detach().requires_grad_())
    return entered[-1]


def _find_last(output: Tensor, batch: Batch) -> tuple[Tensor, Tensor | None]:
    """Output and target of the last step, where every step has them."""
    steps = batch.inputs.shape[1]
    if batch.target is None or output.dim() != 3 or batch.target.dim() < 2 or not output.shape[1] == batch.target.shape[1] == steps:
        return output, batch.target
    return output[:, -1:], batch.target[:, -1:]


def _watch(found: dict[str, Tensor], name: str, _module: nn.Module, _arguments: object, output: object) -> Tensor | None:
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return None
    found[name] = output if output.requires_grad else output.detach().requires_grad_()
    return found[name].clone()  # the next module may work in place


def _keep(found: dict[str, Tensor], name: str, _module: nn.Module, _arguments: object, output: object) -> None:
    if isinstance(output, Tensor):
        found[name] = output.clone()  # the next module may work in place
