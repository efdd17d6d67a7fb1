"""What normalises the signal inside a network: the `norm` section of each kind of model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from trainlab.config.types import Flag, Positive, PositiveInt, Setting, Tagged


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoNorm(Setting):
    """No normalisation."""

    name: Literal["none"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BatchNorm(Setting):
    """Normalise each feature over the batch (Ioffe & Szegedy, 2015). `momentum` is torch's: 0.1 is Keras' 0.9.

    Attributes:
        momentum: share of the new batch in the running statistics.
        affine: learn a scale and a shift.
        place: before or after the activation.
    """

    name: Literal["batch"] = "batch"
    momentum: Annotated[float, Field(ge=0, le=1, strict=True)] = 0.1
    eps: Positive = 1e-5
    affine: Flag = True
    place: Literal["before", "after"] = "before"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleNorm(Setting):
    """Normalise each sample over its features: layer norm (Ba et al., 2016) or RMS norm (Zhang & Sennrich, 2019).

    Attributes:
        affine: learn a scale and a shift.
        place: before or after the activation.
    """

    name: Literal["layer", "rms"] = "layer"
    eps: Positive = 1e-5
    affine: Flag = True
    place: Literal["before", "after"] = "before"


Norm = Annotated[NoNorm | BatchNorm | SampleNorm, Tagged("name", "none")]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupNorm(Setting):
    """Normalise each image over its channels and pixels (Wu & He, 2018); one group is layer norm.

    Attributes:
        groups: parts that the channels are divided into, each normalised by itself.
        affine: learn a scale and a shift for each channel.
        place: before or after the activation.
    """

    name: Literal["layer"] = "layer"
    groups: PositiveInt = 1
    eps: Positive = 1e-5
    affine: Flag = True
    place: Literal["before", "after"] = "before"


ImageNorm = Annotated[NoNorm | BatchNorm | GroupNorm, Tagged("name", "none")]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepNorm(Setting):
    """Normalise each step of a sequence over its features: layer norm (Ba et al., 2016) or RMS norm (Zhang & Sennrich, 2019).

    Attributes:
        affine: learn a scale, and for layer norm a shift.
    """

    name: Literal["layer", "rms"] = "layer"
    eps: Positive = 1e-5
    affine: Flag = True


SequenceNorm = Annotated[NoNorm | StepNorm, Tagged("name", "none")]
