"""Which runs can train as one stack, and how many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from trainlab.config.model import ByRule
from trainlab.config.training import SGD, NoClip
from trainlab.engine._work import Work

CACHE_BYTES = 8 * 2**20
"""Activations of one layer that a stack may hold: more than this leaves the processor's cache, and a stack gets slower, not faster."""
MAX_ROWS = 1024
STATE_BYTES = 2**28


def group(works: Sequence[Work]) -> list[list[int]]:
    """Positions of the runs that differ only in what a stack can hold as a column: seed, initial weights, rates, clip limits."""
    groups: dict[str, list[int]] = {}
    for position, work in enumerate(works):
        groups.setdefault(_structure(work), []).append(position)
    return [part for positions in groups.values() for part in _cut(positions, _count_rows(works[positions[0]]))]


def _structure(work: Work) -> str:
    config = work.config
    optimizer = config.optimizer
    family = (optimizer.name, isinstance(optimizer, SGD) and optimizer.nesterov)
    same = replace(config, seed=0, model=replace(config.model, init=ByRule()), clip=NoClip(), rules={}, vary={})
    return repr((replace(same, optimizer=SGD()), family))


def _count_rows(work: Work) -> int:
    activation = max(_largest_activation(work), 1)
    parameters = max(work.layout.total * work.train.inputs.element_size() * 8, 1)  # weights, gradients, optimizer memory, temporaries
    return max(2, min(MAX_ROWS, CACHE_BYTES // activation, STATE_BYTES // parameters))


def _largest_activation(work: Work) -> int:
    """Bytes of the largest output of any module for one batch."""
    sizes = [0]

    def note(_module: nn.Module, _arguments: object, output: object) -> None:
        if isinstance(output, Tensor):
            sizes.append(output[:1].numel() * work.batch_size * output.element_size())

    hooks = [module.register_forward_hook(note) for module in work.model.modules()]
    try:
        with torch.no_grad():
            work.model.eval()
            work.model(work.train.inputs[:2])
    finally:
        for hook in hooks:
            hook.remove()
    return max(sizes)


def _cut(positions: list[int], rows: int) -> list[list[int]]:
    return [positions[start : start + rows] for start in range(0, len(positions), rows)]
