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
        batches = [_cut(part, batch_size or len(part)) for part in parts]
    else:
        rounds = math.ceil(samples / (batch_size * section.ranks))
        batches = [_divide(part, rounds) for part in parts]
    longest = max(map(len, batches))
    cut = [[[batch for batch in own[at : at + accumulate] if batch] for own in batches] for at in range(0, longest, accumulate)]
    return [
        Round(
            number=number,
            batches=tuple(tuple(tuple(place % samples for place in batch) for batch in own) for own in shares),
            padding=tuple(tuple(tuple(place >= samples for place in batch) for batch in own) for own in shares),
        )
        for number, shares in enumerate(filter(any, cut), 1)
    ]


def _cut(part: Sequence[int], size: int) -> list[Sequence[int]]:
    """Batches of one size, the last of which may be smaller."""
    return [part[at : at + size] for at in range(0, len(part), max(1, size))]


def _divide(part: Sequence[int], count: int) -> list[Sequence[int]]:
    """So many batches, as even as can be."""
    bounds = [round(at * len(part) / count) for at in range(count + 1)]
    return [part[low:high] for low, high in itertools.pairwise(bounds)]


def _share_out(samples: int, section: Distributed) -> list[Sequence[int]]:
    """The places of each rank; those from `samples` on are there a second time."""
    ranks = section.ranks
    if section.shares is not None:
        shares = list(itertools.islice(itertools.cycle(section.shares), ranks))
        return _share_in_proportion(samples, shares, is_strided=section.sharding == "strided")
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
