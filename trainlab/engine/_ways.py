"""Which way a run is computed, and how many rows its stacks must have.

A pure function of the run's config, its device and the number of threads, never of timing or of how many runs there are: a run
would else have other bits beside other runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainlab import targets
from trainlab.engine._alone import OneByOne
from trainlab.engine._guard import choose_own_program, choose_own_rows
from trainlab.engine._mlp import HandWritten, read_network
from trainlab.engine._precision import is_mixed
from trainlab.engine._programs import Program, choose_program
from trainlab.engine._rows import ALONE, Rows, choose_rows
from trainlab.engine._work import Work
from trainlab.losses import OwnLoss, name_loss
from trainlab.step import Batch

HEAVY = 25_000_000
"""Products of a weight and a number in one pass over a batch, from which on a run is trained by itself on a CPU.

Some ten milliseconds a step, on one thread. What stacking saves is a fixed time for each operation, a few tenths of one in all, and
what it costs is that several runs must share the processor's cache.
"""
CACHED = 64  # structures whose way is kept


@dataclass(frozen=True, slots=True)
class Way:
    """How a stack is computed, and the rows that it must have while it trains."""

    program: Program
    room: Rows


_chosen: dict[tuple[str, str, int, str], Way] = {}


def choose_way(work: Work, structure: str) -> Way:
    """The way of every run of this structure (see `trainlab.engine._grouping`)."""
    place = targets.note_place() if work.is_own else ""
    key = (structure, str(work.train.inputs.device), torch.get_num_threads(), place)
    if key not in _chosen:
        if len(_chosen) >= CACHED:
            _chosen.clear()
        _chosen[key] = _choose(work)
    return _chosen[key]


def forget_ways() -> None:
    """Let go of what is kept of earlier runs."""
    _chosen.clear()


def find_room(work: Work, program: Program, sizes: Iterable[int], least: int | None = None) -> Rows:
    """The rows that a stack must have where so many samples are computed together; `least` as in `choose_rows`."""
    if isinstance(program, OneByOne):
        return ALONE
    if work.is_own:
        return choose_own_rows(work, sizes, least)
    by_hand = isinstance(program, HandWritten)
    return choose_rows(work.model, name_loss(work.loss), work.train.inputs, sizes, least=least, by_hand=by_hand)


def count_products(model: nn.Module, sample: Tensor) -> int:
    """Products of a weight and a number in one pass over one sample; `sample` holds one or more, `[sample, ...]`."""
    counts: list[int] = []

    def note(module: nn.Module, _arguments: object, output: object) -> None:
        weights = [parameter for parameter in module.parameters(recurse=False) if parameter.dim() > 1]
        if isinstance(output, Tensor) and not isinstance(module, nn.Embedding):
            places = math.prod(output.shape[2:]) if output.dim() > 3 else math.prod(output.shape[1:-1])  # pixels, or steps
            counts.extend(places * each.numel() for each in weights)

    hooks = [module.register_forward_hook(note) for module in model.modules()]
    try:
        with torch.no_grad():
            model.eval()
            model(sample[:2])  # batch norm without running statistics has none for a single one
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counts)


def _choose(work: Work) -> Way:
    precision = work.config.train.precision
    network = None if is_mixed(precision) or isinstance(work.loss, OwnLoss) else read_network(work.model, work.layout)
    if (
        not is_mixed(precision)
        and work.train.inputs.is_cpu
        and work.batch_size * count_products(work.model, work.train.inputs) > HEAVY
    ):
        alone = OneByOne(work.model, work.layout, work.loss, "one run fills the processor, stacked they would not be faster")
        return Way(alone, ALONE)
    if network is not None and work.train.inputs.dim() == 2:
        room = choose_rows(work.model, name_loss(work.loss), work.train.inputs, work.batch_sizes, by_hand=True)
        return Way(HandWritten(network, work.layout, work.loss, room), room)
    train = work.train
    batch = Batch(inputs=train.inputs[: work.batch_size], target=None if train.target is None else train.target[: work.batch_size])
    own = work.is_own
    program = choose_own_program(work, batch) if own else choose_program(work.model, work.layout, work.loss, batch, precision)
    return Way(program, find_room(work, program, work.batch_sizes))
