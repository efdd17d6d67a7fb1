"""Batches of any structure to rows and back, without a bit lost."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from trainlab.structure import Structure, read_structure, walk

NUMBERS = torch.tensor([[0.1, -3e38], [float("inf"), 1e-40], [float("nan"), -0.0]])
TOKENS = torch.tensor([[1, 2**40, -3], [4, 5, 6], [7, 8, 9]])
MASK = torch.tensor([True, False, True])

BATCHES: list[Any] = [
    NUMBERS,
    TOKENS,
    MASK,
    NUMBERS[:, 0],
    (NUMBERS, NUMBERS[:, :1], NUMBERS[:, None, :, None]),
    {"tokens": TOKENS, "mask": MASK, "numbers": NUMBERS},
    (NUMBERS, {"a": (TOKENS, MASK), "b": NUMBERS[:, 0]}),
]


def is_same(one: Any, other: Any) -> bool:
    pairs = list(zip(walk(one), walk(other), strict=True))
    bits = [(a.view(torch.int32), b.view(torch.int32)) if a.is_floating_point() else (a, b) for (_, a), (_, b) in pairs]
    return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in bits) and [n for (n, _), _ in pairs] == [
        n for _, (n, _) in pairs
    ]


@pytest.mark.parametrize("batch", BATCHES, ids=range(len(BATCHES)))
def test_comes_back_as_it_was(batch: Any) -> None:
    structure = read_structure(batch)
    rows = structure.pack(batch)
    assert rows.dim() >= 2
    assert is_same(structure.unpack(rows), batch)
    assert is_same(structure.unpack(rows[1:]), structure.unpack(rows[1:].clone()))


def test_numbers_alone_stay_numbers_and_pass_gradients_on() -> None:
    structure = read_structure((NUMBERS, NUMBERS[:, 0]))
    rows = torch.ones(3, 3, requires_grad=True)
    first, second = structure.unpack(rows)
    (2 * first.sum() + second.sum()).backward()
    assert rows.grad is not None
    assert rows.grad[0].tolist() == [2, 2, 1]
    assert not structure.is_bits


def test_whole_numbers_beside_others_make_rows_of_bits() -> None:
    structure = read_structure({"tokens": TOKENS, "numbers": NUMBERS})
    assert structure.is_bits
    assert structure.pack({"tokens": TOKENS, "numbers": NUMBERS}).dtype == torch.int64
    assert structure.unpack(structure.pack({"tokens": TOKENS, "numbers": NUMBERS}), torch.float64)["numbers"].dtype == torch.float64


def test_can_be_mapped() -> None:
    batches = [{"tokens": TOKENS, "numbers": factor * torch.arange(6.0).view(3, 2)} for factor in (0.1, 0.3)]
    structure = read_structure(batches[0])
    rows = torch.stack([structure.pack(each) for each in batches])

    def add(each: Tensor) -> Tensor:
        batch = structure.unpack(each)
        return batch["numbers"].sum() + batch["tokens"].sum()

    assert torch.equal(vmap(add)(rows), torch.stack([add(each) for each in rows]))


@pytest.mark.parametrize(
    ("batch", "words"), [((NUMBERS, "a"), r"a str at \[1\]"), ({"a": torch.tensor(1)}, "a number at"), (3, "an? int")]
)
def test_what_is_no_tensor_is_told(batch: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        read_structure(batch)


def test_nothing_in_the_place_of_a_tensor_stays() -> None:
    batch = {"mask": None, "tokens": MASK}
    structure = read_structure(batch)
    assert [leaf.name for leaf in structure.leaves] == ["['tokens']"]
    back = structure.unpack(structure.pack(batch))
    assert back["mask"] is None
    assert torch.equal(back["tokens"], MASK)


def test_equal_structures_are_equal() -> None:
    assert read_structure((NUMBERS, MASK)) == read_structure((NUMBERS[:2], MASK[:2]))
    assert isinstance(read_structure(NUMBERS), Structure)
    assert read_structure(NUMBERS) != read_structure(NUMBERS[:, :1])
