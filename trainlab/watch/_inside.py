"""What a forward pass did inside of the network, from the graph behind its loss: units that sleep, values at a bound, the inputs.

Autograd keeps the results of these operations anyway: nothing is hooked, and nothing is computed that the script would notice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trainlab.report import Parameter
from trainlab.watch._graph import find_leaf, name_operation, walk

if TYPE_CHECKING:
    import numpy as np

KINDS = {"relu": "ReLU", "sigmoid": "Sigmoid", "tanh": "Tanh", "hardtanh": "Hardtanh"}
SAVED = {"relu": "_saved_result", "sigmoid": "_saved_result", "tanh": "_saved_result", "hardtanh": "_saved_self"}
BOUNDS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
NEAR = 0.03  # of the range between the bounds, as the engine measures it
INPUTS = {"addmm": "_saved_mat1", "mm": "_saved_self", "convolution": "_saved_input", "linear": "_saved_input"}
OPAQUE = re.compile("compiled_function|checkpoint_function")  # what stands inside of these is not in the graph
MOST = 2**18  # values of one result that are looked at
FEATURES = 4096
KEPT = 4  # looks: what no sample of the latest has woken is asleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Sums over what the first layer received: by feature, a column or a channel."""

    rows: int
    sums: np.ndarray
    squares: np.ndarray
    count: int  # numbers a sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One forward pass.

    Attributes:
        places: in the order of the pass: `id` of a parameter, and the operation that follows it; empty where its own layer works.
        awake: by place, `[unit]`: whether any sample wakes the unit.
        saturated: by place, the share of values within 3 % of a bound.
        samples: that were looked at.
        inputs: of the first layer; None where they are no numbers, or not known.
    """

    places: tuple[tuple[int, str], ...]
    awake: Mapping[int, np.ndarray]
    saturated: Mapping[int, float]
    samples: int
    inputs: Inputs | None


def look_inside(root: Any) -> Look | None:
    """At the graph of one loss; None where torch has compiled a part of it, or computes it anew in the backward pass."""
    import numpy as np
    import torch

    nodes = [node for node in walk(root) if not hasattr(node, "variable")]
    places: dict[tuple[int, str], int] = {}
    masks: dict[int, Any] = {}
    shares: dict[int, list[Any]] = {}
    samples, inputs, first = 0, None, True
    with torch.no_grad():
        for node in sorted(nodes, key=lambda each: each._sequence_nr()):
            operation = name_operation(node)
            if OPAQUE.search(operation):
                return None
            for leaf in _list_own(node):
                places.setdefault((id(leaf), ""), len(places))
            if first and operation in INPUTS:
                inputs, first = _read_inputs(node, operation), False
            if operation not in KINDS or (values := _read(node, SAVED[operation])) is None:
                continue
            leaf = find_leaf(node)
            if leaf is None:
                continue
            place = places.setdefault((id(leaf), operation), len(places))
            samples = max(samples, len(values))
            if operation == "relu":
                mask = _find_awake(values, leaf)
                held = masks.get(place)
                masks[place] = mask if held is None or held.shape != mask.shape else held | mask
            else:
                low, high = BOUNDS.get(operation) or (node._saved_min_val, node._saved_max_val)
                margin = NEAR * (high - low)
                shares.setdefault(place, []).append(((values < low + margin) | (values > high - margin)).float().mean())
    return Look(
        places=tuple(places),
        awake={place: np.asarray(mask.cpu()) for place, mask in masks.items()},
        saturated={place: float(torch.stack(each).mean()) for place, each in shares.items()},
        samples=samples,
        inputs=inputs,
    )


def _list_own(node: Any) -> Iterator[Any]:
    """The matrices and filters whose layer this operation is."""
    for behind, _ in node.next_functions:
        turned = behind is not None and name_operation(behind) == "t"
        leaf = behind.next_functions[0][0] if turned else behind
        if hasattr(leaf, "variable") and leaf.variable.dim() > 1:
            yield leaf.variable


def _read(node: Any, name: str) -> Any:
    """A saved tensor of real numbers with samples in it, no more of them than need be; None if it is not there any more."""
    try:
        values = getattr(node, name)
    except (AttributeError, RuntimeError):  # freed, or changed in place
        return None
    if values is None or values.dim() < 2 or not values.numel() or not values.is_floating_point():
        return None
    values = values.detach()
    return values[:: -(-values.numel() // MOST)]


def _find_awake(values: Any, leaf: Any) -> Any:
    """`[unit]`: a unit of an image or a series is a channel, else a feature. The layer before tells how many there are."""
    units = leaf.shape[0]
    fitting = [dim for dim in range(1, values.dim()) if values.shape[dim] == units]
    usual = 1 if values.dim() in (2, 4, 5) else values.dim() - 1
    unit = usual if usual in fitting or not fitting else fitting[0]
    return (values != 0).movedim(unit, -1).flatten(0, -2).any(dim=0)


def _read_inputs(node: Any, operation: str) -> Inputs | None:
    """Of the first layer, where its inputs are data: nothing that has a gradient."""
    import numpy as np

    place = 1 if operation == "addmm" else 0
    if node.next_functions[place][0] is not None or (values := _read(node, INPUTS[operation])) is None:
        return None
    count = values[0].numel()
    columns = values.movedim(1, -1).flatten(0, -2) if values.dim() == 4 else values.flatten(1)
    if columns.shape[1] > FEATURES:
        return None
    columns = columns.double()
    sums, squares = columns.sum(dim=0), columns.square().sum(dim=0)
    return Inputs(rows=len(columns), sums=np.asarray(sums.cpu()), squares=np.asarray(squares.cpu()), count=count)


@dataclass(slots=True)
class Inside:
    """Of one model: the first look, and the latest ones together.

    Attributes:
        names: of the places, in the order of the forward pass, with the class that works there.
        initial: shares of saturated values at the first look.
        looks: the latest ones, as `(awake, saturated, samples)` by name.
        opaque: a part of the network could not be seen.
        inputs: of all looks.
    """

    names: dict[str, str] = field(default_factory=dict)
    initial: dict[str, float] = field(default_factory=dict)
    looks: list[tuple[dict[str, np.ndarray], dict[str, float], int]] = field(default_factory=list)
    opaque: bool = False
    inputs: list[Inputs] = field(default_factory=list)

    def add(self, look: Look | None, parameters: Mapping[int, Parameter]) -> None:
        """One more look, of which only what belongs to these parameters counts; None for one that could not be made."""
        if look is None:
            self.opaque = True
            return
        named = [self._name(place, parameters) for place in look.places]
        awake = {name: look.awake[place] for place, (name, _) in enumerate(named) if name and place in look.awake}
        saturated = {name: look.saturated[place] for place, (name, _) in enumerate(named) if name and place in look.saturated}
        if not self.names:
            self.initial = saturated
        self.names.update({name: kind for name, kind in named if name and name not in self.names})
        self.looks = [*self.looks, (awake, saturated, look.samples)][-KEPT:]
        if look.inputs is not None and (not self.inputs or look.inputs.sums.shape == self.inputs[0].sums.shape):
            self.inputs.append(look.inputs)

    @staticmethod
    def _name(place: tuple[int, str], parameters: Mapping[int, Parameter]) -> tuple[str, str]:
        parameter = parameters.get(place[0])
        if parameter is None:
            return "", ""
        owner = parameter.name.rpartition(".")[0] or parameter.name
        return (f"{place[1]} after {owner}", KINDS[place[1]]) if place[1] else (owner, parameter.module)

    def is_known(self) -> bool:
        """Whether all of the network was looked at."""
        return bool(self.looks) and not self.opaque

    def list_arrays(self) -> dict[str, np.ndarray]:
        """`activation-dead`, `activation-saturated` and `initial-saturated`, one number a place; NaN where there is nothing."""
        import numpy as np

        dead = {}
        for name in self.names:
            masks = [awake[name] for awake, _, _ in self.looks if name in awake]
            if masks and all(mask.shape == masks[0].shape for mask in masks):
                dead[name] = 1 - float(np.logical_or.reduce(masks).mean())
        late = {
            name: float(np.mean([saturated[name] for _, saturated, _ in self.looks if name in saturated]))
            for name in self.initial
            if any(name in saturated for _, saturated, _ in self.looks)
        }
        columns = {"activation-dead": dead, "activation-saturated": late, "initial-saturated": self.initial}
        return {kind: np.array([column.get(name, np.nan) for name in self.names]) for kind, column in columns.items()}

    def count_samples(self) -> int:
        """That the shares of dead units stand on."""
        return sum(samples for _, _, samples in self.looks)

    def measure_inputs(self) -> dict[str, float]:
        """As the probe `features` does; nothing where no feature varies."""
        if not self.inputs:
            return {}
        import numpy as np

        rows = sum(each.rows for each in self.inputs)
        mean = np.add.reduce([each.sums for each in self.inputs]) / rows
        square = np.add.reduce([each.squares for each in self.inputs]) / rows
        std, level = np.sqrt(np.maximum(square - mean**2, 0)), np.sqrt(square)
        varies = std > 1e-6 * level
        if not np.isfinite(level).all() or not varies.any():
            return {}
        largest = int(np.where(varies, level, -1.0).argmax())
        count = self.inputs[0].count
        return {
            "feature_level": float(level[largest]),
            "feature_spread": float(level[largest] / np.median(std[varies])),
            "feature_power": float(square.sum()) * count / len(level),
            "feature_count": count,
            "feature_largest": largest,
        }
