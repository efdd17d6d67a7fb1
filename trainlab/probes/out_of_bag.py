"""What a random forest predicts for samples that its trees have not seen: what the inputs tell, where labels do not fit."""

from __future__ import annotations

import warnings

import numpy as np
from torch import Tensor

from trainlab.probes._classes import read_classes
from trainlab.probes._facts import draw_samples, repeat
from trainlab.step import Batch, Evaluation

SAMPLES = 2000
LEAST = 50
TREES = 100
SURE = 1 / 3
OUTSIDE = 4.0
NORMAL = 1.4826


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """Of at most 2000 training samples, at least 50; nothing for tokens and for targets at every step.

    Each sample is judged by those of 100 trees that were grown without it (Breiman, 2001).

    Returns:
        oob_samples: `[run]`: how many were judged.
        oob_skill: `[run]`: 0 is what chance gives, 1 perfect: for classes, the mean share right over the classes, each vote weighed
            by how rare its class is, on this scale; for numbers, 1 - squared error / variance.
        oob_skill_error: `[run]`: its standard error.
        oob_accuracy: `[run]`: for classes, the share right.
        sure_wrong: `[run]`: for classes, the share wrong among the third of the samples that the forest is surest of. Classes that
            overlap do so at their border, where no forest is sure; labels changed at random are wrong everywhere.
        oob_outside: `[run]`: for numbers, the share of errors beyond 4 times their own robust spread, among the samples whose
            target is not itself beyond that: what targets of the wrong sample leave.
    """
    part = draw_samples(evaluation.train, SAMPLES)
    if part.target is None or evaluation.task == "none" or not part.inputs.is_floating_point() or len(part.inputs) < LEAST:
        return {}
    inputs = part.inputs.cpu().flatten(1).double().numpy()
    if evaluation.task == "regression":
        facts = _judge_numbers(inputs, part) if part.target.shape[1:] == (1,) else {}
    else:
        facts = _judge_classes(inputs, part) if read_classes(part).dim() == 1 else {}
    return repeat({"oob_samples": len(inputs), **facts}, len(evaluation.flat)) if facts else {}


def _judge_classes(inputs: np.ndarray, part: Batch) -> dict[str, float]:
    from sklearn.ensemble import RandomForestClassifier

    classes = read_classes(part).cpu().numpy()
    if not np.isfinite(inputs).all() or classes.min() == classes.max():
        return {}
    model = RandomForestClassifier(TREES, oob_score=True, random_state=0, min_samples_leaf=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a sample that every tree has seen is left out below
        votes = model.fit(inputs, classes).oob_decision_function_
    votes = np.nan_to_num(votes)
    counts = np.array([(classes == each).sum() for each in model.classes_])
    sure, said = votes.max(axis=1), model.classes_[votes.argmax(axis=1)]
    weighed = model.classes_[(votes / counts).argmax(axis=1)]
    recall = np.array([(weighed[classes == each] == each).mean() for each in model.classes_])
    chance = 1 / len(counts)
    surest = np.argsort(-sure, kind="stable")[: round(SURE * len(sure))]
    return {
        "oob_skill": float((recall.mean() - chance) / (1 - chance)),
        "oob_skill_error": float(np.sqrt((chance * (1 - chance) / counts).sum()) * chance / (1 - chance)),
        "oob_accuracy": float((said == classes).mean()),
        "sure_wrong": float((said != classes)[surest].mean()),
    }


def _judge_numbers(inputs: np.ndarray, part: Batch) -> dict[str, float]:
    from sklearn.ensemble import RandomForestRegressor

    assert part.target is not None
    target = part.target[:, 0].cpu().double().numpy()
    if not (np.isfinite(inputs).all() and np.isfinite(target).all()) or target.var() == 0:
        return {}
    model = RandomForestRegressor(TREES, oob_score=True, random_state=0, min_samples_leaf=3, max_features=1 / 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = model.fit(inputs, target).oob_prediction_
    error = target - found
    ordinary = _count_spreads(target) <= OUTSIDE
    outside = (_count_spreads(error) > OUTSIDE) & ordinary
    return {
        "oob_skill": float(1 - np.square(error).sum() / np.square(target - target.mean()).sum()),
        "oob_skill_error": len(target) ** -0.5,
        "oob_outside": float(outside.mean()),
    }


def _count_spreads(values: np.ndarray) -> np.ndarray:
    off = np.abs(values - np.median(values))
    spread = NORMAL * np.median(off)
    return off / spread if spread > 0 else np.where(off > 0, np.inf, 0.0)
