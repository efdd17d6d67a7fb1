"""Any `torch.nn` modules in a row."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from trainlab.config.model import Layers, View
from trainlab.errors import UserError, find_nearest
from trainlab.models._row import Row
from trainlab.models._sizes import Sizes
from trainlab.models.activations import NAMES
from trainlab.models.dropout import Dropout
from trainlab.models.initializers import initialize

VIEW: View = "any"


def build(spec: Layers, sizes: Sizes) -> nn.Module:  # noqa: ARG001  # the list says its own sizes
    """The network of `spec`, initialised from torch's global stream.

    Raises:
        UserError: a name is no module of torch.nn, or does not take these arguments.
    """
    modules = [_make(entry, index) for index, entry in enumerate(spec.modules)]
    for index, module in enumerate(modules):
        initialize(module, spec.init, _find_activation(modules[index + 1 :]))
    return Row(modules)


def _find_activation(modules: list[nn.Module]) -> str:
    """The activation that comes before the next layer; `identity` if none does."""
    for module in modules:
        if type(module).__name__ in NAMES:
            return NAMES[type(module).__name__]
        if any(parameter.dim() > 1 for parameter in module.parameters()):
            break
    return "identity"


def _make(entry: dict[str, Any], index: int) -> nn.Module:
    ((name, arguments),) = entry.items()
    key = f"model.modules.{index}"
    cls = getattr(nn, name, None)
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        names = [each for each, value in vars(nn).items() if isinstance(value, type) and issubclass(value, nn.Module)]
        same = [each for each in names if each.lower() == name.lower()]  # `Relu` is not close to `ReLU`, letter by letter
        raise UserError("is no module of torch.nn", key=key, value=name, nearest=same[0] if same else find_nearest(name, names))
    if issubclass(cls, LazyModuleMixin):
        raise UserError("must be told its sizes", key=key, value=name, nearest=name.removeprefix("Lazy"))
    try:
        module: nn.Module = cls(**arguments) if isinstance(arguments, dict) else cls(*arguments)
    except Exception as error:  # whatever torch makes of a user's arguments is the user's to know
        raise UserError(f"{name} refuses these arguments: {error}", key=key, value=str(arguments)) from error
    return Dropout(module.p) if type(module) is nn.Dropout else module  # the same, with a stream for each run
