"""What the last layer can say at all, next to what the targets ask for: range, sums, shapes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainlab.losses import LOSSES, Loss, OwnLoss
from trainlab.models.activations import RANGES
from trainlab.probes._facts import draw_samples, repeat
from trainlab.step import Evaluation

SAMPLES = 512
FAR = 50.0  # what stands for infinity: a logit beyond which no loss changes


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """Nothing without a target.

    Returns:
        prediction-shape, target-shape: `[run, dimension]`, of all training samples, as the loss gets them; of a loss of the
            user's own only where each is one tensor.
        paired: `[run]`, of a loss of the user's own for which the two differ in shape alone: how much more it is, as a share, of
            predictions that are the targets of other samples than of those that are their own; 0 where every prediction is
            compared with every target.
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
    predicted, wanted = output[0], sample.target
    if isinstance(evaluation.judge, OwnLoss):
        facts |= _measure_pairing(evaluation.judge, output, sample.target)
        predicted, wanted = evaluation.judge.show(output[0], sample.target)
    shapes = {
        name: torch.tensor((len(train.inputs), *seen.shape[1:]), dtype=torch.float64).expand(runs, -1)
        for name, seen in (("prediction-shape", predicted), ("target-shape", wanted))
        if isinstance(seen, Tensor)
    }
    return {**repeat(facts, runs), **shapes, "sums_to_one": (shares & (output.shape[-1] > 1)).double()}


def _measure_pairing(loss: OwnLoss, output: Tensor, target: Tensor | None) -> dict[str, float]:
    """Whether a loss knows which target is whose; nothing where predictions cannot be targets, or all targets are alike."""
    if target is None or output.shape[1:] != target.shape or not target.is_floating_point() or bool((target == target[0]).all()):
        return {}
    try:
        own, others = (float(loss(target.clone(), each)) for each in (target, target.flip(0)))
    except Exception:  # it is the user's, and may refuse what no network of theirs puts out
        return {}
    largest = max(abs(own), abs(others))
    return {"paired": (others - own) / largest} if math.isfinite(largest) and largest > 0 else {}


def _reach(target: Tensor, loss: str, judge: Loss, low: float, high: float, outputs: int) -> float:
    """Each output by itself at its best within `low` and `high`; of classes, the right one high and the others low.

    NaN for a loss of the user's own, whose best outputs nobody knows.
    """
    if math.isinf(low) and math.isinf(high):
        return 0.0
    if loss not in LOSSES:
        return math.nan
    lowest, highest = max(low, -FAR), min(high, FAR)
    if loss == "cross_entropy":
        right = torch.nn.functional.one_hot(target.flatten(), outputs).double()
        return float(judge(lowest + right * (highest - lowest), target.flatten()))
    wanted = target.double()
    if loss == "bce_logits":
        return float(judge(torch.where(wanted > 0.5, highest, lowest).double(), wanted))
    return float(judge(wanted.clamp(low, high), wanted))
