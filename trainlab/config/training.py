"""The sections that say how a run is trained: `optimizer`, `schedule`, `clip`, `train`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from trainlab.config.types import STRICT, BatchSize, Betas, Flag, NonNegative, Positive, PositiveInt, Share, Tagged, refuse

LossName = Literal["sum", "mse", "l1", "huber", "bce", "bce_logits", "cross_entropy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SGD:
    """Stochastic gradient descent; with `momentum` the speed is v = momentum v + g, with `nesterov` the step looks ahead.

    `weight_decay` has torch's meaning: it adds weight_decay * w to the gradient, the gradient of (weight_decay/2) * norm(w)^2.

    Attributes:
        lr: learning rate.
    """

    __pydantic_config__ = STRICT
    name: Literal["sgd"] = "sgd"
    lr: NonNegative = 0.01
    momentum: Share = 0.0
    dampening: NonNegative = 0.0
    nesterov: Flag = False
    weight_decay: NonNegative = 0.0

    def __post_init__(self) -> None:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise refuse("needs a momentum above 0 and a dampening of 0", "nesterov")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam:
    """Adam (Kingma & Ba, 2015), or AdamW (Loshchilov & Hutter, 2019) whose decay is decoupled from the gradient.

    `weight_decay` under `adam` is coupled: it is added to the gradient, and so divided by its running size. Under `adamw` the
    weights shrink by lr * weight_decay at each update. The same number does very different things in the two.

    Attributes:
        lr: learning rate.
        betas: how much of the running mean of the gradient, and of its square, is kept at each update.
    """

    __pydantic_config__ = STRICT
    name: Literal["adam", "adamw"] = "adam"
    lr: NonNegative = 0.001
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.0


Optimizer = Annotated[SGD | Adam, Tagged("name", "sgd")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantSchedule:
    """The rate stays as it is."""

    __pydantic_config__ = STRICT
    name: Literal["constant"] = "constant"


Schedule = Annotated[ConstantSchedule, Tagged("name", "constant")]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoClip:
    """Gradients are used as they are."""

    __pydantic_config__ = STRICT
    mode: Literal["none"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipBy:
    """Cut gradients: each number (`value`), or the length of the whole gradient (`norm`), at `threshold`.

    Attributes:
        mode: `value` cuts each number, `norm` shortens the whole gradient.
        threshold: the largest absolute value, or the largest length, that passes.
    """

    __pydantic_config__ = STRICT
    mode: Literal["value", "norm"]
    threshold: Positive = 1.0


Clip = Annotated[NoClip | ClipBy, Tagged("mode", "none")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """How long, in what portions, and in which number format.

    Attributes:
        epochs: passes over the training data.
        batch_size: samples an update; null for all of them.
        shuffle: draw a new order each epoch (mini-batches only).
        accumulate: batches whose gradients are averaged before one update.
        updates: stop after this many updates, whatever `epochs` says.
        precision: float32 or float64.
    """

    __pydantic_config__ = STRICT
    epochs: PositiveInt = 1
    batch_size: BatchSize = None
    shuffle: Flag = True
    accumulate: PositiveInt = 1
    updates: PositiveInt | None = None
    precision: Literal["float32", "float64"] = "float32"
