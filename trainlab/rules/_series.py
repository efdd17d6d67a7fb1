"""What several rules read from a Trace, made safe: absent, empty and misshapen measurements come back as empty arrays."""

from __future__ import annotations

import math

import numpy as np

from trainlab.config.regularize import Regularize
from trainlab.report import Trace


def read(trace: Trace, name: str) -> np.ndarray:
    """The values `[T]` of a series with one number a time; empty if it was not measured."""
    series = trace.series.get(name)
    values = np.empty(0) if series is None else np.asarray(series.values, dtype=float)
    return values if values.ndim == 1 else np.empty(0)


def name_unit(trace: Trace) -> str:
    """What the loss was taken per: `epoch`, or `update` in a script that was watched."""
    series = trace.series.get("loss")
    return "epoch" if series is None else series.per


def read_weights(trace: Trace, name: str) -> np.ndarray:
    """The values `[T, weight]` of a series with one number a parameter, weights only, input first; no rows if not measured."""
    weights = [position for position, parameter in enumerate(trace.parameters) if parameter.is_weight]
    series = trace.series.get(name)
    if series is None or np.shape(series.values) != (len(series.at), len(trace.parameters)):
        return np.empty((0, len(weights)))
    return np.asarray(series.values, dtype=float)[:, weights]


def read_metric(trace: Trace, name: str) -> float:
    """A metric; NaN if there is none."""
    value = trace.metrics.get(name)
    return math.nan if value is None else float(value)


def is_noisy(trace: Trace) -> bool:
    """Whether chance is at work in the loss: mini-batches or dropout. Without them a swing is no noise."""
    size = trace.config.train.batch_size
    return any("Dropout" in module.kind for module in trace.modules) or (
        size is not None and size < trace.sizes.get("train", math.inf)
    )


def is_regularized(trace: Trace) -> bool:
    """Whether something beside the loss pulls at the weights or the data, so that the loss may rise while that takes hold."""
    return trace.config.optimizer.weight_decay > 0 or trace.config.regularize != Regularize()


def read_late_rate(trace: Trace) -> float:
    """The learning rate over the last quarter of the measured updates, median; as the config sets it where it was not measured."""
    rates = read(trace, "learning-rate")
    late = rates[-max(1, len(rates) // 4) :]
    return float(np.median(late)) if len(late) and np.isfinite(late).all() else trace.config.optimizer.lr


def say_rate(set_to: float, late: float) -> str:
    """`learning rate 0.1`, and what a schedule has made of it."""
    return f"learning rate {say(set_to)}" + ("" if math.isclose(set_to, late, rel_tol=1e-6) else f" ({say(late)} at the end)")


def say(number: float) -> str:
    """A number as a message shows it: three digits, `2.03e-19`."""
    return f"{number:.3g}"


def say_count(number: int, noun: str) -> str:
    """`1 epoch`, `7 epochs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def find_typical_change(trace: Trace, share: float) -> float:
    """`update-ratio` of a typical weight and update over the last `share` of the measured updates; NaN if it was not measured."""
    ratios = read_weights(trace, "update-ratio")
    late = ratios[-max(1, round(share * len(ratios))) :]
    late = late[np.isfinite(late)]
    return float(np.median(late)) if len(late) else math.nan
