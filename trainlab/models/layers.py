"""Any `torch.nn` modules in a row."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from trainlab.config.model import Layers
from trainlab.errors import UserError, find_nearest
from trainlab.models.initializers import initialize


class Row(nn.Module):
    """The modules in one Sequential called `model`, as in the other networks."""

    def __init__(self, modules: list[nn.Module]) -> None:
        super().__init__()
        self.model = nn.Sequential(*modules)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, ...]` through all modules."""
        return self.model(inputs)  # type: ignore[no-any-return]


def build(spec: Layers, features: int, outputs: int | None) -> nn.Module:  # noqa: ARG001  # the list says its own sizes
    """The network of `spec`, initialised from torch's global stream.

    Raises:
        UserError: a name is no module of torch.nn, or does not take these arguments.
    """
    modules = [_make(entry, index) for index, entry in enumerate(spec.modules)]
    for module in modules:
        initialize(module, spec.init, "identity")
    return Row(modules)


def _make(entry: dict[str, Any], index: int) -> nn.Module:
    ((name, arguments),) = entry.items()
    key = f"model.modules.{index}"
    cls = getattr(nn, name, None)
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        names = [each for each, value in vars(nn).items() if isinstance(value, type) and issubclass(value, nn.Module)]
        raise UserError("is no module of torch.nn", key=key, value=name, nearest=find_nearest(name, names))
    try:
        module: nn.Module = cls(**arguments) if isinstance(arguments, dict) else cls(*arguments)
    except Exception as error:  # whatever torch makes of a user's arguments is the user's to know
        raise UserError(f"{name} refuses these arguments: {error}", key=key, value=str(arguments)) from error
    return module
