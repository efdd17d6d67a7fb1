"""Batch norm of hand-written networks, by the kernels that autograd itself would call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

aten = torch.ops.aten

Taken = tuple[Tensor, Tensor, Tensor]
"""What went into a norm, `[1, run * unit, sample]`, its means and its inverse deviations, `[run * unit]`."""


@dataclass(frozen=True, slots=True)
class Normalizer:
    """One `BatchNorm1d` for each run of a stack; units of all runs side by side are channels, none of which sees another.

    Attributes:
        name: of the module.
        momentum: of the running statistics.
        eps: added to the variance.
        affine: whether it has a weight and a bias.
    """

    name: str
    momentum: float
    eps: float
    affine: bool

    def normalize(
        self, values: Tensor, parameters: Mapping[str, Tensor], fixed: Mapping[str, Tensor] | None
    ) -> tuple[Tensor, Taken]:
        """`[run, unit, sample]` by its samples, and what the way back asks for.

        Args:
            values: what enters.
            parameters: `{name: [run, ...]}`.
            fixed: likewise; its running statistics are moved in place. None where they must not be.
        """
        channels = _lie_flat(values)
        means, variances = (None, None) if fixed is None else self._find_statistics(fixed)
        weight, bias = self._find_affine(parameters)
        found, mean, inverse = aten.native_batch_norm(channels, weight, bias, means, variances, True, self.momentum, self.eps)
        if fixed is not None:
            fixed[f"{self.name}.num_batches_tracked"].add_(1)
        return found.view(values.shape), (channels, mean, inverse)

    def differentiate(
        self, gradient: Tensor, taken: Taken, parameters: Mapping[str, Tensor], found: Mapping[str, Tensor] | None
    ) -> Tensor:
        """The gradient at the output, `[run, unit, sample]`, to that at the input; those of weight and bias go into `found`."""
        channels, mean, inverse = taken
        weight, _ = self._find_affine(parameters)
        asked = [True, *[found is not None and self.affine] * 2]
        given = (_lie_flat(gradient), channels, weight, None, None, mean, inverse, True, self.eps, asked)
        below, at_weight, at_bias = aten.native_batch_norm_backward(*given)
        if found is not None and self.affine:
            for name, slope in (("weight", at_weight), ("bias", at_bias)):
                own = found[f"{self.name}.{name}"]
                own.copy_(slope.view(own.shape))
        entered: Tensor = below.view(gradient.shape)
        return entered

    def rest(self, values: Tensor, parameters: Mapping[str, Tensor], fixed: Mapping[str, Tensor]) -> Tensor:
        """`[run, unit, sample]` by the running statistics."""
        given = (*self._find_affine(parameters), *self._find_statistics(fixed))
        found: Tensor = aten.native_batch_norm(_lie_flat(values), *given, False, self.momentum, self.eps)[0]
        return found.view(values.shape)

    def _find_affine(self, parameters: Mapping[str, Tensor]) -> tuple[Tensor | None, Tensor | None]:
        if not self.affine:
            return None, None
        return parameters[f"{self.name}.weight"].reshape(-1), parameters[f"{self.name}.bias"].reshape(-1)

    def _find_statistics(self, fixed: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        return fixed[f"{self.name}.running_mean"].view(-1), fixed[f"{self.name}.running_var"].view(-1)


def read_normalizer(module: nn.Module, name: str) -> Normalizer | None:
    """The module by that name as a norm to compute by hand; None if it is none."""
    if type(module) is not nn.BatchNorm1d or module.momentum is None:
        return None
    return Normalizer(name, module.momentum, module.eps, module.affine)


def _lie_flat(values: Tensor) -> Tensor:
    """`[run, unit, sample]` to `[1, run * unit, sample]`, a copy where memory lies otherwise."""
    return values.reshape(1, -1, values.shape[2]).contiguous()
