"""What was seen of a script, as traces that rules judge and runs that a report shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainlab.config import Config, validate
from trainlab.errors import UserError
from trainlab.report import LossScaling, Module, Series, Trace
from trainlab.watch._objective import Objective
from trainlab.watch._record import Record

NAMES = {
    "SGD": "sgd",
    "Adam": "adam",
    "AdamW": "adamw",
    "RMSprop": "rmsprop",
    "Adagrad": "adagrad",
    "NAdam": "nadam",
    "RAdam": "radam",
}
POINTS = 200  # of the course of the loss: the mean of as many stretches of updates


COUNTS = {
    "looked": "looked",
    "without_gradient": "without-gradient",
    "clearing_checked": "clearing-seen",
    "not_cleared": "not-cleared",
    "mode_checked": "mode-seen",
    "in_eval_mode": "eval-mode",
    "clipped_steps": "clipped",
    "clipped_before_backward": "before-backward",
    "clipped_inside_accumulation": "inside-accumulation",
    "clipped_before_unscaling": "before-unscaling",
    "evaluated": "evaluated",
    "evaluated_in_training_mode": "training-mode",
}


def make_trace(record: Record, *, name: str, idle: Sequence[str] | None) -> Trace:
    """The trace of one model.

    Args:
        record: what was seen of it.
        name: of the run.
        idle: what was made and never stepped; None if the script was ended early.

    Returns:
        the trace; its `config` says what is known of the script: the optimizer, and that batches vary.
    """
    at = np.array(record.at, dtype=np.int64)
    objective = record.objective
    done = len(record.changes)  # the last update may have been begun and never ended
    inside = record.inside if record.inside.is_known() else None
    squashing = objective.squashing if objective is not None else ""
    ratios = _divide(np.array(record.changes), np.array(record.weights[:done])) if done else np.empty((0, len(record.parameters)))
    series = {
        "gradient-norm": Series(per="update", at=at, values=np.array(record.norms).reshape(len(at), len(record.parameters))),
        "weight-norm": Series(per="update", at=at, values=np.array(record.weights).reshape(len(at), len(record.parameters))),
        "update-ratio": Series(per="update", at=at[:done], values=ratios),
        "loss": _smooth(np.array(record.losses)),
        "learning-rate": _thin(np.array(record.rates)),
    }
    if record.sharded:
        values = np.array(record.changes).reshape(done, len(record.parameters))
        series["change-norm"] = Series(per="update", at=at[:done], values=values)
    totals = np.array([np.hypot.reduce(row) for row in record.norms]) if record.norms else np.empty(0)
    series["total-norm"] = Series(per="update", at=at, values=totals)
    if record.clipped:
        places = np.array(list(record.clipped), dtype=np.int64)
        columns = np.array(list(record.clipped.values()))
        for column, kind in enumerate(("total-norm", "used-norm", "clip-angle")):
            series[kind] = Series(per="update", at=places, values=columns[:, column])
    return Trace(
        name=name,
        patch={},
        config=_guess_config(record),
        seed=0,
        parameters=record.parameters,
        series=series,
        arrays={
            "unheld-parameters": np.array(record.unheld, dtype=str),
            **({} if idle is None else {"never-stepped": np.array(idle, dtype=str)}),
            **_list_shapes(objective),
            **({} if inside is None else {name: np.append(values, np.nan) for name, values in inside.list_arrays().items()}),
        },
        metrics={
            **{metric: record.counts[count] for metric, count in COUNTS.items()},
            **_measure_data(record),
            **record.inside.measure_inputs(),
            **record.batches.measure(),
            **({"sharded": 1} if record.sharded else {}),
        },
        # The last one is what stands before the loss
        modules=(
            *(Module(name=name, kind=kind) for name, kind in (inside.names.items() if inside is not None else ())),
            *([Module(name="", kind=squashing)] if squashing or inside is not None else []),
        ),
        sizes={"train": max(2, inside.count_samples() if inside is not None else record.batches.samples)},
        task="regression" if objective is None else objective.task,
        scaling=None
        if record.scale is None
        else LossScaling(skipped=record.counts["skipped"] + int(record.overflows), scale=record.scale),
        updates=record.steps,
        planned=record.steps,
        nonfinite=record.nonfinite,
        how="watched",
    )


def _list_shapes(objective: Objective | None) -> dict[str, np.ndarray]:
    if objective is None or objective.prediction is None or objective.target is None:
        return {}
    shapes = {"prediction-shape": objective.prediction, "target-shape": objective.target}
    return {name: np.array(shape, dtype=float) for name, shape in shapes.items()}


def _measure_data(record: Record) -> dict[str, float]:
    """What the loss tells of the data: where it is finite, they were; and of what stands before it."""
    facts: dict[str, float] = {} if record.objective is None else {"sums_to_one": float(record.objective.squashing == "Softmax")}
    spoilt = record.spoilt
    # Where it is known that something else broke first, the data were finite until then
    sound = record.nonfinite is None or record.nonfinite.where not in ("loss", "inputs", "targets")
    if spoilt is not None or (sound and any(math.isfinite(loss) for loss in record.losses)):
        for part in ("inputs", "targets"):
            facts[f"train_nonfinite_{part}"] = spoilt.samples if spoilt is not None and spoilt.part == part else 0
        if spoilt is not None and spoilt.feature is not None:
            facts["nonfinite_feature"] = spoilt.feature
    return facts


def _divide(changes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(changes / weights)


def _smooth(values: np.ndarray) -> Series:
    """The course of the loss: updates without one are left out, long courses are means of stretches of equal length."""
    places: np.ndarray = np.flatnonzero(~np.isnan(values) | (np.arange(len(values)) == len(values) - 1))
    kept = values[places]
    stretch = -(-len(kept) // POINTS) or 1
    starts = range(0, len(kept), stretch)
    means = np.array([kept[start : start + stretch].mean() for start in starts])
    ends = np.array([places[min(start + stretch, len(kept)) - 1] + 1 for start in starts], dtype=np.int64)
    return Series(per="update", at=ends, values=means)


def _thin(values: np.ndarray) -> Series:
    places = (
        np.unique(np.linspace(0, len(values) - 1, min(len(values), POINTS)).astype(np.int64)) if len(values) else np.empty(0, int)
    )
    return Series(per="update", at=places + 1, values=values[places])


def _guess_config(record: Record) -> Config:
    """A config for what rules ask of it: which optimizer, at which rate, and that a batch is not all of the data."""
    settings: dict[str, Any] = next(iter(record.optimizers.values()), {})
    chosen: dict[str, Any] = {"name": NAMES.get(str(settings.get("name")), "adamw")}
    rates = [rate for rate in record.rates if math.isfinite(rate) and rate > 0]
    if rates:
        chosen["lr"] = max(rates)  # a warm-up begins at 0
    loss = "mse" if record.objective is None else record.objective.loss
    clip = {"mode": record.clip[0], "threshold": record.clip[1]} if record.clip else {"mode": "none"}
    try:
        return validate({"optimizer": chosen, "clip": clip, "train": {"batch_size": 1, "shuffle": False}, "loss": loss})
    except UserError:
        return Config()
