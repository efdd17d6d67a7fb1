"""What a data source returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from trainlab.data._loading import Loading
from trainlab.structure import Structure

Task = Literal["regression", "binary", "multiclass", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Indices of the samples of each part, `[sample]` int64; None for a part that is not asked for."""

    train: Tensor
    validation: Tensor | None
    test: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Samples as drawn, not yet split.

    Attributes:
        inputs: `[sample, ...]` float32: `[sample, feature]`, sequences `[sample, step, feature]`, images `[sample, channel, height,
            width]`; or tokens `[sample, step]` int64.
        target: for regression `[sample, number]` float32, or with a step before the number; `[sample]` or `[sample, step]` int64
            class numbers; or None.
        classes: number of classes; 0 where there are none.
        tokens: number of different tokens; 0 where the inputs are numbers.
        image: channels, height and width, where the features of a vector are the pixels of an image.
        structure: of the user's own data, what the inputs are to the network; None where they are what they are.
        goal: likewise, of the target.
        loading: what their DataLoader says; None without one.
        given: the parts that they came in; None where they are still to be split.
    """

    inputs: Tensor
    target: Tensor | None
    classes: int = 0
    tokens: int = 0
    image: tuple[int, int, int] | None = None
    structure: Structure | None = None
    goal: Structure | None = None
    loading: Loading | None = None
    given: Split | None = None

    @property
    def task(self) -> Task:
        """What is to be learned."""
        if self.target is None:
            return "none"
        if not self.classes:
            return "regression"
        return "binary" if self.classes == 2 else "multiclass"

    @property
    def labels(self) -> Tensor | None:
        """`[sample]` class numbers; None where a sample has none or several."""
        return self.target if self.classes and self.target is not None and self.target.dim() == 1 else None


def select(samples: Samples, indices: Tensor) -> Samples:
    """Some of the samples, in the order of `indices`."""
    target = None if samples.target is None else samples.target[indices]
    return replace(samples, inputs=samples.inputs[indices], target=target)


def choose_samples(samples: Samples, count: int | None, seed: int) -> Samples:
    """All samples, or the first `count` of a random order: a file may be sorted by class."""
    if count is None or count >= len(samples.inputs):
        return samples
    return select(samples, torch.randperm(len(samples.inputs), generator=torch.Generator().manual_seed(seed))[:count])


def to_numpy_seed(seed: int) -> int:
    """The seed as numpy and scikit-learn take it: 32 bits."""
    return seed % 2**32
