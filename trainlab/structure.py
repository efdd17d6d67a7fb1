"""Samples of any structure as rows of one tensor: what a run shuffles, splits and sends is then always the same.

A tuple, a list or a mapping of tensors `[sample, ...]` is laid out in a row `[sample, number]`, and put together again where the
user's code sees it. Numbers stay numbers where all of them are; where some are whole, a row holds the bits of all, as whole
numbers: nothing is rounded, and what measures inputs sees that these are not numbers to be scaled.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One tensor of a structure: what one sample has of it.

    Attributes:
        name: how it is reached, as `[0]` or `['mask']`; empty if it is all there is.
        shape: without the sample.
        dtype: as given.
    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """How the tensors of a batch hang together.

    Attributes:
        tree: the batch with the number of a leaf in the place of each tensor.
        leaves: the tensors.
    """

    tree: Any
    leaves: tuple[Leaf, ...]

    @property
    def is_tensor(self) -> bool:
        """It is one tensor."""
        return isinstance(self.tree, int)

    @property
    def is_bits(self) -> bool:
        """Its rows hold bits, not numbers."""
        return not self.is_tensor and any(not leaf.dtype.is_floating_point for leaf in self.leaves)

    def pack(self, batch: Any) -> Tensor:
        """`[sample, number]`; a tensor stays as it is, but has at least one number a sample to its right."""
        tensors = [each for _, each in walk(batch)]
        if self.is_tensor:
            return tensors[0] if tensors[0].dim() > 1 else tensors[0].unsqueeze(-1)
        if self.is_bits:
            tensors = [_to_bits(each) for each in tensors]
        return torch.cat([each.flatten(1) if each.dim() > 1 else each.unsqueeze(-1) for each in tensors], dim=1)

    def unpack(self, rows: Tensor, dtype: torch.dtype | None = None) -> Any:
        """The batch, its floating-point tensors in `dtype`; differentiable at rows of numbers."""
        if self.is_tensor:
            return self._restore(rows if rows.dim() == len(self.leaves[0].shape) + 1 else rows.squeeze(-1), self.leaves[0], dtype)
        sizes = [math.prod(leaf.shape) for leaf in self.leaves]
        parts = rows.flatten(1).split_with_sizes(sizes, dim=1)
        tensors = [
            self._restore(part.reshape(len(rows), *leaf.shape), leaf, dtype) for part, leaf in zip(parts, self.leaves, strict=True)
        ]
        return _fill(self.tree, tensors)

    def _restore(self, part: Tensor, leaf: Leaf, dtype: torch.dtype | None) -> Tensor:
        if not leaf.dtype.is_floating_point:
            return part.to(leaf.dtype)
        if self.is_bits:
            part = part.to(torch.int32).view(torch.float32)
        return part if dtype is None else part.to(dtype)


def read_structure(batch: Any) -> Structure:
    """The structure of a batch.

    Raises:
        TypeError: it holds something that is no tensor with a dimension for the samples.
    """
    numbers = itertools.count()
    leaves = [Leaf(name=name, shape=tuple(each.shape[1:]), dtype=each.dtype) for name, each in walk(batch)]
    return Structure(tree=convert(batch, lambda _: next(numbers)), leaves=tuple(leaves))


class Fields(dict[Any, Any]):
    """A mapping whose entries are attributes too, and come by number as well: what networks return as an object of their own."""

    def __getattr__(self, name: str) -> Any:
        """The entry of that name."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"what the network returned has no {name!r}; it has {', '.join(map(str, self))}") from None

    def __getitem__(self, key: Any) -> Any:
        """The entry of that name, or that one in order."""
        return (
            [each for each in self.values() if each is not None][key]
            if isinstance(key, int) and key not in self
            else super().__getitem__(key)
        )


def convert(batch: Any, change: Callable[[Any], Any]) -> Any:
    """The same structure with every leaf changed; None stays None."""
    if isinstance(batch, Mapping):
        return (Fields if isinstance(batch, Fields) else dict)({key: convert(each, change) for key, each in batch.items()})
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(convert(each, change) for each in batch))
    if isinstance(batch, tuple | list):
        return tuple(convert(each, change) for each in batch)
    return None if batch is None else change(batch)


def walk(batch: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors of a batch, each with how it is reached.

    Raises:
        TypeError: it holds something else.
    """
    if isinstance(batch, Mapping):
        for key, each in batch.items():
            yield from walk(each, f"{name}[{key!r}]")
    elif isinstance(batch, tuple | list):
        for index, each in enumerate(batch):
            yield from walk(each, f"{name}[{index}]")
    elif batch is None and name:
        return  # what a network may be given, and may return, in the place of a tensor
    elif isinstance(batch, Tensor) and batch.dim():
        yield name, batch
    else:
        what = "a number" if isinstance(batch, Tensor) else f"a {type(batch).__name__}"
        raise TypeError(f"{what}{f' at {name}' if name else ''}")


def _fill(tree: Any, tensors: list[Tensor]) -> Any:
    return convert(tree, lambda number: tensors[number])


def _to_bits(values: Tensor) -> Tensor:
    if values.dtype.is_floating_point:
        return values.to(torch.float32).contiguous().view(torch.int32).to(torch.int64)
    return values.to(torch.int64)
