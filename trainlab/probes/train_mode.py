"""How well the same samples are judged when batch norm normalises by the batch, as in training, and by what it has kept."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.numerics import to_double
from trainlab.probes._classes import decide, read_classes
from trainlab.probes._facts import draw_samples
from trainlab.step import Batch, Evaluation

SAMPLES = 512


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """On at most 512 training samples, in batches as large as those of the training; nothing without batch norm or a target.

    Nothing is dropped in either mode.

    Returns:
        train_mode_loss, eval_mode_loss: `[run]`: mean loss of the same samples.
        train_mode_accuracy, eval_mode_accuracy: `[run]`: for classes, the share right.
    """
    if evaluation.train.target is None or not any("BatchNorm" in kind for kind in evaluation.kinds.values()):
        return {}
    part = draw_samples(evaluation.train, SAMPLES)
    size = evaluation.batch_size
    whole = len(part.inputs) // size * size if size < len(part.inputs) else len(part.inputs)
    part = Batch(inputs=part.inputs[:whole], target=part.target[:whole])  # type: ignore[index]  # there is one
    pieces = [evaluation.respond(Batch(inputs=each, target=None)) for each in torch.split(part.inputs, size)]
    found = {"train": torch.cat(pieces, dim=1), "eval": evaluation.predict(part)}
    measured: dict[str, Tensor] = {}
    for name, output in found.items():
        measured[f"{name}_mode_loss"] = torch.stack([evaluation.judge(each, part.target) for each in output])
        if evaluation.task not in ("regression", "none"):
            right = decide(output, evaluation.loss) == read_classes(part)
            measured[f"{name}_mode_accuracy"] = to_double(right.float()).flatten(1).mean(dim=1)
    return measured
