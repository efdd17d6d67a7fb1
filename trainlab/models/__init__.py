"""Networks from configs: one architecture a file.

A module here has `VIEW`, how its network wants to see a sample, and `build(spec, sizes) -> nn.Module`.
"""

from __future__ import annotations

import fnmatch

import torch
from torch import nn

from trainlab import plugins
from trainlab.config.model import Model, View
from trainlab.device import derive_seed
from trainlab.errors import UserError
from trainlab.models._calling import adapt, adopt_dropouts, find_calling, wake_lazy_modules
from trainlab.models._sizes import Sizes

__all__ = ["adapt", "adopt_dropouts", "build", "find_calling", "find_view", "wake_lazy_modules"]


def build(
    spec: Model,
    *,
    features: int | tuple[int, ...],
    outputs: int | None,
    seed: int,
    tokens: int = 0,
    every_step: bool = False,
) -> nn.Module:
    """The network of `spec` with the initial weights of `seed`, on the CPU in float32, frozen parameters frozen.

    torch's global stream is left as it was.

    Args:
        spec: the `model` section.
        features: shape of a sample as `find_view` asks for it; a number for a vector.
        outputs: what the data and the loss need a sample or a step; None if any number will do.
        seed: of the run.
        tokens: different tokens, where the inputs are such; else 0.
        every_step: the target has a value for every step of a sequence.

    Raises:
        UserError: the section names something that torch does not have or refuses.
    """
    shape = features if isinstance(features, tuple) else (features,)
    sizes = Sizes(shape=shape, tokens=tokens, outputs=outputs, every_step=every_step)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, "weights"))  # torch.manual_seed would move the GPU's stream too
        model: nn.Module = plugins.load(__name__, spec.kind).build(spec, sizes)
    names = [name for name, _ in model.named_parameters()]
    for pattern in spec.freeze:
        if not fnmatch.filter(names, pattern):
            raise UserError("matches no parameter", key="model.freeze", value=pattern, choices=tuple(names[:8]))
    for name, parameter in model.named_parameters():
        if any(fnmatch.fnmatch(name, pattern) for pattern in spec.freeze):
            parameter.requires_grad_(False)
    return model


def find_view(spec: Model) -> View:
    """How the network of `spec` wants to see a sample."""
    view: View = plugins.load(__name__, spec.kind).VIEW
    return view
