"""Samples from configs: one source a file; then the split, the faults, the scale.

A source module has `draw(spec) -> Samples`. Where one of its keys means something of its own, so that what is done for all sources
must leave it alone, the module names it in `OWN`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from trainlab import plugins
from trainlab.config.data import Data, NoisySource, Ones, Random, Source
from trainlab.config.model import View
from trainlab.data._faults import add_noise, add_outliers, augment, keep_fraction, mislabel, resample, unbalance
from trainlab.data._loading import Loading
from trainlab.data._samples import Samples, Task, select
from trainlab.data._scale import fit_scale
from trainlab.data._split import split
from trainlab.data._views import reshape
from trainlab.errors import Problem, UserError
from trainlab.structure import Structure

__all__ = ["Dataset", "Task", "load"]

Part = tuple[Tensor, Tensor | None]
"""Inputs and target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Split data on the CPU in float32.

    Attributes:
        train: `(inputs [sample, ...], target)`, see `Samples`.
        test: the same, or None.
        task: what is to be learned.
        classes: number of classes, 0 where there are none.
        validation: the part to choose by, or None.
        pool: the training part as it was before it was drawn anew (`bootstrap`); None where it was not.
        tokens: number of different tokens, where the inputs are such; else 0.
        image: channels, height and width, where the features of a vector are the pixels of an image.
        structure: see `Samples`; and `goal` and `loading`.
    """

    train: Part
    test: Part | None
    task: Task
    classes: int
    validation: Part | None = None
    pool: Part | None = None
    tokens: int = 0
    image: tuple[int, int, int] | None = None
    structure: Structure | None = None
    goal: Structure | None = None
    loading: Loading | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the inputs of one sample."""
        return tuple(self.train[0].shape[1:])

    @property
    def features(self) -> int:
        """Numbers a sample."""
        return math.prod(self.shape)

    @property
    def targets(self) -> int:
        """Numbers to predict a sample, or a step; 0 for classes or no target."""
        target = self.train[1]
        return target.shape[-1] if self.task == "regression" and target is not None else 0

    @property
    def every_step(self) -> bool:
        """The target has a value for every step of a sequence."""
        target = self.train[1]
        return target is not None and target.dim() > (1 if self.classes else 2)

    def seen_as(self, view: View) -> Dataset:
        """The same samples in the shape that a network asks for.

        Raises:
            UserError: they have no such shape.
        """

        def see(part: Part) -> Part:
            return reshape(part[0], view, tokens=self.tokens, image=self.image), part[1]

        validation, test, pool = (None if part is None else see(part) for part in (self.validation, self.test, self.pool))
        return replace(self, train=see(self.train), validation=validation, test=test, pool=pool)


@functools.lru_cache(maxsize=16)
def load(spec: Data, place: str = "") -> Dataset:  # noqa: ARG001  # the same name is other data elsewhere
    """Draw, split, spoil and scale the samples of the `data` section, in the order that `trainlab.config.data` tells.

    Args:
        spec: the section.
        place: of data of the user's own, where its target is found.

    Raises:
        UserError: a part of the split would be empty, a setting does not go with these samples, or a file cannot be read.
    """
    source = plugins.load(__name__, type(spec).__name__.lower().removesuffix("data"))
    samples: Samples = source.draw(spec)
    if isinstance(spec, Ones):
        return _assemble(samples, samples, {})
    own = getattr(source, "OWN", ())
    problems = list(_find_problems(samples, spec, own))
    if problems:
        raise UserError(problems)
    parts = split(samples, spec)
    train = select(samples, parts.train)
    for name, do in FAULTS.items():
        train = do(train, spec) if name not in own and hasattr(spec, name) else train
    held = {"validation": parts.validation, "test": parts.test}
    rest = {name: select(samples, indices) for name, indices in held.items() if indices is not None}
    if spec.standardize:
        scale = fit_scale(train.inputs)
        train = replace(train, inputs=scale(train.inputs))
        rest = {name: replace(part, inputs=scale(part.inputs)) for name, part in rest.items()}
    if spec.bootstrap is not None:
        rest["pool"] = train
    return _assemble(samples, resample(train, spec), rest)


FAULTS: dict[str, Callable[[Samples, Any], Samples]] = {
    "fraction": keep_fraction,
    "imbalance": unbalance,
    "label_noise": mislabel,
    "outliers": add_outliers,
    "noise": add_noise,
    "augment": augment,
}
"""What is done to the training part, by its key, in this order."""


def _assemble(samples: Samples, train: Samples, rest: dict[str, Samples]) -> Dataset:
    parts = {name: (part.inputs, part.target) for name, part in rest.items()}
    return Dataset(
        train=(train.inputs, train.target),
        test=parts.get("test"),
        validation=parts.get("validation"),
        pool=parts.get("pool"),
        task=samples.task,
        classes=samples.classes,
        tokens=samples.tokens,
        image=samples.image,
        structure=samples.structure,
        goal=samples.goal,
        loading=samples.loading,
    )


def _find_problems(samples: Samples, spec: Source, own: tuple[str, ...]) -> Iterator[Problem]:
    """Settings that these samples cannot have."""
    if samples.classes == 1 and not isinstance(spec, Random):  # which has nothing to learn
        key = next(name for name in ("target", "classes", "path") if hasattr(spec, name))
        yield Problem(message="there is one class only, so there is nothing to tell apart", key=f"data.{key}")
    needs_label = {"stratify": spec.stratify, "imbalance": spec.imbalance != 1}
    for name, asked in needs_label.items():
        if asked and samples.labels is None:
            yield Problem(message="needs one class a sample", key=f"data.{name}", value=str(getattr(spec, name)).lower())
    if spec.class_weights is not None and not samples.classes:
        yield Problem(message="needs classes, and these data have none", key="data.class_weights")
    elif isinstance(spec.class_weights, tuple) and len(spec.class_weights) != samples.classes:
        found = len(spec.class_weights)
        yield Problem(message=f"must have {samples.classes} numbers, one a class, and has {found}", key="data.class_weights")
    needs_numbers = {"standardize": spec.standardize}
    if isinstance(spec, NoisySource):
        needs_numbers |= {"noise": spec.noise > 0, "outliers": spec.outliers > 0 and (samples.task != "regression")}
        needs_numbers |= {"augment": spec.augment.copies > 0}
        if spec.augment.shift and not samples.tokens and samples.image is None and samples.inputs.dim() != 4:
            yield Problem(message="needs images: digits and npz have", key="data.augment.shift", value=str(spec.augment.shift))
    for name, asked in needs_numbers.items():
        if asked and samples.tokens and name not in own:
            value = None if name == "augment" else str(getattr(spec, name)).lower()
            yield Problem(message="needs numbers, and these inputs are tokens", key=f"data.{name}", value=value)
