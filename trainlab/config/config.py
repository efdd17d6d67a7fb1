"""Config: one run, completely described."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from trainlab.config.data import Data, Ones
from trainlab.config.model import MLP, Model
from trainlab.config.training import SGD, Clip, ConstantSchedule, LossName, NoClip, Optimizer, Schedule, Train
from trainlab.config.types import STRICT, Seed


def _check_vary(value: Any) -> Any:
    if isinstance(value, dict) and all(isinstance(key, str) and isinstance(values, list) and values for key, values in value.items()):
        return value
    raise PydanticCustomError("vary", "must map dotted keys to lists of values, as in `{optimizer.lr: [0.01, 0.1]}`", {})


def _check_rules(value: Any) -> Any:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise PydanticCustomError("rules", "must map rule codes to thresholds, as in `{G001: {ratio: 1.0e-3}}`", {})
    return value


Vary = Annotated[
    dict[str, list[Any]],
    BeforeValidator(_check_vary),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "array", "minItems": 1}}),
]
Rules = Annotated[dict[str, Any], BeforeValidator(_check_rules), WithJsonSchema({"type": "object"})]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One run, completely described.

    Attributes:
        seed: initial weights, shuffling, dropout and noise: one stream for each (seed, purpose). The data have a seed of their own.
        vary: values that the command tries beside the base, by dotted key; empty in the config of a single run.
        rules: thresholds by rule code, and `ignore: [{code: ..., reason: ...}]`.
    """

    __pydantic_config__ = STRICT
    seed: Seed = 0
    model: Model = field(default_factory=MLP)
    data: Data = field(default_factory=Ones)
    loss: LossName = "sum"
    optimizer: Optimizer = field(default_factory=SGD)
    schedule: Schedule = field(default_factory=ConstantSchedule)
    clip: Clip = field(default_factory=NoClip)
    train: Train = field(default_factory=Train)
    rules: Rules = field(default_factory=dict)
    vary: Vary = field(default_factory=dict)
