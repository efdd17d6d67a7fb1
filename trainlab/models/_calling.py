"""How a network of the user's own is called: with its own batches, made of rows; and what it returns, as rows again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainlab import targets
from trainlab.errors import UserError
from trainlab.models.dropout import Dropout
from trainlab.structure import Fields, Structure, read_structure, walk


class Calling:
    """The `forward` of a network that sees rows, `[sample, ...]`.

    Attributes:
        returned: what the network returned when it was first called; None before that.
    """

    def __init__(self, model: nn.Module, structure: Structure, target: str) -> None:
        self._model, self._forward, self._structure = model, model.forward, structure
        self._style = _choose_style(model, structure, target)
        self.returned: Structure | None = None

    def __call__(self, rows: Tensor) -> Tensor:
        """Rows to rows."""
        dtype = None
        if self._structure.is_bits:
            dtype = next((each.dtype for each in self._model.parameters() if each.is_floating_point()), None)
        output = self._style(self._forward, self._structure.unpack(rows, dtype))
        if isinstance(output, Tensor) and not output.dim():
            return output
        kept = output if isinstance(output, Tensor) else keep_rows(output, len(rows))
        structure = read_structure(kept)
        if not structure.leaves:
            return output  # type: ignore[no-any-return]  # whoever tries it out tells what it is
        self.returned = self.returned or structure
        (_, first), *more = walk(kept)
        return first if not more and first.dim() > 1 else structure.pack(kept)

    def describe(self, samples: int) -> str:
        """What it is called with, in shapes."""
        leaves = self._structure.leaves
        told = ", ".join(f"{leaf.name.strip('[]')} {[samples, *leaf.shape]}".strip() for leaf in leaves)
        return f"an input of shape {told}" if self._structure.is_tensor else f"inputs of shapes {told}"


def keep_rows(returned: Any, samples: int) -> Any:
    """What a network returned, with None in the place of all that has no row for each sample: a loss of its own, a cache, states.

    An object with tensors as its attributes, such as a dataclass, becomes a mapping that has these attributes.
    """
    if isinstance(returned, Tensor):
        return returned if returned.dim() and len(returned) == samples else None
    if isinstance(returned, tuple | list):
        kept = [keep_rows(each, samples) for each in returned]
        return type(returned)(*kept) if hasattr(returned, "_fields") else tuple(kept)
    if isinstance(returned, Mapping):
        return Fields({key: keep_rows(each, samples) for key, each in returned.items()})
    names = [each.name for each in fields(returned)] if is_dataclass(returned) else list(getattr(returned, "__dict__", ()))
    named = {name: getattr(returned, name) for name in names}
    if any(isinstance(each, Tensor) for each in named.values()):
        return Fields({name: keep_rows(each, samples) for name, each in named.items()})
    return None


def adapt(model: nn.Module, structure: Structure, target: str) -> Calling:
    """Let the network be called with rows. Its modules keep their names.

    Args:
        model: changed in place.
        structure: of what it wants to be called with.
        target: for messages.

    Raises:
        UserError: its `forward` does not take such a batch.
    """
    calling = Calling(model, structure, target)
    setattr(model, "forward", calling)  # noqa: B010  # a method, to those who type
    for module in model.modules():
        if isinstance(module, nn.TransformerEncoder):
            module.use_nested_tensor = False  # at rest it would give its layers nested tensors, which have no shape to look at
    return calling


def adopt_dropouts(model: nn.Module, rows: Tensor) -> None:
    """Give dropout layers a stream for each run, in place of torch's, which all runs share.

    Only those that see samples in their first dimension, once in a forward pass.
    """
    seen: dict[nn.Module, list[tuple[int, int]]] = {}
    given = 0

    def note(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        seen.setdefault(module, []).append((given, len(arguments[0]) if arguments and arguments[0].dim() > 1 else 0))

    found = [module for module in model.modules() if type(module) is nn.Dropout and not module.inplace]
    hooks = [module.register_forward_pre_hook(note) for module in found]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            model.eval()
            for given in (2, 3) if hooks and len(rows) > 2 else ():
                model(rows[:given])
    finally:
        for hook in hooks:
            hook.remove()
    for module, calls in seen.items():
        if calls != [(2, 2), (3, 3)]:
            continue
        for parent in model.modules():
            for name, child in parent.named_children():
                if child is module:
                    setattr(parent, name, Dropout(module.p))  # type: ignore[arg-type]  # found by its type


def find_calling(model: nn.Module) -> Calling | None:
    """How the network is called, if it is one of the user's own."""
    calling = vars(model).get("forward")
    return calling if isinstance(calling, Calling) else None


def _call_alone(forward: Callable[..., Any], batch: Any) -> Any:
    return forward(batch)


def _call_spread(forward: Callable[..., Any], batch: Any) -> Any:
    return forward(*batch)


def _call_named(forward: Callable[..., Any], batch: Any) -> Any:
    return forward(**batch)


def _choose_style(model: nn.Module, structure: Structure, target: str) -> Callable[[Callable[..., Any], Any], Any]:
    """Of a mapping the entries by name, of a tuple one by one; as one argument where `forward` takes only that."""
    signature = targets.find_signature(model.forward)
    tree = structure.tree
    ways: list[tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]]] = []
    if isinstance(tree, Mapping) and all(isinstance(key, str) for key in tree):
        ways.append((_call_named, (), tree))
    elif isinstance(tree, tuple):
        ways.append((_call_spread, tree, {}))
    ways.append((_call_alone, (tree,), {}))
    for style, given, named in ways:
        if signature is None or _can_bind(signature, given, named):
            return style
    what = {_call_named: "a mapping of ", _call_spread: "", _call_alone: ""}[ways[0][0]]
    told = ", ".join(f"{leaf.name.strip('[]') or 'a tensor'} {list(leaf.shape)}" for leaf in structure.leaves)
    raise UserError(
        f"{type(model).__name__}.forward{signature} does not take what the data give: {what}{told} a sample",
        key="model.target",
        value=target,
    )


def _can_bind(signature: inspect.Signature, given: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    try:
        signature.bind(*given, **named)
    except TypeError:
        return False
    return True


def wake_lazy_modules(model: nn.Module, rows: Tensor) -> None:
    """Let modules that take their sizes from their first input see one; they draw their weights from torch's global stream."""
    if any(isinstance(each, nn.parameter.UninitializedParameter) for each in model.parameters()):
        with torch.no_grad():
            model.eval()
            model(rows)
