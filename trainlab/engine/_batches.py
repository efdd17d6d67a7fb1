"""Which samples each run sees at each update."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from trainlab.device import make_generator
from trainlab.step import Batch


class Order:
    """The order of the samples, epoch after epoch, of one run for each seed: `[run, sample]` indices.

    Each seed has a stream of its own, so runs with the same seed see the same batches, whatever else trains beside them.
    """

    def __init__(
        self, seeds: list[int], samples: int, *, shuffle: bool, draw: Callable[[torch.Generator], Tensor] | None = None
    ) -> None:
        self.samples, self.shuffle, self.draw = samples, shuffle, draw
        self.seeds = seeds
        self.streams = {seed: make_generator(seed, "shuffle") for seed in dict.fromkeys(seeds)}

    def next_epoch(self) -> Tensor:
        """One order a run."""
        if self.draw is not None:
            taken = {seed: self.draw(stream) for seed, stream in self.streams.items()}
            return torch.stack([taken[seed] for seed in self.seeds])
        if not self.shuffle:
            return torch.arange(self.samples).expand(len(self.seeds), -1)
        drawn = {seed: torch.randperm(self.samples, generator=stream) for seed, stream in self.streams.items()}
        return torch.stack([drawn[seed] for seed in self.seeds])


def iterate_batches(
    part: Batch, batch_size: int, order: Order, runs: Callable[[], list[int]], per_epoch: int | None = None
) -> Iterator[Batch]:
    """The batches of one epoch, `[run, sample, ...]`.

    The full batch is never reordered or copied; a mini-batch is gathered for each run, also where all runs have the same order: a
    run's arithmetic must not depend on who trains beside it.

    Args:
        part: the training part, `[sample, ...]`.
        batch_size: samples an update.
        order: advanced by one epoch.
        runs: asked before each batch for the runs still training, one a row: some may end within the epoch.
        per_epoch: samples an epoch, where those are not all of the part, each once.
    """
    samples = per_epoch or len(part.inputs)
    if batch_size >= samples and order.draw is None:
        yield expand(part, len(runs()))
        return
    indices = order.next_epoch()
    rows: list[int] = []
    for start in range(0, samples, batch_size):
        now = runs()
        if now != rows:
            rows, own = now, indices[now].to(part.inputs.device)
        chosen = own[:, start : start + batch_size]
        flat = chosen.flatten()
        yield Batch(
            inputs=_take(part.inputs, flat, chosen.shape),
            target=None if part.target is None else _take(part.target, flat, chosen.shape),
        )


def _take(values: Tensor, chosen: Tensor, shape: torch.Size) -> Tensor:
    """`values[chosen.view(shape)]`, in half the time."""
    return values.index_select(0, chosen).view(*shape, *values.shape[1:])


def gather(batches: Iterator[Batch], count: int) -> Iterator[list[Batch]]:
    """`count` batches at a time, the last ones of an epoch possibly fewer."""
    while some := list(itertools.islice(batches, count)):
        yield some


def expand(part: Batch, runs: int) -> Batch:
    """The same samples for every run, as views."""
    return Batch(
        inputs=part.inputs.expand(runs, *part.inputs.shape),
        target=None if part.target is None else part.target.expand(runs, *part.target.shape),
    )
