"""Gradients that a step leaves behind, and whether they are cleared before the next backward pass adds to them."""

from __future__ import annotations

from trainlab.watch._record import Record, localize


def find_left(record: Record) -> int | None:
    """The place of a parameter whose gradient lies there after the step."""
    for place, tensor in enumerate(record.tensors):
        if tensor.grad is not None and not tensor.grad.is_sparse and localize(tensor.grad).numel():
            return place
    return None


def see_left(record: Record) -> None:
    """Before a backward pass: whether the gradient that the last step left has been cleared by now.

    Once is enough: gradients of a second backward pass are meant to come on top. A pass for another model (the generator's, through
    the discriminator) may find it uncleared first.
    """
    if record.left is None or record.cleared:
        return
    gradient = record.tensors[record.left].grad
    record.cleared = gradient is None or not bool(localize(gradient).any())
