"""Where the ranks meet: every operation in which one waits for the others, noted on a board that who started them can read."""

from __future__ import annotations

from collections.abc import MutableSequence
from enum import IntEnum

import torch.distributed as dist
from torch import Tensor

PLACES = 3
"""Numbers on the board for each rank: how often it has moved on, its Stage, and the update it is at."""


class Stage(IntEnum):
    """What a rank is at."""

    STARTING = 0
    COMPUTING = 1
    WAITING = 2
    DONE = 3


_board: MutableSequence[int] = [0] * PLACES  # one process, one rank
_seat = 0


def sit_down(board: MutableSequence[int], seat: int) -> None:
    """Say from here on how far this process is, in the places of the board from `PLACES * seat`."""
    global _board, _seat  # see `_board`
    _board, _seat = board, PLACES * seat


def note(stage: Stage, update: int | None = None) -> None:
    """This rank has moved on."""
    _board[_seat] += 1
    _board[_seat + 1] = stage
    if update is not None:
        _board[_seat + 2] = update


def add_up(values: Tensor, group: dist.ProcessGroup) -> Tensor:
    """The sum over the ranks, a new tensor."""
    return _reduce(values, dist.ReduceOp.SUM, group)


def find_largest(values: Tensor, group: dist.ProcessGroup) -> Tensor:
    """The largest of the ranks' numbers, each by itself."""
    return _reduce(values, dist.ReduceOp.MAX, group)


def _reduce(values: Tensor, operation: dist.ReduceOp.RedOpType, group: dist.ProcessGroup) -> Tensor:
    total = values.detach().clone().contiguous()
    note(Stage.WAITING)
    dist.all_reduce(total, op=operation, group=group)
    note(Stage.COMPUTING)
    return total


def take_over(values: Tensor, group: dist.ProcessGroup) -> None:
    """Write over a tensor what the first rank has there."""
    note(Stage.WAITING)
    dist.broadcast(values, 0, group=group)
    note(Stage.COMPUTING)


def wait_for_all(group: dist.ProcessGroup) -> None:
    """Until all ranks are here."""
    note(Stage.WAITING)
    dist.barrier(group=group)
    note(Stage.COMPUTING)
