"""Loss and gradient of runs that train one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn

from trainlab.engine._precision import cast
from trainlab.engine._random import RandomState, fork_random, note_random, start_random
from trainlab.engine._weights import Apart, Weights, lay_out, take_apart
from trainlab.losses import Loss, find_loss
from trainlab.step import Batch, Layout


class OneByOne:
    """A loop over the runs, each with its own state of torch's global stream."""

    def __init__(self, model: nn.Module, layout: Layout, loss: str | Loss, reason: str, precision: str = "float32") -> None:
        self.model, self.layout, self.loss, self.precision = model, layout, find_loss(loss), precision
        self.how = f"one by one: {reason}"
        self._holders = _find_holders(model)
        self._draws, self._is_known = _can_draw(model), _is_known(model) and isinstance(loss, str)
        self._rectifiers = _find_rectifiers(model)

    @property
    def draws(self) -> bool:
        """Whether a pass may draw from torch's global stream."""
        return self._draws

    def loss_and_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> tuple[Tensor, Tensor, Weights]:
        """See Program."""
        loss, gradients, random = self.differentiate(take_apart(weights, self.layout), batch, scale)
        return loss, lay_out(gradients), replace(weights, random=random)

    def differentiate(
        self, weights: Apart, batch: Batch, scale: Tensor | None = None
    ) -> tuple[Tensor, list[list[Tensor]], tuple[RandomState, ...]]:
        """The same, each gradient by itself; contiguous, and none of them shares its memory with anything."""
        if not self.model.training:  # going through all modules at each update takes as long as a small layer
            self.model.train()
        losses, gradients, streams = [], [], []
        device = batch.inputs.device
        with fork_random(device) if self._draws else nullcontext():
            for row, (parameters, state) in enumerate(zip(weights.parameters, weights.random, strict=True)):
                if self._draws:
                    state.restore()
                # A leaf each: autocast lowers such a tensor once, however often it is used, and adds up its gradients lowered
                leaves = [each.detach().requires_grad_() for each in parameters]
                named = dict(zip(self.layout.names, leaves, strict=True))
                with self._rectify_in_place():
                    objective, loss = self._compute(named, weights.fixed, batch, row, batch.inputs[row])
                # Other than `autograd.grad`, which may hand out one tensor twice, this gives each leaf a gradient of its own;
                # naming them takes time, and is only needed where something else may want one
                torch.autograd.backward(
                    objective if scale is None else objective * scale[row], inputs=None if self._is_known else leaves
                )
                gradients.append([torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves])
                losses.append(loss.detach().to(leaves[0]))
                streams.append(note_random(device) if self._draws else state)
        return (torch.stack(losses) if len(losses) > 1 else losses[0][None]), gradients, tuple(streams)

    def input_gradient(self, weights: Weights | Apart, batch: Batch, scale: Tensor | None = None) -> Tensor:
        """See Program."""
        self.model.train()
        gradients: list[Tensor] = []
        fixed = {name: each.clone() for name, each in weights.fixed.items()}  # running statistics must not see these samples twice
        with fork_random(batch.inputs.device):
            for row, (parameters, state) in enumerate(zip(self._name(weights), weights.random, strict=True)):
                state.restore()  # the update that follows draws the same
                leaf = batch.inputs[row].detach().clone().requires_grad_()
                objective, _ = self._compute(parameters, fixed, batch, row, leaf)
                gradients += torch.autograd.grad(objective if scale is None else objective * scale[row], leaf)
        return torch.stack(gradients)

    @contextmanager
    def _rectify_in_place(self) -> Iterator[None]:
        """Let no ReLU take new memory, only while nobody looks at what it is given."""
        for each in self._rectifiers:
            each.inplace = True
        try:
            yield
        finally:
            for each in self._rectifiers:
                each.inplace = False

    def _compute(
        self, parameters: dict[str, Tensor], fixed: dict[str, Tensor], batch: Batch, row: int, inputs: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What is minimised and the loss to report, of one run."""
        with cast(self.precision, inputs.device):
            output = self._call(parameters, {name: each[row] for name, each in fixed.items()}, inputs)
            loss = self.loss(output, None if batch.target is None else batch.target[row])
            return (loss if batch.soft is None else self.loss(output, batch.soft[row])), loss

    def predict(self, weights: Weights, inputs: Tensor) -> Tensor:
        """See Program. What a network draws at rest too is the same in every call, so that two outputs can be compared."""
        self.model.eval()
        start = start_random(0, inputs.device) if self._draws else None
        found = []
        with torch.no_grad(), cast(self.precision, inputs.device), fork_random(inputs.device) if start else nullcontext():
            for row, parameters in enumerate(self._name(weights)):
                if start is not None:
                    start.restore()
                found.append(self._call(parameters, {name: each[row] for name, each in weights.fixed.items()}, inputs[row]))
        return torch.stack(found).to(weights.flat)

    def _call(self, parameters: dict[str, Tensor], fixed: dict[str, Tensor], inputs: Tensor) -> Tensor:
        """What `functional_call` does, which takes longer about it than a small layer about its work."""
        own = []
        try:
            for name, tensor in (*parameters.items(), *fixed.items()):
                for tensors, key in self._holders[name]:
                    own.append((tensors, key, tensors[key]))
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

    def _name(self, weights: Weights | Apart) -> list[dict[str, Tensor]]:
        """The parameters of each run by name."""
        apart = weights if isinstance(weights, Apart) else take_apart(weights, self.layout)
        return [dict(zip(self.layout.names, parameters, strict=True)) for parameters in apart.parameters]


def _can_draw(model: nn.Module) -> bool:
    """Whether a pass may draw from torch's global stream: torch's own layers that do, and modules that nobody here knows."""
    drawing = nn.modules.dropout._DropoutNd | nn.RReLU | nn.MultiheadAttention | nn.RNNBase
    return not _is_known(model) or any(isinstance(each, drawing) for each in model.modules())


def _is_known(model: nn.Module) -> bool:
    """Whether it is made of modules that somebody here knows."""
    return all(type(each).__module__.startswith(("torch.nn.", "trainlab.models.")) for each in model.modules())


def _find_rectifiers(model: nn.Module) -> list[nn.ReLU]:
    """Those that may write over what they are given: the layer before them needs it no more, and no one else sees it.

    In networks of our own only; others may look at it, or call a layer more than once.
    """
    if not type(model).__module__.startswith("trainlab.models."):
        return []
    rows = [list(each) for each in model.modules() if isinstance(each, nn.Sequential)]
    behind = nn.Linear | nn.Conv2d | nn.BatchNorm1d | nn.BatchNorm2d
    pairs = [pair for row in rows for pair in itertools.pairwise(row)]
    return [each for before, each in pairs if type(each) is nn.ReLU and isinstance(before, behind)]


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
