"""What was seen of one model and the optimizers that step it, as the script runs."""

from __future__ import annotations

import gc
import math
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trainlab.report import NonFinite, Parameter

if TYPE_CHECKING:
    import torch

WRAPPERS = {"DistributedDataParallel": "module", "DataParallel": "module", "OptimizedModule": "_orig_mod"}


@dataclass(slots=True, kw_only=True)
class Record:
    """One model, the parameters that are stepped, and series over its updates.

    Attributes:
        name: the model's class; `parameters` where no module holds them.
        model: the outermost module; None where no module holds the parameters.
        tensors: the parameters, in the order of `parameters`.
        optimizers: classes of the optimizers that step them, with their settings at the first step.
        steps: updates so far.
        losses: of each update; NaN where no loss was seen.
        rates: learning rate of the first group, at each update.
        at: the updates that were looked at closely; with them, in the same order, the rows of `norms` (of the raw gradient),
            `weights` and `changes` (of the weight and of its change).
        clipped: the updates before which gradients were clipped, with the total norm before and after and the angle of the turn.
        clip: the way they were clipped last, `norm` or `value`, and the threshold; None if never.
        nonfinite: where NaN or infinity came first.
        counts: of what can only be seen in a loop: see `Observer`.
        unheld: trainable parameters of the model that get a gradient and that no optimizer holds.
        left: after a step, the place of a parameter whose gradient is watched.
        cleared: whether that gradient was seen cleared since; None before the next backward pass.
    """

    name: str
    model: Any
    tensors: list[torch.Tensor]
    parameters: tuple[Parameter, ...]
    optimizers: dict[int, dict[str, Any]] = field(default_factory=dict)
    steps: int = 0
    losses: array[float] = field(default_factory=lambda: array("d"))
    rates: array[float] = field(default_factory=lambda: array("d"))
    at: list[int] = field(default_factory=list)
    norms: list[list[float]] = field(default_factory=list)
    weights: list[list[float]] = field(default_factory=list)
    changes: list[list[float]] = field(default_factory=list)
    clipped: dict[int, tuple[float, float, float]] = field(default_factory=dict)
    clip: tuple[str, float] | None = None
    nonfinite: NonFinite | None = None
    counts: Counter[str] = field(default_factory=Counter)
    unheld: tuple[str, ...] = ()
    left: int | None = None
    cleared: bool | None = None


def find_owner(tensors: Iterable[torch.Tensor]) -> Any:
    """The outermost module alive that holds most of these parameters, without what only wraps it; None if none holds any."""
    import torch

    wanted = {id(each) for each in tensors}
    # `isinstance` would ask lazy proxies for their class, and so wake them.
    modules = [each for each in gc.get_objects() if issubclass(type(each), torch.nn.Module)]
    inner = {id(child) for module in modules for child in module.__dict__.get("_modules", {}).values()}
    best, most = None, (0, 0)
    for module in modules:
        if id(module) in inner:
            continue
        held = [id(each) for each in module.parameters()]
        score = (len(wanted.intersection(held)), len(held))
        if score > most and score[0]:
            best, most = module, score
    while best is not None and (inside := WRAPPERS.get(type(best).__name__)) and hasattr(best, inside):
        best = getattr(best, inside)
    return best


def list_parameters(model: Any, tensors: list[torch.Tensor]) -> tuple[list[torch.Tensor], tuple[Parameter, ...]]:
    """The tensors in the model's own order and under its own names; what it does not hold comes last, numbered."""
    wanted = {id(each): each for each in tensors if each.requires_grad}
    found: list[torch.Tensor] = []
    told: list[Parameter] = []
    for place, module in model.named_modules() if model is not None else ():
        for name, tensor in module.named_parameters(recurse=False):
            if id(tensor) in wanted:
                found.append(wanted.pop(id(tensor)))
                whole = f"{place}.{name}" if place else name
                told.append(Parameter(name=whole, module=type(module).__name__, shape=tuple(tensor.shape)))
    for position, tensor in enumerate(wanted.values()):
        found.append(tensor)
        told.append(Parameter(name=f"parameter.{position}", module="", shape=tuple(tensor.shape)))
    return found, tuple(told)


def measure_norms(tensors: list[Any]) -> list[float]:
    """The 2-norm of each tensor; 0 for None. One synchronisation with the device for all of them."""
    import torch

    dense = [each.coalesce().values() if each.is_sparse else each for each in tensors if each is not None]
    if not dense:
        return [0.0] * len(tensors)
    with torch.no_grad():
        norms = torch._foreach_norm(dense)
        device = norms[0].device
        values = iter(torch.stack([each.to(device=device, dtype=torch.float64) for each in norms]).tolist())
    return [0.0 if each is None else next(values) for each in tensors]


def join(norms: Iterable[float]) -> float:
    """The norm of the whole from those of its parts, without overflow."""
    return math.hypot(*norms)
