"""The sections `clip` and `train`: what cuts a gradient, how long and in what portions a run is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from trainlab.config.types import BatchSize, Count, Flag, NonNegative, Positive, PositiveInt, Setting, Short, Tagged


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoClip(Setting):
    """Gradients are used as they are."""

    mode: Literal["none"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipBy(Setting):
    """Cut gradients: each number (`value`), or the length of the whole gradient (`norm`), at `threshold`.

    Attributes:
        mode: `value` cuts each number, `norm` shortens the whole gradient.
        threshold: the largest absolute value, or the largest length, that passes.
    """

    mode: Literal["value", "norm"]
    threshold: Positive = 1.0


Clip = Annotated[NoClip | ClipBy, Tagged("mode", "none")]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EarlyStopping(Setting):
    """Stop when the loss on the validation part, measured after each epoch, has made no progress for `patience` epochs.

    Whenever it is on, the run ends with the weights (and running statistics) of its best epoch, also where it was not stopped
    before its last one: every figure in the report but the course of the training is theirs. It stops after the patience-th epoch
    without progress, as in Keras.

    Attributes:
        patience: epochs without progress that are one too many; null does not stop, and keeps the last weights.
        min_delta: progress is a loss below that of the best epoch by more than this; the best epoch is the last that made progress.
    """

    patience: PositiveInt | None = None
    min_delta: NonNegative = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Train(Setting):
    """How long, in what portions, and in which number format.

    Attributes:
        epochs: passes over the training data.
        batch_size: samples an update; null for all of them.
        shuffle: draw a new order each epoch (mini-batches only).
        accumulate: batches whose gradients are averaged before one update.
        updates: stop after this many updates, whatever `epochs` says; 0 leaves the weights as they start.
        early_stopping: when to stop before that, and which weights to keep; a number is the patience.
        precision: float32, float64, or mixed: bf16 and fp16 compute in 16 bits and keep the weights in float32, fp16 with a loss
            scale that is halved, and the update skipped, whenever a gradient overflows.
    """

    epochs: PositiveInt = 1
    batch_size: BatchSize = None
    shuffle: Flag = True
    accumulate: PositiveInt = 1
    updates: Count | None = None
    early_stopping: Annotated[EarlyStopping, Short("patience")] = field(default_factory=EarlyStopping)
    precision: Literal["float32", "float64", "bf16", "fp16"] = "float32"
