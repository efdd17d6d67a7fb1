"""Which samples each rank has at each update: plain arithmetic on the places in an epoch's order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from trainlab.config.distributed import Distributed
from trainlab.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one update is computed from. All are places in the epoch's order of the samples.

    Attributes:
        number: of the update in its epoch, counted from 1.
        batches: for each rank its batches, none of them empty; a rank that has run out of samples has none.
        padding: for each rank and batch which of the samples are there a second time.
    """

    number: int
    batches: tuple[tuple[tuple[int, ...], ...], ...]
    padding: tuple[tuple[tuple[bool, ...], ...], ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Samples of each rank."""
        return tuple(sum(map(len, batches)) for batches in self.batches)

    @property
    def places(self) -> tuple[int, ...]:
        """Of all samples, those of the first rank first; what is there twice stands twice."""
        return tuple(place for batches in self.batches for batch in batches for place in batch)

    @property
    def kept(self) -> tuple[int, ...]:
        """Which of `places` are not there a second time: what one process would see."""
        flags = itertools.chain.from_iterable(batch for batches in self.padding for batch in batches)
        return tuple(row for row, again in enumerate(flags) if not again)


def deal(samples: int, section: Distributed, batch_size: int | None, accumulate: int = 1) -> list[Round]:
    """The updates of one epoch.

    Args:
        samples: of the epoch.
        section: how they are shared.
        batch_size: samples a batch of one rank, on average where shares differ; None for all that it has.
        accumulate: batches of each rank before an update.

    Raises:
        UserError: there are fewer samples than ranks.
    """
    if samples < section.ranks:
        raise UserError(f"are more than the {samples} samples of an epoch", key="distributed.ranks", value=str(section.ranks))
    parts = _share_out(samples, section)
    if section.shares is None or batch_size is None:
        sizes = [batch_size or len(part) for part in parts]
        rounds = max(math.ceil(len(part) / size) for part, size in zip(parts, sizes, strict=True))
    else:
        rounds = math.ceil(samples / (batch_size * section.ranks))
        sizes = [math.ceil(len(part) / rounds) for part in parts]
    updates = []
    for number, first in enumerate(range(0, rounds, accumulate), 1):
        cut = [
            [part[at * size : (at + 1) * size] for at in range(first, min(first + accumulate, rounds)) if at * size < len(part)]
            for part, size in zip(parts, sizes, strict=True)
        ]
        updates.append(
            Round(
                number=number,
                batches=tuple(tuple(tuple(place % samples for place in batch) for batch in batches) for batches in cut),
                padding=tuple(tuple(tuple(place >= samples for place in batch) for batch in batches) for batches in cut),
            )
        )
    return updates


def _share_out(samples: int, section: Distributed) -> list[Sequence[int]]:
    """The places of each rank; those from `samples` on are there a second time."""
    ranks = section.ranks
    if section.shares is not None:
        return _share_in_proportion(samples, section.shares, is_strided=section.sharding == "strided")
    each = samples // ranks if section.remainder == "drop" else math.ceil(samples / ranks)
    if section.sharding == "strided":
        parts: list[Sequence[int]] = [range(rank, each * ranks, ranks) for rank in range(ranks)]
    else:
        parts = [range(rank * each, (rank + 1) * each) for rank in range(ranks)]
    if section.remainder == "uneven":
        parts = [[place for place in part if place < samples] for part in parts]
    return parts


def _share_in_proportion(samples: int, shares: Sequence[int], *, is_strided: bool) -> list[Sequence[int]]:
    bounds = [0, *itertools.accumulate(shares)]
    if is_strided:
        return [[place for place in range(samples) if low <= place % bounds[-1] < high] for low, high in itertools.pairwise(bounds)]
    cuts = [round(samples * bound / bounds[-1]) for bound in bounds]
    return [range(low, high) for low, high in itertools.pairwise(cuts)]


def choose(updates: int, steps: int) -> list[int]:
    """Numbers of the updates of an epoch to compute, so many: the first ones, and the last, whose batches may be smaller."""
    return list(range(1, updates + 1)) if updates <= steps else [*range(1, steps), updates]
