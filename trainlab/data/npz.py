"""Arrays in files of numpy."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import torch
from torch import Tensor

from trainlab.config.data import NPZ
from trainlab.data._files import read_bytes
from trainlab.data._samples import Samples, choose_samples
from trainlab.errors import UserError, find_nearest

INPUTS = ("x", "inputs", "data", "images", "features", "X")
TARGETS = ("y", "target", "targets", "labels", "Y")


def draw(spec: NPZ) -> Samples:
    """Inputs `[sample, ...]` and a target, one class number, or one or more numbers, a sample or a step.

    Raises:
        UserError: the file cannot be read, has no such array, or one of a shape or kind that does not go.
    """
    arrays = _read(spec)
    inputs = _find(arrays, spec.inputs, INPUTS, "data.inputs")
    target = _find(arrays, spec.target, TARGETS, "data.target")
    _check(inputs, target, spec)
    goal, classes = _read_target(target, spec)
    kind = torch.int64 if spec.tokens else torch.float32
    values = torch.from_numpy(np.ascontiguousarray(inputs)).to(kind)
    values = values[:, None] if values.dim() == 1 else values
    tokens = int(values.max()) + 1 if spec.tokens else 0
    return choose_samples(Samples(inputs=values, target=goal, classes=classes, tokens=tokens), spec.samples, spec.seed)


def _read(spec: NPZ) -> dict[str, np.ndarray]:
    data = read_bytes(spec.path)
    if not data.startswith((b"PK", np.lib.format.MAGIC_PREFIX)):
        raise UserError("is no file of arrays, as `numpy.savez` writes it", key="data.path", value=spec.path)
    try:
        file = np.load(io.BytesIO(data), allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise UserError("must hold several arrays, saved by `numpy.savez`", key="data.path", value=spec.path)
        return {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"is no file of arrays: {error}", key="data.path", value=spec.path) from None


def _find(arrays: dict[str, np.ndarray], name: str | None, usual: tuple[str, ...], key: str) -> np.ndarray:
    wanted = next((each for each in usual if each in arrays), None) if name is None else name
    if wanted is None or wanted not in arrays:
        message = f"the file has none of {', '.join(usual)}: name one" if name is None else "the file has no such array"
        nearest = None if name is None else find_nearest(name, arrays)
        raise UserError(message, key=key, value=name, choices=tuple(arrays), nearest=nearest)
    return arrays[wanted]


def _check(inputs: np.ndarray, target: np.ndarray, spec: NPZ) -> None:
    for array, key, kinds in ((inputs, "inputs", "iu" if spec.tokens else "iufb"), (target, "target", "iufbU")):
        if array.dtype.kind not in kinds or not array.ndim or not array.size:
            shape = list(array.shape)
            what = "whole numbers, one or more a sample" if kinds == "iu" else "numbers, one or more a sample"
            raise UserError(f"must hold {what}, and is {array.dtype} of shape {shape}", key=f"data.{key}", value=getattr(spec, key))
    if len(inputs) != len(target):
        reason = f"has {len(target)} entries, and there are {len(inputs)} samples in {spec.path}"
        raise UserError(reason, key="data.target", value=spec.target)
    if spec.tokens and (inputs.ndim != 2 or inputs.min() < 0):
        raise UserError("tokens are numbers from 0 on, [sample, step]", key="data.inputs", value=spec.inputs)
    if inputs.ndim > 4:
        raise UserError(f"must have at most 4 dimensions, and has {inputs.ndim}", key="data.inputs", value=spec.inputs)
    if spec.task == "numbers" and target.dtype.kind == "U":
        raise UserError("must hold numbers, and holds text", key="data.target", value=spec.target)


def _read_target(target: np.ndarray, spec: NPZ) -> tuple[Tensor, int]:
    """The target, and how many classes it has."""
    target = target[:, 0] if target.ndim == 2 and target.shape[1] == 1 else target
    if spec.task == "numbers" or (spec.task is None and target.dtype.kind == "f"):
        values = torch.from_numpy(np.ascontiguousarray(target)).float()
        return (values[:, None] if values.dim() == 1 else values), 0
    known, numbers = np.unique(target, return_inverse=True)
    return torch.from_numpy(numbers.reshape(target.shape)).long(), len(known)
