"""Batch norm over the samples of all ranks, and what each batch norm has normalised by."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainlab.engine.ranks._meeting import add_up


class _Sum(torch.autograd.Function):
    """The sum over the ranks; its gradient is the sum of the ranks' gradients."""

    @staticmethod
    def forward(ctx: object, values: Tensor, group: dist.ProcessGroup) -> Tensor:
        ctx.group = group  # type: ignore[attr-defined]  # what torch offers to keep things in
        return add_up(values, group)

    @staticmethod
    def backward(ctx: object, *slopes: Tensor) -> tuple[Tensor, None]:
        return add_up(slopes[0], ctx.group), None  # type: ignore[attr-defined]


_add: Callable[[Tensor, dist.ProcessGroup], Tensor] = _Sum.apply


class SyncBatchNorm(_BatchNorm):
    """Batch norm by the mean and variance of the samples of all ranks, as torch's SyncBatchNorm, which runs on GPUs only.

    The samples may be shared unevenly: mean and variance are those of all of them together. The variance is taken in a second pass
    about the mean, so that no digits are lost.

    Attributes:
        absent: this rank has no sample: what it is given in their place does not count.
    """

    def __init__(self, like: _BatchNorm, group: dist.ProcessGroup) -> None:
        super().__init__(like.num_features, like.eps, like.momentum, affine=False, track_running_stats=False)
        self._parameters.update(like._parameters)
        self._buffers.update(like._buffers)
        self.affine, self.track_running_stats = like.affine, like.track_running_stats
        self.training = like.training
        self.group, self.absent = group, False

    def _check_input_dim(self, inputs: Tensor) -> None:
        """Any that the layer in whose place it stands takes."""

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, channel, ...]`."""
        if not self.training:
            return super().forward(inputs)
        across = [dimension for dimension in range(inputs.dim()) if dimension != 1]
        shape = [1, -1] + [1] * (inputs.dim() - 2)
        weight = 0.0 if self.absent else 1.0
        count = torch.tensor([weight * inputs.numel() / inputs.shape[1]], dtype=torch.float64, device=inputs.device)
        count = add_up(count, self.group)
        samples = count.to(inputs.dtype)
        mean = _add(weight * inputs.sum(across), self.group) / samples
        centred = inputs - mean.view(shape)
        variance = _add(weight * (centred * centred).sum(across), self.group) / samples
        if self.track_running_stats:
            self._keep(mean.detach(), variance.detach(), float(count))
        output: Tensor = centred * torch.rsqrt(variance + self.eps).view(shape)
        return output * self.weight.view(shape) + self.bias.view(shape) if self.affine else output

    def _keep(self, mean: Tensor, variance: Tensor, samples: float) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean), share)
        self.running_var.lerp_((variance * (samples / (samples - 1))).to(self.running_var), share)


def find_norms(model: nn.Module) -> dict[str, _BatchNorm]:
    """Every batch norm of a network by its name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, _BatchNorm)}


def synchronise(model: nn.Module, group: dist.ProcessGroup) -> nn.Module:
    """Put a synchronised batch norm in the place of each: torch's own on a GPU. Parameters and buffers stay the same tensors."""
    if any(each.is_cuda for each in model.parameters()):
        convert: Callable[..., nn.Module] = nn.SyncBatchNorm.convert_sync_batchnorm
        return convert(model, group)
    for name, module in find_norms(model).items():
        place, _, last = name.rpartition(".")
        setattr(model.get_submodule(place), last, SyncBatchNorm(module, group))
    return model


def be_absent(model: nn.Module, *, absent: bool) -> None:
    """Say whether this rank has samples."""
    for module in model.modules():
        if isinstance(module, SyncBatchNorm):
            module.absent = absent


class Seen:
    """Mean and standard deviation of what came into each batch norm that is not synchronised, at the latest forward pass."""

    def __init__(self, model: nn.Module) -> None:
        own = (SyncBatchNorm, nn.SyncBatchNorm)
        self.norms = {name: each for name, each in find_norms(model).items() if not isinstance(each, own)}
        self._names: dict[nn.Module, str] = {module: name for name, module in self.norms.items()}
        self._found: dict[str, tuple[Tensor, Tensor]] = {}
        for module in self.norms.values():
            module.register_forward_pre_hook(self._note)

    def _note(self, module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        if module.training:
            values = arguments[0].detach().double()
            across = [dimension for dimension in range(values.dim()) if dimension != 1]
            self._found[self._names[module]] = values.mean(across), values.std(across, correction=0)

    def iterate(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Mean and standard deviation by channel, of each in turn; NaN for one that this rank has not gone through."""
        for name, module in self.norms.items():
            unknown = torch.full((module.num_features,), torch.nan, dtype=torch.float64)
            yield self._found.get(name, (unknown, unknown))
