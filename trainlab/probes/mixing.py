"""How far a sample's output moves when only another sample of its batch is changed."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.numerics import to_double
from trainlab.probes._facts import draw_samples
from trainlab.step import Batch, Evaluation

SAMPLES = 8


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """In evaluation mode, where each sample should be by itself, in a batch of 8; nothing for fewer than 3 training samples.

    Returns:
        mixing: `[run]`: the largest change of any other sample's output, over the largest change of the changed one's own or the
            largest output, whichever is more.
    """
    part = draw_samples(evaluation.train, SAMPLES + 1)
    if len(part.inputs) < 3:
        return {}
    inputs, other = part.inputs[:-1], part.inputs[-1]
    changed = inputs.clone()
    changed[0] = other
    before, after = (to_double(evaluation.predict(Batch(inputs=each, target=None))) for each in (inputs, changed))
    moved = (after - before).abs().flatten(2).amax(dim=2)  # [run, sample]
    size = torch.maximum(moved[:, 0], before.abs().flatten(1).amax(dim=1))
    return {"mixing": torch.where(size > 0, moved[:, 1:].amax(dim=1) / size, 0.0)}
