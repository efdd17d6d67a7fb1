"""Which loss a script minimises, on what, as the graph behind it tells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from trainlab.watch._graph import name_operation, walk

NEAR = 30  # nodes between what backward is called on and the loss itself: sums, weights, scales
LOSSES = {
    "mse_loss": "mse",
    "smooth_l1_loss": "huber",
    "huber_loss": "huber",
    "binary_cross_entropy": "bce",
    "binary_cross_entropy_with_logits": "bce_logits",
    "nll_loss": "cross_entropy",
    "nll_loss2_d": "cross_entropy",
}
SHAPING = {"view", "unsafe_view", "reshape_alias", "squeeze", "unsqueeze", "transpose", "permute", "t", "clone", "to_copy", "slice"}
BY_HAND = {"pow": "mse", "abs": "l1", "mul": "mse"}  # of a difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a loss compares.

    Attributes:
        loss: its name, as in a config.
        task: what is learned.
        prediction, target: shapes, as the script gave them; None where they cannot be told.
        squashing: class of the activation right before the loss; empty if there is none.
    """

    loss: str
    task: Literal["regression", "binary", "multiclass"]
    prediction: tuple[int, ...] | None = None
    target: tuple[int, ...] | None = None
    squashing: str = ""


def read_objective(root: Any) -> Objective | None:
    """The first loss that is found behind `root`; None if none is."""
    for node in walk(root, NEAR):
        operation = name_operation(node)
        loss = LOSSES.get(operation)
        if loss == "cross_entropy":
            before = _pass_shaping(node)
            if before is None or name_operation(before) != "log_softmax":
                return None
            return Objective(loss=loss, task="multiclass", squashing=_find_squashing(before))
        if loss in ("bce", "bce_logits"):
            squashing = _find_squashing(node) if loss == "bce_logits" else ""
            shape = tuple(node._saved_self.shape)
            return Objective(loss=loss, task="binary", squashing=squashing, prediction=shape, target=shape)
        if loss is not None:
            shapes = (_undo_expand(node._saved_self), _undo_expand(node._saved_target))
            return Objective(loss=loss, task="regression", prediction=_unify(*shapes), target=_unify(*shapes[::-1]))
        if operation in BY_HAND and (compared := _read_difference(node)) is not None:
            prediction, target = compared
            return Objective(loss=BY_HAND[operation], task="regression", prediction=prediction, target=target)
    return None


def _pass_shaping(node: Any) -> Any:
    """What computed the operand of an operation, behind whatever only gave it another shape; None for data."""
    before = node.next_functions[0][0]
    while before is not None and name_operation(before) in SHAPING:
        before = before.next_functions[0][0]
    return before


def _find_squashing(node: Any) -> str:
    before = _pass_shaping(node)
    kind = name_operation(before) if before is not None else ""
    return {"softmax": "Softmax", "sigmoid": "Sigmoid"}.get(kind, "")


def _undo_expand(tensor: Any) -> tuple[int, ...]:
    """The shape before it was expanded to that of its partner: along what was repeated, the stride is 0."""
    shape = [1 if size > 1 and not stride else size for size, stride in zip(tensor.shape, tensor.stride(), strict=True)]
    return tuple(shape)


def _unify(shape: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """Without the ones in front that expanding has added, where the partner is larger there."""
    while len(shape) > 1 and shape[0] == 1 and other[len(other) - len(shape)] > 1:
        shape, other = shape[1:], other[1:]
    return shape


def _read_difference(node: Any) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Shapes of prediction and target of a loss written by hand, `((prediction - target) ** 2).mean()`.

    Only the shape of what has a gradient is kept by autograd: that of the target follows from the shape of the difference.
    """
    before = node.next_functions[0][0]
    if before is None or name_operation(before) not in ("sub", "rsub"):
        return None
    if name_operation(node) == "mul" and any(each is not before for each, _ in node.next_functions):
        return None  # only a difference times itself
    behind = [each for each, _ in before.next_functions if each is not None]
    if len(behind) != 1:
        return None
    prediction = tuple(behind[0]._input_metadata[0].shape)
    compared = tuple(before._input_metadata[0].shape)
    filled = (1,) * (len(compared) - len(prediction)) + prediction
    target = tuple(size if had == 1 else 1 for size, had in zip(compared, filled, strict=True))
    if math.prod(compared) <= max(math.prod(prediction), math.prod(target)):
        return compared, compared  # one number against many may well be meant
    return prediction, _unify(target, filled)
