"""The `data:` section: which samples, how many, how they are split. `seed` here is the data's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Discriminator

from trainlab.config.types import STRICT, Flag, Count, Finite, NonNegative, PositiveInt, Seed, Share, tagged


@dataclass(frozen=True, slots=True, kw_only=True)
class Ones:
    """Inputs that are all `value`, without a target: what the gradient experiments feed."""

    __pydantic_config__ = STRICT
    name: Literal["ones"] = "ones"
    samples: PositiveInt = 1
    features: PositiveInt = 1
    value: Finite = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Random:
    """Standard normal inputs with random class labels: signal propagation without any structure to learn."""

    __pydantic_config__ = STRICT
    name: Literal["random"] = "random"
    samples: PositiveInt = 256
    features: PositiveInt = 64
    classes: PositiveInt = 64
    test_fraction: Share = 0.0
    seed: Seed = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A straight line with noise: x uniform in [0, 1), y = slope x + intercept + noise * N(0, 1)."""

    __pydantic_config__ = STRICT
    name: Literal["linear"] = "linear"
    samples: PositiveInt = 100
    slope: Finite = 3.0
    intercept: Finite = 2.0
    noise: NonNegative = 0.1
    outliers: Share = 0.0
    outlier_value: Finite = 1000.0
    test_fraction: Share = 0.0
    seed: Seed = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """scikit-learn's `make_classification`: Gaussian clusters at the corners of a hypercube, with uninformative features beside."""

    __pydantic_config__ = STRICT
    name: Literal["classification"] = "classification"
    samples: PositiveInt = 1000
    features: PositiveInt = 20
    informative: PositiveInt = 2
    redundant: Count = 2
    classes: PositiveInt = 2
    label_noise: Share = 0.01
    standardize: Flag = False
    test_fraction: Share = 0.2
    seed: Seed = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """A real data set that scikit-learn ships."""

    __pydantic_config__ = STRICT
    name: Literal["digits", "breast_cancer", "wine", "iris", "diabetes"]
    samples: PositiveInt | None = None
    standardize: Flag = False
    test_fraction: Share = 0.2
    seed: Seed = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape2D:
    """Two classes in the plane that no line can part: half moons or concentric circles, with Gaussian noise."""

    __pydantic_config__ = STRICT
    name: Literal["moons", "circles"]
    samples: PositiveInt = 1000
    noise: NonNegative = 0.1
    standardize: Flag = False
    test_fraction: Share = 0.2
    seed: Seed = 42


Data = Annotated[
    Annotated[Ones | Random | Linear | Classification | Shipped | Shape2D, Discriminator("name")], tagged("name", "ones")
]
