"""Config: one run, completely described."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from trainlab.config.data import Data, Ones
from trainlab.config.distributed import Distributed
from trainlab.config.loss import Loss
from trainlab.config.model import MLP, Model
from trainlab.config.optimizer import SGD, Optimizer
from trainlab.config.regularize import Regularize
from trainlab.config.schedule import ConstantSchedule, Schedule
from trainlab.config.training import Clip, NoClip, Train
from trainlab.config.types import OR_EMPTY, Seed, Setting, refuse


def _check_vs(value: Any) -> Any:
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(patch, dict) and patch for patch in value):
        return value
    raise refuse("must be a list of changes by dotted key, as in `[{optimizer.lr: 0.1}, {model.norm: batch}]`")


def _check_vary(value: Any) -> Any:
    if value is None:
        return {}
    if isinstance(value, dict) and all(isinstance(values, list) and values for values in value.values()):
        return value
    raise refuse("must map dotted keys to lists of values, as in `{optimizer.name: [sgd, adam], train.batch_size: [16, 64]}`")


def _check_rules(value: Any) -> Any:
    if isinstance(value, dict) and all(isinstance(entry, list if code == "ignore" else dict) for code, entry in value.items()):
        return value
    raise refuse("must map rule codes to thresholds (`{G001: {ratio: 1.0e-3}}`), and `ignore` to a list of codes and reasons")


Vs = Annotated[
    list[dict[str, Any]],
    BeforeValidator(_check_vs),
    WithJsonSchema({"type": ["array", "null"], "items": {"type": "object", "minProperties": 1}}),
]


def _check_weights(value: Any) -> Any:
    if value is None or (isinstance(value, str) and value):
        return value
    if isinstance(value, list | tuple) and value and all(map(_is_finite, value)):
        return tuple(map(float, value))
    raise refuse("must be a file of saved weights, or all weights as a list of numbers, in the order of the parameters")


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


Weights = Annotated[
    str | tuple[float, ...] | None,
    BeforeValidator(_check_weights),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "null"},
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "number"}, "minItems": 1},
            ]
        }
    ),
]
Vary = Annotated[
    dict[str, list[Any]],
    BeforeValidator(_check_vary),
    WithJsonSchema({"type": ["object", "null"], "additionalProperties": {"type": "array", "minItems": 1}}),
]
Rules = Annotated[dict[str, Any], BeforeValidator(_check_rules), OR_EMPTY, WithJsonSchema({"type": ["object", "null"]})]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Config(Setting):
    """One run, completely described.

    Attributes:
        seed: initial weights, shuffling, dropout and noise: one stream for each (seed, purpose). The data have a seed of their own.
        model: which network.
        data: what it learns from.
        loss: what it minimises; `sum` adds up its outputs, whatever the target; or `{name: python, target: ...}`.
        optimizer: how a gradient becomes an update.
        schedule: how the learning rate changes.
        regularize: what keeps it from learning the training part by heart.
        clip: whether gradients are cut.
        train: how long, in what portions.
        weights: what it starts from instead: a file that `torch.save` wrote of its `state_dict()`, in the folder of this config or
            else in the working directory; or all trained weights as one list of numbers, in the order of the parameters.
        distributed: how several processes would share an update; every command but `distributed` trains in one.
        rules: thresholds by rule code, and `ignore: [{code: ..., reason: ...}]`.
        vs: changes to run beside the base, each like one `--vs`; empty in the config of a single run.
        vary: values by dotted key: `compare` runs every combination, as with `--vary`; empty in the config of a single run.
    """

    seed: Seed = 0
    model: Model = field(default_factory=MLP)
    data: Data = field(default_factory=Ones)
    loss: Loss = "sum"
    optimizer: Optimizer = field(default_factory=SGD)
    schedule: Schedule = field(default_factory=ConstantSchedule)
    regularize: Annotated[Regularize, OR_EMPTY] = field(default_factory=Regularize)
    clip: Clip = field(default_factory=NoClip)
    train: Annotated[Train, OR_EMPTY] = field(default_factory=Train)
    weights: Weights = None
    distributed: Annotated[Distributed, OR_EMPTY] = field(default_factory=Distributed)
    rules: Rules = field(default_factory=dict)
    vs: Vs = field(default_factory=list)
    vary: Vary = field(default_factory=dict)
