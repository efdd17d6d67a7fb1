"""Samples from configs: one source a file; then the split, then the scale."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from trainlab import plugins
from trainlab.config.data import Data
from trainlab.data._samples import Samples, Task
from trainlab.errors import UserError

__all__ = ["Dataset", "Task", "load"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Split data on the CPU in float32.

    Attributes:
        train: `(inputs [sample, feature], target)`; the target is `[sample, number]` float32, `[sample]` int64 classes, or None.
        test: the same, or None.
        task: what is to be learned.
        classes: number of classes, 0 where there are none.
    """

    train: tuple[Tensor, Tensor | None]
    test: tuple[Tensor, Tensor | None] | None
    task: Task
    classes: int

    @property
    def features(self) -> int:
        """Numbers a sample."""
        return self.train[0].shape[1]

    @property
    def targets(self) -> int:
        """Numbers to predict a sample; 0 for classes or no target."""
        target = self.train[1]
        return target.shape[1] if self.task == "regression" and target is not None else 0


@functools.lru_cache(maxsize=16)
def load(spec: Data) -> Dataset:
    """Draw, split and scale the samples of the `data` section.

    The split is scikit-learn's `train_test_split` with the data's own seed. Standardising uses the mean and spread of the training
    part only.

    Raises:
        UserError: a part of the split would be empty.
    """
    source = plugins.load(__name__, type(spec).__name__.lower())
    samples: Samples = source.draw(spec)
    dataset = _split(samples, getattr(spec, "test_fraction", 0.0), getattr(spec, "seed", 0))
    return _standardize(dataset) if getattr(spec, "standardize", False) else dataset


def _split(samples: Samples, fraction: float, seed: int) -> Dataset:
    inputs, target = samples.inputs, samples.target
    if not fraction:
        return Dataset(train=(inputs, target), test=None, task=samples.task, classes=samples.classes)
    from sklearn.model_selection import train_test_split

    try:
        train, test = train_test_split(torch.arange(len(inputs)).numpy(), test_size=fraction, random_state=seed)
    except ValueError as error:
        raise UserError(
            f"leaves a part of the {len(inputs)} samples empty", key="data.test_fraction", value=str(fraction)
        ) from error
    parts = [(inputs[part], None if target is None else target[part]) for part in map(torch.from_numpy, (train, test))]
    return Dataset(train=parts[0], test=parts[1], task=samples.task, classes=samples.classes)


def _standardize(dataset: Dataset) -> Dataset:
    mean = dataset.train[0].mean(dim=0)
    std = dataset.train[0].std(dim=0, unbiased=False)
    std = torch.where(std > 0, std, torch.ones_like(std))
    train = ((dataset.train[0] - mean) / std, dataset.train[1])
    test = ((dataset.test[0] - mean) / std, dataset.test[1]) if dataset.test else None
    return Dataset(train=train, test=test, task=dataset.task, classes=dataset.classes)
