"""The `data:` section: which samples, how many, how they are split, what is wrong with them. `seed` here is the data's own.

What becomes of the samples of a source, in this order: the test part and the validation part are taken; of what is left for
training `fraction` is kept, `imbalance`, `label_noise`, `outliers` and `noise` spoil it, `augment` adds changed copies;
`standardize` scales all parts by what it measures there; `bootstrap` draws it anew. Only the training part is ever changed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from trainlab.config.types import (
    Args,
    Count,
    Finite,
    Flag,
    NonNegative,
    Positive,
    PositiveInt,
    Seed,
    Setting,
    Share,
    Short,
    Tagged,
    Target,
    refuse,
)

Portion = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False, strict=True)]
Part = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
Ratio = Annotated[float, Field(ge=1, allow_inf_nan=False, strict=True)]
Folds = Annotated[int, Field(ge=2, strict=True)]
Text = Annotated[str, Field(min_length=1)]


def _check_column(value: Any) -> Any:
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        return value
    raise refuse("must be the name of a column, or its number: from 0 on, or from -1 back")


Column = Annotated[
    str | int, BeforeValidator(_check_column), WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]})
]


def _check_class_weights(value: Any) -> Any:
    if value is None or value == "balanced":
        return value
    if isinstance(value, list | tuple) and len(value) > 1 and all(map(_is_weight, value)):
        return tuple(map(float, value))
    raise refuse("must be `balanced`, or a list of numbers above 0, one a class")


def _is_weight(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= sys.float_info.max


_WEIGHTS = {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 2}
ClassWeights = Annotated[
    str | tuple[float, ...] | None,
    BeforeValidator(_check_class_weights),
    WithJsonSchema({"anyOf": [{"const": "balanced"}, _WEIGHTS, {"type": "null"}]}),
]


def _check_classes(classes: int, samples: int) -> None:
    if classes > samples:
        raise refuse(f"must not exceed `samples`, which is {samples}", "classes")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ones(Setting):
    """Inputs that are all `value`, without a target: what the gradient experiments feed.

    Attributes:
        value: what every input is.
    """

    name: Literal["ones"] = "ones"
    samples: PositiveInt = 1
    features: PositiveInt = 1
    value: Finite = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source(Setting):
    """Samples that are drawn or read, split, and spoilt at will.

    Attributes:
        samples: how many; null for all there are.
        test_fraction: share of the samples kept for testing.
        validation_fraction: share of the samples kept for choosing (early stopping, a rate), apart from test and training part.
        stratify: split so that every part has the same shares of the classes.
        folds: cut the samples into that many parts; the one with the number `fold` is the test part, whatever `test_fraction` says.
        fold: which of the `folds` is tested, counted from 0.
        fraction: share of the training part that is used: for a learning curve. A smaller one is part of a larger one.
        imbalance: how many times more samples of the first class than of the last one are kept, where there were as many of
            each; those between fall off evenly, by the same factor from class to class.
        class_weights: how much each sample counts in the loss, by its class, as in torch's `weight`: one number a class; `balanced`
            for samples / (classes * samples of the class), as counted in the training part, so that all classes count alike; null
            for 1 each. The loss of every part is then the weighted one.
        label_noise: share of the training labels replaced by another class at random; of numbers to predict, shuffled among each
            other. With C classes (C-1)/C leaves no information in them.
        standardize: scale each feature to mean 0 and variance 1, as measured on the training part.
        bootstrap: number of a resample of the training part, drawn with replacement; null for the part itself. The members of an
            ensemble differ in this number.
        seed: of the data alone: `seed` at the top level leaves them as they are.
    """

    name: str
    samples: PositiveInt | None = None
    test_fraction: Share = 0.2
    validation_fraction: Share = 0.0
    stratify: Flag = False
    folds: Folds | None = None
    fold: Count = 0
    fraction: Portion = 1.0
    imbalance: Ratio = 1.0
    class_weights: ClassWeights = None
    label_noise: Part = 0.0
    standardize: Flag = False
    bootstrap: Count | None = None
    seed: Seed = 42

    def __post_init__(self) -> None:
        if self.folds is None and self.fold:
            raise refuse("needs `folds`: how many there are", "fold")
        if self.folds is not None and self.fold >= self.folds:
            raise refuse(f"must be below `folds`, which is {self.folds}", "fold")
        if self.folds is None and self.test_fraction + self.validation_fraction >= 1:
            raise refuse(f"leaves nothing to train on, with `test_fraction: {self.test_fraction}`", "validation_fraction")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Augment(Setting):
    """Changed copies of every training sample beside the samples themselves, drawn once.

    What a copy changes must not matter to the target: of images a small shift, of other numbers a little noise.

    Attributes:
        copies: of each sample; 0 for none.
        shift: pixels that a copy of an image is moved at most, up or down and sideways; what comes in at the border is 0.
        noise: standard deviation of what is added to a copy, in units of each feature's own.
    """

    copies: Count = 0
    shift: Count = 0
    noise: NonNegative = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoisySource(Source):
    """Samples whose inputs can be spoilt too.

    Attributes:
        noise: standard deviation of what is added to the training inputs, in units of each feature's own.
        augment: changed copies beside the training samples; a number is how many.
        outliers: share of the training samples that lie far off: their inputs, or where numbers are to be predicted, their targets.
        outlier_size: how far, up or down, in standard deviations of each feature or target.
    """

    noise: NonNegative = 0.0
    augment: Annotated[Augment, Short("copies")] = field(default_factory=Augment)
    outliers: Share = 0.0
    outlier_size: Positive = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Random(NoisySource):
    """Standard normal inputs with random class labels: signal propagation without any structure to learn."""

    name: Literal["random"] = "random"
    samples: PositiveInt = 256
    test_fraction: Share = 0.0
    seed: Seed = 0
    features: PositiveInt = 64
    classes: PositiveInt = 64

    def __post_init__(self) -> None:
        NoisySource.__post_init__(self)
        _check_classes(self.classes, self.samples)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear(Source):
    """A straight line with noise: x uniform in [0, 1), y = slope x + intercept + noise * N(0, 1).

    Attributes:
        noise: standard deviation of what is added to y, in every part.
        outliers: share of the samples whose y is `outlier_value`, in every part.
    """

    name: Literal["linear"] = "linear"
    samples: PositiveInt = 100
    test_fraction: Share = 0.0
    slope: Finite = 3.0
    intercept: Finite = 2.0
    noise: NonNegative = 0.1
    outliers: Share = 0.0
    outlier_value: Finite = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classification(NoisySource):
    """scikit-learn's `make_classification`: Gaussian clusters at the corners of a hypercube, with uninformative features beside.

    Attributes:
        informative: features that tell the classes apart.
        redundant: features that are mixtures of the informative ones.
        label_noise: share of the samples, in every part, whose class is drawn at random, so that some keep it.
    """

    name: Literal["classification"] = "classification"
    samples: PositiveInt = 1000
    label_noise: Share = 0.01
    features: PositiveInt = 20
    informative: PositiveInt = 2
    redundant: Count = 2
    classes: PositiveInt = 2

    def __post_init__(self) -> None:
        NoisySource.__post_init__(self)
        _check_classes(self.classes, self.samples)
        used = self.informative + self.redundant
        if used > self.features:
            raise refuse(f"must be at least {used}: `informative` and `redundant` together", "features")
        # Each class has two clusters, each at a corner of its own; beyond 64 features there are corners enough.
        corners = 2 ** min(self.informative, 64)
        if 2 * self.classes > corners:
            raise refuse(f"must be at most {corners // 2} with `informative: {self.informative}`: each needs 2 corners", "classes")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blobs(NoisySource):
    """scikit-learn's `make_blobs`: one round Gaussian cloud for each class, its centre uniform in a cube of side 20.

    Attributes:
        spread: standard deviation of each cloud.
    """

    name: Literal["blobs"] = "blobs"
    samples: PositiveInt = 1000
    features: PositiveInt = 2
    classes: PositiveInt = 3
    spread: NonNegative = 1.0

    def __post_init__(self) -> None:
        NoisySource.__post_init__(self)
        _check_classes(self.classes, self.samples)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shipped(NoisySource):
    """A real data set that scikit-learn ships. The digits are images of 8 by 8 pixels."""

    name: Literal["digits", "breast_cancer", "wine", "iris", "diabetes"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape2D(NoisySource):
    """Two classes in the plane that no line can part: half moons or concentric circles, with Gaussian noise.

    Attributes:
        noise: standard deviation of what is added to each coordinate, in every part.
    """

    name: Literal["moons", "circles"]
    samples: PositiveInt = 1000
    noise: NonNegative = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adding(NoisySource):
    """The adding problem (Hochreiter & Schmidhuber, 1997): remember two marked numbers of a sequence, and say their sum.

    A step has a number uniform in [0, 1) and a mark; one of the first half and one of the second half are marked. To answer 1
    always costs a squared error of 1/6: the number to beat.

    Attributes:
        length: steps a sequence.
    """

    name: Literal["adding"] = "adding"
    samples: PositiveInt = 1000
    length: Annotated[int, Field(ge=2, strict=True)] = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summing(NoisySource):
    """Sequences of numbers uniform in [-1/2, 1/2), and their sum: every step counts, so every step sends a gradient back.

    To answer 0 always costs a squared error of length/12.

    Attributes:
        length: steps a sequence.
    """

    name: Literal["summing"] = "summing"
    samples: PositiveInt = 1000
    length: PositiveInt = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Copy(NoisySource):
    """The copy problem (Hochreiter & Schmidhuber, 1997): repeat some symbols, `length` steps after they were shown.

    Tokens: the symbols, then blanks with one sign that says when to begin, then blanks for the answer; the target has the blank
    at every step, and at the last ones the symbols. To guess the symbols costs items * ln(symbols) / (length + 2 * items).

    Attributes:
        length: steps between the last symbol shown and the first one to be said.
        items: symbols to remember.
        symbols: different ones.
    """

    name: Literal["copy"] = "copy"
    samples: PositiveInt = 1000
    length: PositiveInt = 10
    items: PositiveInt = 10
    symbols: PositiveInt = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chars(NoisySource):
    """The characters of a text, in pieces that do not overlap; the target of each character is the next one.

    Attributes:
        samples: how many pieces, in random order; null for all.
        path: a text file in UTF-8; null for a page of plain English that comes with the program.
        length: characters a piece.
    """

    name: Literal["chars"] = "chars"
    path: Text | None = None
    length: PositiveInt = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CSV(NoisySource):
    """A table of numbers in a text file, one sample a line, one column the target.

    Attributes:
        path: the file, from where the program is started.
        target: the column to predict: its name, or its number, counted from 0, or from -1 backwards.
        header: whether the first line has the names of the columns; null if it has, where none of its cells is a number.
        delimiter: what stands between two cells; null for the one of comma, semicolon, tab and bar that the first line has most of.
        task: `classes` or `numbers` to predict; null for classes where the target is text, or whole numbers of at most 20 values.
    """

    name: Literal["csv"] = "csv"
    path: Text
    target: Column = -1
    header: Flag | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    task: Literal["classes", "numbers"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NPZ(NoisySource):
    """Arrays in a file of numpy: inputs of any shape, `[sample, ...]`, and a target.

    Inputs of two dimensions after the first are sequences `[step, feature]`, of three images `[channel, height, width]`.

    Attributes:
        path: the file, from where the program is started.
        inputs: name of the array; null for one of x, inputs, data, images, features.
        target: name of the array; null for one of y, target, targets, labels.
        tokens: the inputs are numbers of symbols, `[sample, step]`, to be embedded.
        task: `classes` or `numbers` to predict; null for classes where the target is whole numbers or text.
    """

    name: Literal["npz"] = "npz"
    path: Text
    inputs: Text | None = None
    target: Text | None = None
    tokens: Flag = False
    task: Literal["classes", "numbers"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PythonData(NoisySource):
    """Data of your own: a `Dataset`, a `DataLoader`, tensors or arrays; or the parts of them, `(train, test)`.

    It is imported and run as the program that it is. Of a tuple the last one is the target, of a mapping the entry `label`; what is
    left is what the network is called with: one tensor as `model(x)`, several as `model(a, b)`, a mapping as `model(**batch)`, or,
    where the network takes one argument, as `model(batch)`. Every sample is read once: what a Dataset draws at random stays as it
    was drawn. A DataLoader also says the batch size, where `train.batch_size` does not, and the order of the samples.

    Attributes:
        target: `pkg.module:load`, or a file, `./data.py:load`, in the folder of this config or else in the working directory: a
            function or class that returns the data, or the data.
        args: what function or class is called with.
        test_fraction: share of the samples kept for testing, where the data do not come with a test part.
        validation_fraction: likewise.
        label: key of the target in a mapping; null for one of target, targets, label, labels, y.
        task: `classes` or `numbers` to predict; null for classes where the target is whole numbers, or only zeros and ones.
    """

    name: Literal["python"] = "python"
    target: Target
    args: Args = field(default_factory=dict)
    label: Text | None = None
    task: Literal["classes", "numbers"] | None = None

    def __hash__(self) -> int:
        """Of its text: arguments may be lists and mappings."""
        return hash(repr(self))


Data = Annotated[
    Ones | Random | Linear | Classification | Shipped | Shape2D | Blobs | Adding | Summing | Copy | Chars | CSV | NPZ | PythonData,
    # The default size of one data set says nothing about another.
    Tagged("name", "ones", keeps_defaults=False),
]
