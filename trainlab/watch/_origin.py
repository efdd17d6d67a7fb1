"""Where the first number came from that is none: the operation, and the layer it stands in or behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trainlab.watch._graph import find_leaf, name_operation, read_saved, walk

# Where an operation is not defined, by what it has saved for its backward pass.
UNDEFINED: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "log": lambda saved: saved["self"] <= 0,
    "log2": lambda saved: saved["self"] <= 0,
    "log10": lambda saved: saved["self"] <= 0,
    "log1_p": lambda saved: saved["self"] <= -1,
    "div": lambda saved: saved["other"] == 0,
    "acos": lambda saved: saved["self"].abs() > 1,
    "asin": lambda saved: saved["self"].abs() > 1,
}
RESULTS = ("result", "output", "out")
# Their result is no finite number only where their input is none.
PASSING = {"relu", "leaky_relu", "elu", "sigmoid", "tanh", "hardtanh", "gelu", "silu", "prelu"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where it began.

    Attributes:
        operation: its name; empty where the data brought it.
        parameter: the nearest parameter behind it; None if there is none.
        own: whether the operation is the work of that parameter's own layer, or comes after it.
        part: `inputs` or `targets`, where the data brought it.
        samples: how many of the batch hold such a number.
        feature: the first that does; None if that cannot be told.
    """

    operation: str = ""
    parameter: Any = None
    own: bool = False
    part: str = ""
    samples: int = 0
    feature: int | None = None

    def name(self, names: Mapping[int, str]) -> str:
        """The place in words, parameters by the names that go with their `id`."""
        if self.part:
            return self.part
        layer = names.get(id(self.parameter), "").rpartition(".")[0] or names.get(id(self.parameter), "")
        if not layer:
            return self.operation
        return layer if self.own else f"{self.operation} (after {layer})"


def find_origin(root: Any) -> Origin | None:
    """The first operation, in the order of the forward pass, that made a number which is not finite; None if none is found.

    A walk over the whole graph with a look at every tensor saved in it: for the one loss that is not finite.
    """
    nodes = [node for node in walk(root) if not hasattr(node, "variable")]
    for node in sorted(nodes, key=lambda each: each._sequence_nr()):
        saved = read_saved(node)
        operation = name_operation(node)
        bad = [name for name, tensor in saved.items() if tensor.is_floating_point() and not bool(tensor.isfinite().all())]
        if bad:
            return _blame(node, operation, bad, saved)
        if operation in UNDEFINED:
            try:
                undefined = UNDEFINED[operation](saved)
            except KeyError:  # not saved, for no gradient needs it
                continue
            if bool(undefined.any()):
                return _describe(node)
    return None


def _blame(node: Any, operation: str, bad: list[str], saved: Mapping[str, Any]) -> Origin:
    """An operation that saved such a number has made it, or got it from the one before, or from the data."""
    name = next((each for each in bad if each not in RESULTS), bad[0])
    if name == "target":
        return _count("targets", saved[name])
    if name in RESULTS and operation not in PASSING:
        return _describe(node)
    place = {"other": 1, "mat2": 1, "weight": 1}.get(name, 0)
    if operation in ("addmm", "baddbmm"):
        place = {"mat1": 1, "mat2": 2, "batch1": 1, "batch2": 2}.get(name, 0)
    before = node.next_functions[place][0] if place < len(node.next_functions) else None
    return _count("inputs", saved[name]) if before is None else _describe(before)


def _describe(node: Any) -> Origin:
    behind = [after for after, _ in node.next_functions if after is not None]
    direct = [each for each in behind if hasattr(each, "variable") or name_operation(each) == "t"]
    operation = name_operation(node)
    return Origin(operation=operation, parameter=find_leaf((direct or [node])[0]), own=bool(direct) and operation not in UNDEFINED)


def _count(part: str, tensor: Any) -> Origin:
    bad = ~tensor.isfinite()
    rows = bad.flatten(1) if bad.dim() > 1 else bad[:, None] if bad.dim() else bad[None, None]
    feature = int(rows.any(dim=0).nonzero()[0, 0]) if bad.dim() == 2 else None
    return Origin(part=part, samples=int(rows.any(dim=1).sum()), feature=feature)
