"""Which samples are for training, which for choosing, which for testing."""

from __future__ import annotations

import math

import numpy as np
import torch

from trainlab.config.data import Source
from trainlab.data._samples import Samples, Split, to_numpy_seed
from trainlab.errors import UserError


def split(samples: Samples, spec: Source) -> Split:
    """Take the test part, then the validation part; the rest is for training.

    scikit-learn's `train_test_split`, or `KFold`, with the data's own seed; parts that the data come in stay as they are.
    Taking the test part shuffles the rest. To take a validation part alone does not: samples that come sorted would not be so any
    more, and what their order does to the training would be hidden from whoever compares with it.

    Raises:
        UserError: a part would be empty, or a class too small to be in every part.
    """
    given = samples.given
    rest = np.arange(len(samples.inputs)) if given is None else given.train.numpy()
    labels = samples.labels
    classes = labels.numpy() if spec.stratify and labels is not None else None
    validation: np.ndarray | None = None
    test: np.ndarray | None = None
    if given is not None:
        test = None if given.test is None else given.test.numpy()
        validation = None if given.validation is None else given.validation.numpy()
    elif spec.folds is not None:
        rest, test = _take_fold(rest, classes, spec)
    elif spec.test_fraction:
        rest, test = _take(rest, classes, spec.test_fraction, "test_fraction", spec)
    if spec.validation_fraction and validation is None:
        size = math.ceil(spec.validation_fraction * (len(samples.inputs) if given is None else len(rest)))
        stays, validation = _take(rest, classes, size, "validation_fraction", spec)
        is_shuffled = given is None and spec.folds is None and spec.test_fraction > 0
        rest = stays if is_shuffled else rest[~np.isin(rest, validation)]
    return Split(
        train=torch.from_numpy(rest),
        validation=None if validation is None else torch.from_numpy(validation),
        test=None if test is None else torch.from_numpy(test),
    )


def _take(indices: np.ndarray, classes: np.ndarray | None, size: float, key: str, spec: Source) -> tuple[np.ndarray, np.ndarray]:
    """What stays, and what is taken: a share, or a whole number of samples."""
    from sklearn.model_selection import train_test_split

    strata = None if classes is None else classes[indices]
    if strata is not None and len(indices) > 1:
        _check_classes(strata, 2)
    try:
        stays, taken = train_test_split(indices, test_size=size, random_state=to_numpy_seed(spec.seed), stratify=strata)
    except ValueError as error:
        raise _explain(len(indices), strata, f"data.{key}", str(getattr(spec, key))) from error
    return stays, taken


def _take_fold(indices: np.ndarray, classes: np.ndarray | None, spec: Source) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import KFold, StratifiedKFold

    kind = KFold if classes is None else StratifiedKFold
    if classes is not None and spec.folds is not None and len(indices) >= spec.folds:
        _check_classes(classes, spec.folds)
    folds = kind(n_splits=spec.folds, shuffle=True, random_state=to_numpy_seed(spec.seed))
    try:
        stays, taken = list(folds.split(indices, classes))[spec.fold]
    except ValueError as error:
        raise _explain(len(indices), None, "data.folds", str(spec.folds)) from error
    return stays, taken


def _check_classes(strata: np.ndarray, parts: int) -> None:
    """Every class must have a sample for each of so many parts."""
    classes, counts = np.unique(strata, return_counts=True)
    if counts.min() < parts:
        found = int(counts.min())
        reason = f"class {classes[counts.argmin()]} has {found} sample{'s' * (found > 1)}, and there are {parts} parts"
        raise UserError(f"the {len(strata)} samples cannot be split by class: {reason}", key="data.stratify", value="true")


def _explain(samples: int, strata: np.ndarray | None, key: str, value: str) -> UserError:
    if samples == 1:
        return UserError("there is only one sample, which cannot be split", key=key, value=value)
    if strata is None:
        return UserError(f"leaves a part of the {samples} samples empty", key=key, value=value)
    reason = f"a part would have fewer samples than there are classes, {len(np.unique(strata))}"
    return UserError(f"the {samples} samples cannot be split by class: {reason}", key=key, value=value)
