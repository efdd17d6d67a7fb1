"""Which runs can train as one stack, and how many at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from trainlab import optimizers
from trainlab.config.initialization import AsInput, ByRule
from trainlab.config.optimizer import SGD
from trainlab.config.regularize import Regularize
from trainlab.config.schedule import ConstantSchedule
from trainlab.config.training import EarlyStopping, NoClip
from trainlab.engine._alone import OneByOne
from trainlab.engine._mlp import HandWritten
from trainlab.engine._ways import Way, choose_way
from trainlab.engine._work import Work

CACHE_BYTES = 4 * 2**20
"""Activations of one layer that a stack may hold: more of them leave the processor's cache, and the stack gets slower."""
MAX_ROWS = 1024
STATE_BYTES = 2**28
PIECE_BYTES = 2**26
"""Activations of one layer that a stack at rest may hold."""


def group(works: Sequence[Work]) -> list[list[int]]:
    """Positions of the runs that differ only in what a stack can hold a row each of.

    That is seed, initial weights, schedule, clip limits, patience, and the numbers of one optimizer family.
    """
    groups: dict[str, list[int]] = {}
    for position, work in enumerate(works):
        groups.setdefault(_structure(work), []).append(position)
    return [part for positions in groups.values() for part in _cut(positions, works[positions[0]])]


def find_way(work: Work) -> Way:
    """How the runs of this structure are computed."""
    return choose_way(work, _structure(work))


def count_rows_at_rest(work: Work, samples: int) -> int:
    """How many rows may be evaluated at a time, on so many samples."""
    return PIECE_BYTES * work.batch_size // max(max(_measure_activations(work), default=0) * samples, 1)


def _structure(work: Work) -> str:
    config = work.config
    model = config.model
    starts = {name: start for name, start in {"init": ByRule(), "recurrent_init": AsInput()}.items() if hasattr(model, name)}
    # How much is dropped is a number; whether anything is, is structure
    shares = {name: 0.5 if getattr(model, name, 0.0) else 0.0 for name in ("dropout", "input_dropout") if hasattr(model, name)}
    model = replace(model, **starts, **shares)  # type: ignore[arg-type]  # only what this kind has
    # These cost time, and lay the inputs out anew, which another kernel may compute
    changes = config.regularize
    costly = [bool(each) for each in (changes.label_smoothing, changes.adversarial, changes.input_noise, changes.weight_noise)]
    alike = replace(config, seed=0, model=model, optimizer=SGD(), schedule=ConstantSchedule())
    alike = replace(alike, regularize=Regularize(), clip=NoClip(), weights=None, rules={}, vs=[], vary={})
    alike = replace(alike, train=replace(config.train, early_stopping=EarlyStopping()))
    # Rates by group take another step where runs train one by one
    return repr((alike, optimizers.name_family(config.optimizer), bool(config.optimizer.groups), costly, work.is_steered))


def count_bytes(works: Sequence[Work]) -> int:
    """Memory that a stack takes while it trains, beside the data: weights, gradients, optimizer memory, activations."""
    rows = max(len(works), 2)
    return rows * (_count_state(works[0]) + 2 * sum(_measure_activations(works[0])))


def _count_rows(work: Work, way: Way) -> int:
    state = _count_state(work)
    most = min(MAX_ROWS, STATE_BYTES // max(state, 1))
    if isinstance(way.program, OneByOne):
        return max(1, min(most, CACHE_BYTES // max(state, 1)))  # the fewer runs take turns, the more of their weights stay at hand
    if not isinstance(way.program, HandWritten):  # which sees to that itself
        most = min(most, CACHE_BYTES // max([*_measure_activations(work), 1]))
    return way.room.round(most)


def _count_state(work: Work) -> int:
    """Bytes of one run: weights, gradients, optimizer memory and temporaries, and its batch."""
    inputs = work.train.inputs
    batch = 0 if work.batch_size == work.samples else inputs[:1].numel() * work.batch_size
    return (work.layout.total * 8 + batch) * inputs.element_size()


def _measure_activations(work: Work) -> list[int]:
    """Bytes of the output of each module for one batch of one run."""
    sizes: list[int] = []

    def note(_module: nn.Module, _arguments: object, output: object) -> None:
        if isinstance(output, Tensor):
            sizes.append(output[:1].numel() * work.batch_size * output.element_size())

    leaves = [module for module in work.model.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(note) for module in leaves]
    try:
        with torch.no_grad():
            work.model.eval()
            work.model(work.train.inputs[:2])
    finally:
        for hook in hooks:
            hook.remove()
    return sizes


def _cut(positions: list[int], work: Work) -> list[list[int]]:
    """Stacks of about the same size."""
    way = find_way(work)
    stacks = math.ceil(len(positions) / _count_rows(work, way))
    rows = math.ceil(len(positions) / stacks / way.room.multiple) * way.room.multiple
    return [positions[start : start + rows] for start in range(0, len(positions), rows)]
