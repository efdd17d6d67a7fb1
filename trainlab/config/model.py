"""The `model:` section: which network, how it starts, what normalises it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from trainlab.config.activations import ACTIVATIONS
from trainlab.config.types import (
    STRICT,
    Finite,
    Flag,
    Names,
    NonNegative,
    OneOf,
    Positive,
    PositiveInt,
    Share,
    Tagged,
    Widths,
    refuse,
)

ActivationName = Annotated[str, OneOf(tuple(ACTIVATIONS))]
OutputName = Annotated[str, OneOf(("none", "same", "softmax", *ACTIVATIONS))]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByRule:
    """A rule that needs no number.

    `default` is what torch does when nothing is asked for; `auto` is the one that belongs to the activation.

    Attributes:
        bias: every bias; null is 0, and under `default` what torch makes of it.
    """

    __pydantic_config__ = STRICT
    name: Literal["default", "auto", "zeros"] = "default"
    bias: Finite | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Every weight has the same value.

    Attributes:
        value: every weight.
        bias: every bias; null is 0.
    """

    __pydantic_config__ = STRICT
    name: Literal["constant"] = "constant"
    value: Finite = 1.0
    bias: Finite | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """Gaussian weights.

    Attributes:
        std: standard deviation of the weights.
        bias: every bias; null is 0.
    """

    __pydantic_config__ = STRICT
    name: Literal["normal"] = "normal"
    mean: Finite = 0.0
    std: NonNegative = 0.01
    bias: Finite | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Weights uniform between `low` and `high`.

    Attributes:
        bias: every bias; null is 0.
    """

    __pydantic_config__ = STRICT
    name: Literal["uniform"] = "uniform"
    low: Finite = -0.1
    high: Finite = 0.1
    bias: Finite | None = None

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise refuse(f"must not exceed `high`, which is {self.high}", "low")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """Variance set by the layer's fan, times `gain` squared.

    Xavier (Glorot & Bengio, 2010): 1/fan_avg. He (He et al., 2015): 2/fan_in. LeCun: 1/fan_in. Orthogonal (Saxe et al., 2014).

    Attributes:
        gain: factor on the standard deviation.
        bias: every bias; null is 0.
    """

    __pydantic_config__ = STRICT
    name: Literal["xavier_uniform", "xavier_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "orthogonal"] = (
        "xavier_uniform"
    )
    gain: Positive = 1.0
    bias: Finite | None = None


Init = Annotated[ByRule | Constant | Normal | Uniform | Scaled, Tagged("name", "default")]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoNorm:
    """No normalisation."""

    __pydantic_config__ = STRICT
    name: Literal["none"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm:
    """Normalise each feature over the batch (Ioffe & Szegedy, 2015). `momentum` is torch's: 0.1 is Keras' 0.9.

    Attributes:
        momentum: share of the new batch in the running statistics.
        affine: learn a scale and a shift.
        place: before or after the activation.
    """

    __pydantic_config__ = STRICT
    name: Literal["batch"] = "batch"
    momentum: Annotated[float, Field(ge=0, le=1, strict=True)] = 0.1
    eps: Positive = 1e-5
    affine: Flag = True
    place: Literal["before", "after"] = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleNorm:
    """Normalise each sample over its features: layer norm (Ba et al., 2016) or RMS norm (Zhang & Sennrich, 2019).

    Attributes:
        affine: learn a scale and a shift.
        place: before or after the activation.
    """

    __pydantic_config__ = STRICT
    name: Literal["layer", "rms"] = "layer"
    eps: Positive = 1e-5
    affine: Flag = True
    place: Literal["before", "after"] = "before"


Norm = Annotated[NoNorm | BatchNorm | SampleNorm, Tagged("name", "none")]


@dataclass(frozen=True, slots=True, kw_only=True)
class MLP:
    """Fully connected layers, each followed by its activation, in one `torch.nn.Sequential`.

    Attributes:
        layers: weight layers, the output layer included.
        width: hidden units: a number for all hidden layers, or a list with one number for each.
        outputs: units of the last layer; by default what the data needs, or `width` where the data has no target.
        output: activation after the last layer; `same` repeats `activation`.
        residual: add a layer's input to its output wherever the shapes allow it.
        dropout: share of hidden values dropped in training; `input_dropout` the same for the inputs.
        freeze: parameter names (globs) that are not trained.
    """

    __pydantic_config__ = STRICT
    kind: Literal["mlp"] = "mlp"
    layers: PositiveInt = 2
    width: Widths = 32
    outputs: PositiveInt | None = None
    activation: ActivationName = "relu"
    output: OutputName = "none"
    init: Init = field(default_factory=ByRule)
    norm: Norm = field(default_factory=NoNorm)
    input_norm: Norm = field(default_factory=NoNorm)
    residual: Flag = False
    dropout: Share = 0.0
    input_dropout: Share = 0.0
    bias: Flag = True
    freeze: Names = ()

    def __post_init__(self) -> None:
        if isinstance(self.width, tuple) and len(self.width) != self.layers - 1:
            hidden = self.layers - 1
            raise refuse(
                f"lists {len(self.width)} hidden layers, but `layers: {self.layers}` has {hidden}, the last being the output: "
                "set `layers` and `width` together",
                "width",
            )


def _check_module(value: Any) -> Any:
    """`ReLU`, `{Linear: [20, 100]}` or `{Conv2d: {in_channels: 1, ...}}`: the class in torch.nn and its arguments."""
    if isinstance(value, str) and value.isidentifier():
        return {value: []}
    if isinstance(value, dict) and len(value) == 1:
        ((name, arguments),) = value.items()
        if isinstance(name, str) and name.isidentifier() and isinstance(arguments, list | dict):
            return value
    raise refuse("must name one torch.nn module: `ReLU`, `{Linear: [20, 100]}` or `{Linear: {in_features: 20, out_features: 100}}`")


Module = Annotated[
    dict[str, Any],
    BeforeValidator(_check_module),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object", "minProperties": 1, "maxProperties": 1}]}),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """Any `torch.nn` modules in a row: `modules: [{Linear: [20, 100]}, ReLU, {Linear: [100, 1]}, Sigmoid]`.

    Attributes:
        modules: class names in `torch.nn`, each with its arguments as a list or a mapping.
        freeze: parameter names (globs) that are not trained.
    """

    __pydantic_config__ = STRICT
    kind: Literal["layers"] = "layers"
    modules: Annotated[list[Module], Field(min_length=1)]
    init: Init = field(default_factory=ByRule)
    freeze: Names = ()


Model = Annotated[MLP | Layers, Tagged("kind", "mlp")]
