"""How many samples of the test part stand in the training part too."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from trainlab.probes._facts import repeat
from trainlab.step import Batch, Evaluation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """By their inputs, number for number; nothing without a test part.

    Returns:
        duplicate_rate: `[run]`: share of the test samples whose inputs some training sample has.
        repeat_rate: `[run]`: share of the training samples whose inputs another training sample has: what chance alone gives.
        grain: `[run]`: distinct values of the input with the most of them, over distinct samples: near 1 for numbers that are
            measured, near 0 for those that are counted or chosen from a few.
    """
    if evaluation.test is None:
        return {}
    train, test = _to_rows(evaluation.train), _to_rows(evaluation.test)
    distinct, counts = np.unique(train, return_counts=True)
    columns = evaluation.train.inputs.cpu().flatten(1).numpy()
    finest = max(len(np.unique(column)) for column in columns.T)
    facts = {
        "duplicate_rate": float(np.isin(test, distinct).mean()),
        "repeat_rate": float(counts[counts > 1].sum() / len(train)),
        "grain": finest / len(distinct),
    }
    return repeat(facts, len(evaluation.flat))


def _to_rows(part: Batch) -> np.ndarray:
    """Each sample as one opaque value; -0 is 0."""
    rows = np.ascontiguousarray(part.inputs.cpu().flatten(1).numpy() + 0)
    return rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0]
