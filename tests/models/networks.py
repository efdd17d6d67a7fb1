"""What the tests of several kinds of network need."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from trainlab.config import validate
from trainlab.models import build


def make(
    shape: tuple[int, ...], *, outputs: int | None = 3, seed: int = 0, tokens: int = 0, every_step: bool = False, **model: Any
) -> nn.Module:
    """A network in float64 for samples of this shape."""
    spec = validate({"model": model}).model
    return build(spec, features=shape, outputs=outputs, seed=seed, tokens=tokens, every_step=every_step).double()


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def draw_tokens(tokens: int, *shape: int) -> torch.Tensor:
    return torch.randint(tokens, shape, generator=torch.Generator().manual_seed(0))


def list_names(model: nn.Module) -> list[str]:
    return [name for name, _ in model.named_parameters()]


def list_kinds(model: nn.Module) -> list[str]:
    return [type(module).__name__ for module in model.modules() if not list(module.children())]
