"""How a DataLoader deals out its samples: how many a batch, in which order."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, SubsetRandomSampler

from trainlab.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loading:
    """What a DataLoader says.

    Attributes:
        batch_size: samples a batch.
        shuffle: whether each epoch has a new order of all samples.
        sampler: draws the order where that is another one; None elsewhere.
        drawn: samples that the sampler draws for an epoch.
        drop_last: leave out the last batch of an epoch where it has fewer samples.
    """

    batch_size: int
    shuffle: bool
    sampler: Any = None
    drawn: int = 0
    drop_last: bool = False

    def count(self, samples: int, batch_size: int) -> int:
        """Samples an epoch, of so many in the training part."""
        count = samples if self.sampler is None else self.drawn
        return count // batch_size * batch_size if self.drop_last else count

    def draw(self, stream: torch.Generator) -> Tensor:
        """`[sample]` indices of one epoch, drawn by the sampler from a run's own stream."""
        seed = int(torch.randint(2**62, (), generator=stream))
        sampler = copy.copy(self.sampler)
        if getattr(sampler, "generator", None) is not None:
            sampler.generator = None  # which all runs would share
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return torch.tensor([int(each) for each in sampler][: self.drawn])


def read_loading(loader: DataLoader[Any], target: str) -> tuple[Loading, list[int]]:
    """What the loader says, and which samples of its dataset it deals out.

    Raises:
        UserError: it makes batches in a way of its own.
    """
    batches = loader.batch_sampler
    if not (isinstance(batches, BatchSampler) and type(batches) is BatchSampler):
        reason = "has no batch size" if batches is None else f"makes its batches by a {type(batches).__name__}"
        raise UserError(
            f"the DataLoader {reason}: give it a batch size and, where need be, a sampler", key="data.target", value=target
        )
    sampler, size = batches.sampler, int(batches.batch_size)
    everything = list(range(len(loader.dataset)))  # type: ignore[arg-type]  # who calls has seen that it has a length
    if isinstance(sampler, SubsetRandomSampler):
        everything = [int(each) for each in sampler.indices]
    plain = type(sampler) is RandomSampler and not sampler.replacement and sampler.num_samples == len(everything)
    plain = plain or type(sampler) in (SequentialSampler, SubsetRandomSampler)
    loading = Loading(
        batch_size=size,
        shuffle=not isinstance(sampler, SequentialSampler),
        sampler=None if plain else sampler,
        drawn=0 if plain else _count(sampler, target),
        drop_last=bool(batches.drop_last),
    )
    return loading, everything


def _count(sampler: Any, target: str) -> int:
    try:
        return len(sampler)
    except TypeError:
        raise UserError(f"the sampler, a {type(sampler).__name__}, must have a length", key="data.target", value=target) from None
