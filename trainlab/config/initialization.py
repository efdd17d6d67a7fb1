"""How weights start: the `init` and `recurrent_init` sections of a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema

from trainlab.config.types import Finite, NonNegative, Positive, Setting, Tagged, refuse


def _check_gain(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value == "auto" or (is_number and 0 < value < math.inf):
        return value
    raise refuse("must be a number above 0, or auto")


Gain = Annotated[
    float | Literal["auto"],
    BeforeValidator(_check_gain),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"const": "auto"}]}),
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByRule(Setting):
    """A rule that needs no number.

    `default` is what torch does when nothing is asked for; `auto` is the one that belongs to the activation.

    Attributes:
        bias: every bias; null is 0, and under `default` what torch makes of it.
    """

    name: Literal["default", "auto", "zeros"] = "default"
    bias: Finite | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Constant(Setting):
    """Every weight has the same value.

    Attributes:
        value: every weight.
        bias: every bias; null is 0.
    """

    name: Literal["constant"] = "constant"
    value: Finite = 1.0
    bias: Finite | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Normal(Setting):
    """Gaussian weights.

    Attributes:
        std: standard deviation of the weights.
        bias: every bias; null is 0.
    """

    name: Literal["normal"] = "normal"
    mean: Finite = 0.0
    std: NonNegative = 0.01
    bias: Finite | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Uniform(Setting):
    """Weights uniform between `low` and `high`.

    Attributes:
        bias: every bias; null is 0.
    """

    name: Literal["uniform"] = "uniform"
    low: Finite = -0.1
    high: Finite = 0.1
    bias: Finite | None = None

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise refuse(f"must not exceed `high`, which is {self.high}", "low")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaled(Setting):
    """Variance set by the layer's fan, times `gain` squared.

    Xavier (Glorot & Bengio, 2010): 1/fan_avg. He (He et al., 2015): 2/fan_in. LeCun: 1/fan_in. Orthogonal (Saxe et al., 2014).

    Attributes:
        gain: factor on the standard deviation; `auto` is the gain of the activation behind the layer (5/3 for tanh, sqrt(2) for
            ReLU), which under He takes the place of its own sqrt(2).
        bias: every bias; null is 0.
    """

    name: Literal["xavier_uniform", "xavier_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "orthogonal"] = (
        "xavier_uniform"
    )
    gain: Gain = 1.0
    bias: Finite | None = None


Init = Annotated[ByRule | Constant | Normal | Uniform | Scaled, Tagged("name", "default")]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AsInput(Setting):
    """The weights from step to step start as those from the input do: as `init` says."""

    name: Literal["default"] = "default"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Isometric(Setting):
    """The weights from step to step start as a matrix that keeps lengths, times `gain`; with gates, one for each gate.

    `orthogonal` turns (Saxe et al., 2014), `identity` keeps (Le et al., 2015). Over many steps a gain above 1 explodes and one
    below 1 vanishes.

    Attributes:
        gain: factor on every length.
    """

    name: Literal["orthogonal", "identity"] = "orthogonal"
    gain: Positive = 1.0


RecurrentInit = Annotated[AsInput | Isometric, Tagged("name", "default")]
