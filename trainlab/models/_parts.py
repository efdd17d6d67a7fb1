"""What networks of several kinds are put together from: norms, dropout, the output layer."""

from __future__ import annotations

from torch import Tensor, nn

from trainlab.config.model import BatchNorm, GroupNorm, Init, NoNorm, SampleNorm, StepNorm
from trainlab.models._sizes import Sizes
from trainlab.models.activations import build_activation
from trainlab.models.dropout import Dropout
from trainlab.models.initializers import initialize


def build_norm(norm: NoNorm | BatchNorm | SampleNorm | StepNorm, features: int) -> nn.Module | None:
    """The norm of `[..., feature]`, or None; batch norm takes `[sample, feature]` only."""
    match norm:
        case NoNorm():
            return None
        case BatchNorm():
            return nn.BatchNorm1d(features, eps=norm.eps, momentum=norm.momentum, affine=norm.affine)
        case _ if norm.name == "layer":
            return nn.LayerNorm(features, eps=norm.eps, elementwise_affine=norm.affine)
        case _:
            return nn.RMSNorm(features, eps=norm.eps, elementwise_affine=norm.affine)


def build_image_norm(norm: NoNorm | BatchNorm | GroupNorm, channels: int) -> nn.Module | None:
    """The norm of `[sample, channel, height, width]`, or None."""
    match norm:
        case NoNorm():
            return None
        case BatchNorm():
            return nn.BatchNorm2d(channels, eps=norm.eps, momentum=norm.momentum, affine=norm.affine)
        case GroupNorm():
            return nn.GroupNorm(norm.groups, channels, eps=norm.eps, affine=norm.affine)


def build_dropout(share: float) -> nn.Module | None:
    """Dropout, or None where nothing is dropped."""
    return Dropout(share) if share else None


def build_output(
    features: int, units: int, *, bias: bool, init: Init, output: str, activation: str
) -> tuple[nn.Linear, nn.Module | None]:
    """The output layer and what follows it; `same` is `activation`, `none` is nothing."""
    name = {"same": activation, "none": "identity"}.get(output, output)
    linear = nn.Linear(features, units, bias=bias)
    initialize(linear, init, name)
    return linear, None if output == "none" else build_activation(name)


def gather(*modules: nn.Module | None) -> list[nn.Module]:
    """The modules that there are."""
    return [module for module in modules if module is not None]


def apply(module: nn.Module | None, values: Tensor) -> Tensor:
    """What the module makes of the values; without one, the values."""
    return values if module is None else module(values)


def count_units(given: int | None, sizes: Sizes, otherwise: int) -> int:
    """Units of the output layer: as the config says, as the data need, or `otherwise` where they need nothing."""
    return given or sizes.outputs or otherwise
