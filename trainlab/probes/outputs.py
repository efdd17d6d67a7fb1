"""What the last layer can say at all, next to what the targets ask for: range, sums, shapes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainlab.losses import Loss
from trainlab.models.activations import RANGES
from trainlab.probes._facts import draw_samples, repeat
from trainlab.step import Evaluation

SAMPLES = 512
FAR = 50.0  # what stands for infinity: a logit beyond which no loss changes


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """Nothing without a target.

    Returns:
        prediction-shape, target-shape: `[run, dimension]`, of all training samples, as the loss gets them.
        sums_to_one: `[run]`: 1 if the outputs of every sample are shares of 1, as behind a softmax; else 0.
        output_low, output_high: `[run]`: what the last module's kind can put out; infinite where it has no limit.
        reachable_loss: `[run]`: the loss of the best outputs within this range, on the training targets; 0 if there is no limit.
    """
    train = evaluation.train
    if train.target is None or evaluation.task == "none":
        return {}
    runs = len(evaluation.flat)
    sample = draw_samples(train, SAMPLES)
    output = evaluation.predict(sample)
    shares = (output >= 0).flatten(1).all(dim=1) & ((output.sum(dim=-1) - 1).abs() < 1e-4).flatten(1).all(dim=1)
    last = list(evaluation.kinds.values())[-1]
    low, high = RANGES.get(last, (-math.inf, math.inf))
    if last == "Softmax" and output.shape[-1] == 1:
        low = high = 1.0
    if not bool(((output >= low) & (output <= high)).all()):  # NaN, or a module with other limits than its kind's usual ones
        low, high = -math.inf, math.inf
    facts = {
        "output_low": low,
        "output_high": high,
        "reachable_loss": _reach(train.target, evaluation.loss, evaluation.judge, low, high, output.shape[-1]),
    }
    predicted = (len(train.inputs), *output.shape[2:])
    return {
        **repeat(facts, runs),
        "sums_to_one": (shares & (output.shape[-1] > 1)).double(),
        "prediction-shape": torch.tensor(predicted, dtype=torch.float64).expand(runs, -1),
        "target-shape": torch.tensor(train.target.shape, dtype=torch.float64).expand(runs, -1),
    }


def _reach(target: Tensor, loss: str, judge: Loss, low: float, high: float, outputs: int) -> float:
    """Each output by itself at its best within `low` and `high`; of classes, the right one high and the others low."""
    if math.isinf(low) and math.isinf(high):
        return 0.0
    lowest, highest = max(low, -FAR), min(high, FAR)
    if loss == "cross_entropy":
        right = torch.nn.functional.one_hot(target.flatten(), outputs).double()
        return float(judge(lowest + right * (highest - lowest), target.flatten()))
    wanted = target.double()
    if loss == "bce_logits":
        return float(judge(torch.where(wanted > 0.5, highest, lowest).double(), wanted))
    return float(judge(wanted.clamp(low, high), wanted))
