"""Networks from configs: one architecture a file."""

from __future__ import annotations

import fnmatch

import torch
from torch import nn

from trainlab import plugins
from trainlab.config.model import Model
from trainlab.device import derive_seed
from trainlab.errors import UserError


def build(spec: Model, *, features: int, outputs: int | None, seed: int) -> nn.Module:
    """The network of `spec` with the initial weights of `seed`, on the CPU in float32, frozen parameters frozen.

    torch's global stream is left as it was.

    Args:
        spec: the `model` section.
        features: numbers a sample.
        outputs: what the data and the loss need; None if any number will do.
        seed: of the run.

    Raises:
        UserError: the section names something that torch does not have or refuses.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, "weights"))  # torch.manual_seed would move the GPU's stream too
        model: nn.Module = plugins.load(__name__, spec.kind).build(spec, features, outputs)
    names = [name for name, _ in model.named_parameters()]
    for pattern in spec.freeze:
        if not fnmatch.filter(names, pattern):
            raise UserError("matches no parameter", key="model.freeze", value=pattern, choices=tuple(names[:8]))
    for name, parameter in model.named_parameters():
        if any(fnmatch.fnmatch(name, pattern) for pattern in spec.freeze):
            parameter.requires_grad_(False)
    return model
