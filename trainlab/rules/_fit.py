"""Whether a run has learned what even simple predictors learn: what tells a fault that does harm from one that does none."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from trainlab.report import Trace
from trainlab.rules._course import find_end
from trainlab.rules._series import read, read_metric

SIGNAL = 0.05  # of the constant's loss: a linear model that gains less is no yardstick
HALF = 0.5  # of what a linear model gains over the constant


def read_end(trace: Trace) -> float:
    """Training loss at the end: in evaluation mode where it was measured, else that of the last epochs; NaN if neither was."""
    loss = read(trace, "loss")
    end = read_metric(trace, "train_loss")
    return end if not math.isnan(end) or not len(loss) else find_end(loss)


def judge_fit(trace: Trace) -> Literal["learned", "stuck", "unknown"]:
    """`stuck`: no better than the best constant, or less than half of what a linear model gains over it.

    `unknown` where there is no target, no finite loss, or no bias: both predictors have one, and a network without cannot be held
    against them.
    """
    end, constant, linear = read_end(trace), read_metric(trace, "constant_loss"), read_metric(trace, "linear_loss")
    if trace.task == "none" or trace.nonfinite or not (math.isfinite(end) and math.isfinite(constant)):
        return "unknown"
    gain = constant - linear
    if math.isfinite(linear) and gain > SIGNAL * abs(constant):
        level = constant - HALF * gain
    elif math.isfinite(linear):
        return "learned" if end < constant - SIGNAL * abs(constant) else "unknown"  # there may be nothing to learn
    else:
        level = constant - SIGNAL * abs(constant)
    if end <= level:
        return "learned"
    return "stuck" if any(len(parameter.shape) == 1 for parameter in trace.parameters) else "unknown"


def is_no_better(trace: Trace) -> bool:
    """Whether the end is not below the constant's loss by a twentieth of what a linear model gains, or of the loss itself."""
    end, constant, linear = read_end(trace), read_metric(trace, "constant_loss"), read_metric(trace, "linear_loss")
    gain = constant - linear
    return end >= constant - SIGNAL * (gain if gain > SIGNAL * abs(constant) else abs(constant))


def find_flat_share(loss: np.ndarray) -> float:
    """How far the mean moved between the halves of the last half of the epochs, as a share of the range; 0 if there is none."""
    late = loss[len(loss) // 2 :]
    half = len(late) // 2
    moved = abs(float(late[:half].mean()) - float(late[half:].mean()))
    span = float(loss.max() - loss.min())
    return moved / span if span > 0 else 0.0
