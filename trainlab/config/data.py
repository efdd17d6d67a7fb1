"""The `data:` section: which samples, how many, how they are split. `seed` here is the data's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from trainlab.config.types import STRICT, Count, Finite, Flag, NonNegative, PositiveInt, Seed, Share, Tagged, refuse


def _check_classes(classes: int, samples: int) -> None:
    if classes > samples:
        raise refuse(f"must not exceed `samples`, which is {samples}", "classes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ones:
    """Inputs that are all `value`, without a target: what the gradient experiments feed.

    Attributes:
        value: what every input is.
    """

    __pydantic_config__ = STRICT
    name: Literal["ones"] = "ones"
    samples: PositiveInt = 1
    features: PositiveInt = 1
    value: Finite = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Random:
    """Standard normal inputs with random class labels: signal propagation without any structure to learn.

    Attributes:
        seed: of the data alone: `seed` at the top level leaves them as they are.
    """

    __pydantic_config__ = STRICT
    name: Literal["random"] = "random"
    samples: PositiveInt = 256
    features: PositiveInt = 64
    classes: PositiveInt = 64
    test_fraction: Share = 0.0
    seed: Seed = 0

    def __post_init__(self) -> None:
        _check_classes(self.classes, self.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A straight line with noise: x uniform in [0, 1), y = slope x + intercept + noise * N(0, 1).

    Attributes:
        noise: standard deviation of what is added to y.
        outliers: share of the samples whose y is `outlier_value`.
        test_fraction: share of the samples kept for testing.
        seed: of the data alone.
    """

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
    """scikit-learn's `make_classification`: Gaussian clusters at the corners of a hypercube, with uninformative features beside.

    Attributes:
        informative: features that tell the classes apart.
        redundant: features that are mixtures of the informative ones.
        label_noise: share of the samples whose class is drawn at random.
        standardize: scale each feature to mean 0 and variance 1, as measured on the training part.
        test_fraction: share of the samples kept for testing.
        seed: of the data alone.
    """

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

    def __post_init__(self) -> None:
        _check_classes(self.classes, self.samples)
        used = self.informative + self.redundant
        if used > self.features:
            raise refuse(f"must be at least {used}: `informative` and `redundant` together", "features")
        # Each class has two clusters, each at a corner of its own; beyond 64 features there are corners enough.
        corners = 2 ** min(self.informative, 64)
        if 2 * self.classes > corners:
            raise refuse(f"must be at most {corners // 2} with `informative: {self.informative}`: each needs 2 corners", "classes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """A real data set that scikit-learn ships.

    Attributes:
        samples: how many of them; null for all.
        standardize: scale each feature to mean 0 and variance 1, as measured on the training part.
        test_fraction: share of the samples kept for testing.
        seed: of the data alone.
    """

    __pydantic_config__ = STRICT
    name: Literal["digits", "breast_cancer", "wine", "iris", "diabetes"]
    samples: PositiveInt | None = None
    standardize: Flag = False
    test_fraction: Share = 0.2
    seed: Seed = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape2D:
    """Two classes in the plane that no line can part: half moons or concentric circles, with Gaussian noise.

    Attributes:
        noise: standard deviation of what is added to each coordinate.
        standardize: scale each feature to mean 0 and variance 1, as measured on the training part.
        test_fraction: share of the samples kept for testing.
        seed: of the data alone.
    """

    __pydantic_config__ = STRICT
    name: Literal["moons", "circles"]
    samples: PositiveInt = 1000
    noise: NonNegative = 0.1
    standardize: Flag = False
    test_fraction: Share = 0.2
    seed: Seed = 42


Data = Annotated[
    Ones | Random | Linear | Classification | Shipped | Shape2D,
    # The default size of one data set says nothing about another.
    Tagged("name", "ones", keeps_defaults=False),
]
