"""What was seen of one model and the optimizers that step it, as the script runs."""

from __future__ import annotations

import gc
import math
import sys
import weakref
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trainlab.report import NonFinite, Parameter
from trainlab.watch._inside import Inside
from trainlab.watch._targets import Batches

if TYPE_CHECKING:
    import torch

    from trainlab.watch._clipping import Clip
    from trainlab.watch._objective import Objective
    from trainlab.watch._origin import Origin

SMALL = 1e-18  # below it squares are no normal float32 any more
WRAPPERS = {"DistributedDataParallel": "module", "DataParallel": "module", "OptimizedModule": "_orig_mod"}
FLAT = "_fsdp_wrapped_module."  # between the names of a model that torch's older FSDP wraps


@dataclass(slots=True, kw_only=True, eq=False)
class Record:
    """One model, the parameters that are stepped, and series over its updates.

    Attributes:
        name: the model's class; `parameters` where no module holds them.
        model: the outermost module; None where no module holds the parameters.
        tensors: the parameters, in the order of `parameters`; none once the script has let go of their optimizer.
        device: where they lie.
        sharded: this process holds a part of each only, as under FSDP.
        skipped: the number of backward passes when a step of it was skipped last.
        met: backward passes before its first step, made or skipped.
        optimizers: classes of the optimizers that step them, with their settings at the first step.
        places: of the parameters that each optimizer steps, by its `id`.
        sensitive: modules of the model that behave otherwise in evaluation, as weak references: they may be evaluated after the
            script has let go of their optimizer.
        compiled: whether torch compiles the model, so that no hook may stand on its modules.
        by_hand: no torch optimizer steps it: each backward pass counts as an update.
        steps: updates so far. Optimizers that step parts of a model after one backward pass make one update together.
        stepped: `id` of the optimizers that have stepped in this one.
        round: the number of backward passes when it began.
        due: whether it is looked at closely.
        losses: of each update; NaN where no loss was seen, or not read yet: see `late`.
        rates: learning rate of the first group, at each update.
        at: the updates that were looked at closely; with them, in the same order, the rows of `norms` (of the raw gradient),
            `weights` and `changes` (of the weight and of its change).
        scaler: of its loss; None without.
        scale: of the loss, at the end; None where it was not scaled.
        overflows: steps that a fused optimizer has skipped by itself, as a number or a tensor.
        late: losses and clipped norms that still lie on an accelerator, by update; `settle` reads them.
        clipped: the updates before which gradients were clipped, with the total norm before and after and the angle of the turn.
        clip: the way they were clipped last, `norm` or `value`, and the threshold; None if never.
        nonfinite: where NaN or infinity came first.
        objective: what the loss compares; None where that was not recognised.
        inside: what its forward passes did.
        batches: which classes its batches showed.
        spoilt: where the data brought the first number that is none.
        counts: of what can only be seen in a loop: see `Observer`.
        unheld: trainable parameters of the model that get a gradient and that no optimizer holds.
        left: after a step, the place of a parameter whose gradient is watched.
        cleared: whether that gradient was seen cleared since; None before the next backward pass.
    """

    name: str
    model: Any
    tensors: list[torch.Tensor]
    parameters: tuple[Parameter, ...]
    device: str = ""
    sharded: bool = False
    met: int = -1
    skipped: int = -1
    optimizers: dict[int, dict[str, Any]] = field(default_factory=dict)
    places: dict[int, list[int]] = field(default_factory=dict)
    sensitive: list[weakref.ref[Any]] = field(default_factory=list)
    compiled: bool = False
    by_hand: bool = False
    steps: int = 0
    stepped: set[int] = field(default_factory=set)
    round: int = -1
    due: bool = False
    scaler: Any = None
    scale: float | None = None
    overflows: Any = 0
    late: list[tuple[int, list[Any], Clip | None]] = field(default_factory=list)
    losses: array[float] = field(default_factory=lambda: array("d"))
    rates: array[float] = field(default_factory=lambda: array("d"))
    at: list[int] = field(default_factory=list)
    norms: list[list[float]] = field(default_factory=list)
    weights: list[list[float]] = field(default_factory=list)
    changes: list[list[float]] = field(default_factory=list)
    clipped: dict[int, tuple[float, float, float]] = field(default_factory=dict)
    clip: tuple[str, float] | None = None
    nonfinite: NonFinite | None = None
    objective: Objective | None = None
    inside: Inside = field(default_factory=Inside)
    batches: Batches = field(default_factory=Batches)
    spoilt: Origin | None = None
    counts: Counter[str] = field(default_factory=Counter)
    unheld: tuple[str, ...] = ()
    left: int | None = None
    cleared: bool | None = None

    def release(self) -> None:
        """Let go of the script's own objects; what was measured stays."""
        self.model = self.left = None
        self.tensors.clear()

    def extend(self, tensors: list[torch.Tensor]) -> None:
        """Take in the parameters that another optimizer steps; nothing was measured of them so far."""
        before = self.tensors
        self.tensors, self.parameters = list_parameters(self.model, [*before, *tensors])
        place = {id(each): position for position, each in enumerate(self.tensors)}
        moved = [place[id(each)] for each in before]
        for rows in (self.norms, self.weights, self.changes):
            for position, row in enumerate(rows):
                rows[position] = [0.0] * len(self.tensors)
                for to, value in zip(moved, row, strict=True):
                    rows[position][to] = value
        self.places = {key: [moved[each] for each in places] for key, places in self.places.items()}
        self.left = None if self.left is None else moved[self.left]

    def list_modes(self) -> set[bool]:
        """The modes that the sensitive modules are in."""
        return {module.training for each in self.sensitive if (module := each()) is not None}


