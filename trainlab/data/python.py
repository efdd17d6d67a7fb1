"""Data of the user's own: a Dataset, a DataLoader, tensors or arrays, or parts made of these."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, default_collate

from trainlab import targets
from trainlab.config.data import PythonData
from trainlab.data._loading import Loading, read_loading
from trainlab.data._samples import Samples, Split
from trainlab.device import derive_seed
from trainlab.errors import UserError, find_nearest
from trainlab.structure import Structure, convert, read_structure, walk

LABELS = ("target", "targets", "label", "labels", "y")
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One part as read: the batch that all its samples make, and what its DataLoader says."""

    inputs: Any
    target: Any
    samples: int
    loading: Loading | None


def draw(spec: PythonData) -> Samples:
    """The samples that the target gives, those of all its parts one after the other.

    Raises:
        UserError: there is no such target, it fails, or what it gives is no data.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(spec.seed, "python data"))
        made: Any = targets.find(spec.target, "data.target")
        if callable(made) and not isinstance(made, Dataset):
            made = targets.call(made, spec.args, "data", spec.target)
        elif spec.args:
            raise UserError("these data exist already and take no arguments", key="data.args", value=spec.target)
        parts = {name: _read(part, spec) for name, part in _tell_parts(made, spec).items()}
    train = parts["train"]
    if spec.samples is not None and train.samples > spec.samples:  # only tensors are: the others were not read further
        parts["train"] = train = _choose(train, spec)
    structures = {name: _describe(part.inputs, name, "inputs", spec) for name, part in parts.items()}
    goals = {name: _describe(part.target, name, "target", spec) for name, part in parts.items() if part.target is not None}
    for kinds in (structures, goals):
        for name, each in kinds.items():
            if each != kinds.get("train"):
                raise UserError(
                    f"a sample of the {name} part is {_say(each)}, and one of the train part {_say(kinds.get('train'))}",
                    key="data.target",
                    value=spec.target,
                )
    if goals and goals.keys() != parts.keys():
        raise UserError("some parts have a target and others have none", key="data.target", value=spec.target)
    structure, goal = structures["train"], goals.get("train")
    inputs = torch.cat([structure.pack(parts[name].inputs) for name in PARTS if name in parts])
    inputs = inputs.float() if inputs.is_floating_point() else inputs
    if structure.is_bits:
        _check_finite(parts, spec)
    target, classes = None, 0
    if goal is not None:
        target, classes = _read_target(torch.cat([goal.pack(parts[name].target) for name in PARTS if name in parts]), goal, spec)
    tokens = 0 if inputs.is_floating_point() else max(int(inputs.max()), 0) + 1
    if train.loading is not None and train.loading.sampler is not None and len(parts) == 1:
        _check_split(spec)
    return Samples(
        inputs=inputs,
        target=target,
        classes=classes,
        tokens=tokens,
        structure=structure,
        goal=goal,
        loading=train.loading,
        given=_number_parts(parts) if len(parts) > 1 else None,
    )


def _tell_parts(made: Any, spec: PythonData) -> dict[str, Any]:
    """What the target gives, by part."""
    if isinstance(made, Mapping) and made and all(name in PARTS for name in made):
        if "train" not in made:
            raise UserError(f"there is no train part among {', '.join(made)}", key="data.target", value=spec.target)
        return dict(made)
    if isinstance(made, tuple) and len(made) > 1 and all(map(_is_part, made)):
        if len(made) > 2:
            raise UserError(
                f"gives {len(made)} parts: name them, {{'train': ..., 'validation': ..., 'test': ...}}",
                key="data.target",
                value=spec.target,
            )
        return dict(zip(("train", "test"), made, strict=True))
    return {"train": made}


def _is_part(value: Any) -> bool:
    """Whether it may hold samples with their targets, as a tensor by itself does not."""
    if isinstance(value, Tensor | np.ndarray):
        return False
    if isinstance(value, tuple | list):
        return len(value) > 1 and any(isinstance(each, Tensor | np.ndarray | Mapping) for each in value)
    return isinstance(value, Dataset | DataLoader | Mapping) or (hasattr(value, "__getitem__") and hasattr(value, "__len__"))


def _read(part: Any, spec: PythonData) -> Read:
    loading: Loading | None = None
    if isinstance(part, DataLoader):
        collate: Callable[[Any], Any] = part.collate_fn
        dataset: Any = part.dataset
        if isinstance(dataset, IterableDataset):
            batch = _join(_take_first(dataset, spec), collate, spec)
            loading = Loading(batch_size=part.batch_size or 1, shuffle=False)
        else:
            _check_length(dataset, spec)
            loading, indices = read_loading(part, spec.target)
            batch = _join(_read_samples(dataset, indices, spec), collate, spec)
    elif isinstance(part, TensorDataset):
        batch = part.tensors
    elif isinstance(part, IterableDataset):
        batch = _join(_take_first(part, spec), default_collate, spec)
    elif isinstance(part, Tensor | np.ndarray | tuple | Mapping):
        batch = convert(part, _to_tensor)
    elif hasattr(part, "__getitem__"):
        _check_length(part, spec)
        indices = list(range(len(part)))
        if spec.samples is not None and spec.samples < len(indices):
            stream = torch.Generator().manual_seed(spec.seed)
            indices = torch.randperm(len(indices), generator=stream)[: spec.samples].tolist()
        batch = _join(_read_samples(part, indices, spec), default_collate, spec)
    else:
        raise UserError(
            f"gives a {type(part).__name__}: it must be a Dataset, a DataLoader, tensors or arrays, or (train, test) of these",
            key="data.target",
            value=spec.target,
        )
    inputs, target = _part_target(convert(batch, _to_tensor), spec)
    return Read(inputs=inputs, target=target, samples=_count_samples(inputs, target, spec), loading=loading)


def _check_length(dataset: Any, spec: PythonData) -> None:
    try:
        length = len(dataset)
    except (TypeError, NotImplementedError, AttributeError):
        raise UserError(
            f"the {type(dataset).__name__} has no length: give it a __len__, so that every run can draw its own order",
            key="data.target",
            value=spec.target,
        ) from None
    if not length:
        raise UserError(f"the {type(dataset).__name__} is empty", key="data.target", value=spec.target)


def _take_first(dataset: Any, spec: PythonData) -> list[Any]:
    """The first samples of an IterableDataset."""
    if spec.samples is None:
        raise UserError(
            f"{type(dataset).__name__} is an IterableDataset, which has no length: say with `data.samples` how many to read",
            key="data.target",
            value=spec.target,
        )
    try:
        return list(itertools.islice(iter(dataset), spec.samples))
    except Exception as error:
        raise targets.explain(error, f"the {type(dataset).__name__} cannot be read", "data.target", spec.target) from error


def _read_samples(dataset: Any, indices: list[int], spec: PythonData) -> list[Any]:
    samples = []
    for index in indices:
        try:
            samples.append(dataset[index])
        except Exception as error:
            raise targets.explain(error, f"sample {index} cannot be read", "data.target", spec.target) from error
    return samples


def _join(samples: list[Any], collate: Callable[[Any], Any], spec: PythonData) -> Any:
    """All samples as one batch, by the collate function of their loader."""
    try:
        return collate(samples)
    except Exception as error:
        shapes: dict[str, int] = {}
        for index, sample in enumerate(samples):
            shapes.setdefault(_show(sample), index)
        if collate is default_collate and len(shapes) > 1:
            (one, first), (other, second), *_ = shapes.items()
            raise UserError(
                f"samples differ: sample {first} is {one}, sample {second} is {other}; pad them, or give a DataLoader whose "
                "collate_fn does",
                key="data.target",
                value=spec.target,
            ) from error
        raise targets.explain(error, "the samples cannot be put into one batch", "data.target", spec.target) from error


def _show(sample: Any) -> str:
    """What a sample is made of: `([12], a int)`."""
    if isinstance(sample, Mapping):
        return "{" + ", ".join(f"{key}: {_show(each)}" for key, each in sample.items()) + "}"
    if isinstance(sample, tuple | list):
        return "(" + ", ".join(map(_show, sample)) + ")"
    return str(list(sample.shape)) if isinstance(sample, Tensor | np.ndarray) else f"a {type(sample).__name__}"


def _to_tensor(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in "iufb":
        return torch.from_numpy(np.ascontiguousarray(value))
    return value.detach().cpu() if isinstance(value, Tensor) else value


def _part_target(batch: Any, spec: PythonData) -> tuple[Any, Any]:
    """What the network is called with, and the target, or None."""
    if isinstance(batch, Mapping):
        label = spec.label if spec.label is not None else next((each for each in LABELS if each in batch), None)
        if spec.label is not None and spec.label not in batch:
            raise UserError(
                "the samples have no such key",
                key="data.label",
                value=spec.label,
                choices=tuple(map(str, batch)),
                nearest=find_nearest(spec.label, map(str, batch)),
            )
        return {key: each for key, each in batch.items() if key != label}, None if label is None else batch[label]
    if isinstance(batch, tuple) and batch:
        *inputs, target = batch if len(batch) > 1 else (*batch, None)
        return inputs[0] if len(inputs) == 1 else tuple(inputs), target
    return batch, None


def _count_samples(inputs: Any, target: Any, spec: PythonData) -> int:
    """How many samples there are; every tensor must have as many."""
    sizes: dict[str, int] = {}
    for what, tree in (("inputs", inputs), ("target", target)):
        try:
            sizes |= {f"{what}{name}": len(each) for name, each in walk(tree)} if tree is not None else {}
        except TypeError as error:
            raise UserError(
                f"must be made of tensors and arrays; the {what} have {error}", key="data.target", value=spec.target
            ) from None
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{size} in {name}" for name, size in sizes.items())
        raise UserError(f"every tensor must have as many samples: {told}", key="data.target", value=spec.target)
    if not sizes or not min(sizes.values()):
        raise UserError("holds no samples", key="data.target", value=spec.target)
    return next(iter(sizes.values()))


def _choose(part: Read, spec: PythonData) -> Read:
    """The first `samples` of a random order."""
    order = torch.randperm(part.samples, generator=torch.Generator().manual_seed(spec.seed))[: spec.samples]
    if part.loading is not None and part.loading.sampler is not None:
        raise UserError("cannot be below what the DataLoader's own sampler draws from", key="data.samples", value=str(spec.samples))
    inputs, target = (None if each is None else convert(each, lambda tensor: tensor[order]) for each in (part.inputs, part.target))
    return Read(inputs=inputs, target=target, samples=len(order), loading=part.loading)


def _describe(tree: Any, name: str, what: str, spec: PythonData) -> Structure:
    structure = read_structure(tree)
    if any(leaf.dtype.is_complex for leaf in structure.leaves):
        raise UserError(f"the {what} of the {name} part hold complex numbers", key="data.target", value=spec.target)
    return structure


def _say(structure: Structure | None) -> str:
    if structure is None:
        return "without one"
    return ", ".join(
        f"{leaf.name} {list(leaf.shape)} {str(leaf.dtype).removeprefix('torch.')}".strip() for leaf in structure.leaves
    )


def _read_target(values: Tensor, goal: Structure, spec: PythonData) -> tuple[Tensor, int]:
    """The target as all sources give it, and how many classes it has."""
    if not goal.is_tensor:
        return values, 0
    shape, whole = goal.leaves[0].shape, not values.is_floating_point()
    single = shape in ((), (1,))
    marks = single and not whole and bool(((values == 0) | (values == 1)).all()) and int(values.min()) < int(values.max())
    negative = whole and int(values.min()) < 0  # no classes: numbers, or what a loss of the user's own knows to leave out
    if spec.task == "numbers" or (spec.task is None and ((not whole and not marks) or negative)):
        return values.float(), 0
    if not whole and not bool((values == values.round()).all()):
        raise UserError("classes are whole numbers, and the target holds others", key="data.task", value="classes")
    numbers = (values.flatten() if single else values).long()
    if int(numbers.min()) < 0:
        raise UserError(
            f"classes are numbers from 0 on, and the target holds {int(numbers.min())}", key="data.target", value=spec.target
        )
    return numbers, int(numbers.max()) + 1


def _check_finite(parts: dict[str, Read], spec: PythonData) -> None:
    """Where whole numbers stand beside others, no rule can see what is not finite."""
    for name, part in parts.items():
        for place, each in walk(part.inputs):
            bad = (
                []
                if not each.is_floating_point()
                else (~torch.isfinite(each)).reshape(len(each), -1).any(dim=1).nonzero()[:, 0].tolist()
            )
            if bad:
                raise UserError(
                    f"inputs{place} hold NaN or infinity in {len(bad)} samples of the {name} part, sample {bad[0]} first",
                    key="data.target",
                    value=spec.target,
                )


def _check_split(spec: PythonData) -> None:
    """A sampler draws from all samples of its dataset, so none of them may be kept apart."""
    asked = {
        "folds": spec.folds is not None,
        "test_fraction": spec.test_fraction > 0,
        "validation_fraction": spec.validation_fraction > 0,
    }
    for name in (name for name, is_asked in asked.items() if is_asked):
        raise UserError(
            "the DataLoader's own sampler draws from all samples: give data with a test part, (train, test), or set it to 0",
            key=f"data.{name}",
            value=str(getattr(spec, name)),
        )


def _number_parts(parts: dict[str, Read]) -> Split:
    bounds = [0, *itertools.accumulate(parts[name].samples for name in PARTS if name in parts)]
    names = [each for each in PARTS if each in parts]
    found = {name: torch.arange(*ends) for name, ends in zip(names, itertools.pairwise(bounds), strict=True)}
    return Split(train=found["train"], validation=found.get("validation"), test=found.get("test"))