def find_owner(tensors: Iterable[torch.Tensor]) -> tuple[Any, bool]:
    """The outermost module alive that holds most of these parameters, without what only wraps it.

    Returns:
        model: None if none holds any.
        compiled: whether torch compiles it.
    """
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
    compiled = False
    while best is not None and (inside := WRAPPERS.get(type(best).__name__)) and hasattr(best, inside):
        compiled = compiled or type(best).__name__ == "OptimizedModule"
        best = getattr(best, inside)
    return best, compiled or getattr(best, "_compiled_call_impl", None) is not None


def list_parameters(model: Any, tensors: list[torch.Tensor]) -> tuple[list[torch.Tensor], tuple[Parameter, ...]]:
    """The tensors in the model's own order and under its own names.

    What it does not hold comes last: by the name of a variable of the script, or numbered.
    """
    wanted = {id(each): each for each in tensors if each.requires_grad}
    found: list[torch.Tensor] = []
    told: list[Parameter] = []
    for place, module in model.named_modules() if model is not None else ():
        for name, tensor in module.named_parameters(recurse=False):
            if id(tensor) in wanted:
                found.append(wanted.pop(id(tensor)))
                whole = (f"{place}.{name}" if place else name).replace(FLAT, "")
                told.append(Parameter(name=whole, module=type(module).__name__, shape=tuple(tensor.shape)))
    globals_ = {id(value): name for name, value in vars(sys.modules["__main__"]).items()} if wanted else {}
    for position, (key, tensor) in enumerate(wanted.items()):
        found.append(tensor)
        told.append(Parameter(name=globals_.get(key, f"parameter.{position}"), module="", shape=tuple(tensor.shape)))
    return found, tuple(told)


def is_sharded(model: Any, tensors: Iterable[torch.Tensor]) -> bool:
    """Whether this process holds only a part of these parameters, as under FSDP, old or new."""
    flat = any(type(each).__name__ == "FullyShardedDataParallel" for each in (model.modules() if model is not None else ()))
    return flat or any(hasattr(each, "to_local") for each in tensors)


def localize(tensor: Any) -> Any:
    """What of it this process holds: to ask for more would wait for other ranks, which may not be looking."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def measure_norms(tensors: list[Any]) -> list[float]:
    """The 2-norm of each tensor; 0 for None. One synchronisation with the device for all of them.

    Of one that is shared out among ranks, that of the part which lies here. Where the fast norm leaves the range of its numbers
    (the squares of 1e-30, or of 1e30, do), it is taken again in float64.
    """
    import torch

    held = [localize(each) for each in tensors if each is not None]
    dense = [each.coalesce().values() if each.is_sparse else each for each in held]
    if not dense:
        return [0.0] * len(tensors)
    with torch.no_grad():
        norms = torch._foreach_norm(dense)
        device = norms[0].device
        values = torch.stack([each.to(device=device, dtype=torch.float64) for each in norms]).tolist()
        for place, value in enumerate(values):
            if value < SMALL or value == math.inf:
                values[place] = float(torch.linalg.vector_norm(dense[place], dtype=torch.float64))
    found = iter(values)
    return [0.0 if each is None else next(found) for each in tensors]


def join(norms: Iterable[float]) -> float:
    """The norm of the whole from those of its parts, without overflow."""
    return math.hypot(*norms)
