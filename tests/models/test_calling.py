"""What networks of the user's own return, as rows, and as their loss sees it."""

from __future__ import annotations

from collections import OrderedDict
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from tests.own.nets import Speaker, Spoken
from trainlab.models import adapt, find_calling
from trainlab.structure import read_structure

ROWS = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


class Pair(NamedTuple):
    first: Any
    second: Any


class Returning(nn.Module):
    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def forward(self, x: torch.Tensor) -> Any:
        return self.make(x)


def call(make: Any) -> tuple[torch.Tensor, Any]:
    """The rows, and what a loss sees."""
    model = Returning(make)
    adapt(model, read_structure(ROWS), "net:Net")
    rows = model(ROWS)
    calling = find_calling(model)
    assert calling is not None
    return rows, calling.returned.unpack(rows) if calling.returned is not None else None


@pytest.mark.parametrize(
    "make",
    [
        lambda x: Spoken(loss=x.mean(), logits=x, cache=object()),
        lambda x: SimpleNamespace(loss=x.mean(), logits=x),
        lambda x: OrderedDict(loss=None, logits=x, cache=[x.sum()]),
        lambda x: {"logits": x, "states": torch.zeros(2, 5)},
    ],
    ids=["dataclass", "object", "mapping", "dict"],
)
def test_an_object_keeps_its_attributes_and_only_what_has_a_row_a_sample(make: Any) -> None:
    rows, seen = call(make)
    assert torch.equal(rows, ROWS)
    for found in (seen.logits, seen["logits"], seen[0]):
        assert torch.equal(found, ROWS)
    assert (seen["loss"] if "loss" in seen else seen["states"]) is None
    with pytest.raises(AttributeError, match="has no 'hidden_states'; it has "):
        _ = seen.hidden_states


def test_one_tensor_keeps_its_shape_and_several_lie_in_a_row() -> None:
    rows, seen = call(lambda x: {"logits": x[:, :, None].expand(4, 3, 2)})
    assert rows.shape == (4, 3, 2)
    assert seen.logits.shape == (4, 3, 2)
    rows, seen = call(lambda x: Pair(x[:, :, None].expand(4, 3, 2), x[:, 0]))
    assert rows.shape == (4, 7)
    assert isinstance(seen, Pair)
    assert (seen.first.shape, seen.second.tolist()) == ((4, 3, 2), ROWS[:, 0].tolist())


def test_the_states_of_a_recurrent_network_are_not_passed_on() -> None:
    lstm = nn.LSTM(1, 2, batch_first=True)
    rows, (output, (hidden, cells)) = call(lambda x: lstm(x[:, :, None]))
    assert (rows.shape, output.shape, hidden, cells) == ((4, 3, 2), (4, 3, 2), None, None)


def test_nothing_with_a_row_a_sample_is_returned_as_it_is() -> None:
    rows, seen = call(lambda x: Spoken(loss=x.mean(), logits=x.mean()))
    assert isinstance(rows, Spoken)
    assert seen is None


def test_gradients_go_through() -> None:
    model = Speaker()
    adapt(model, read_structure({"input_ids": torch.ones(2, 3, dtype=torch.long)}), "net:Speaker")
    model(torch.ones(2, 3, dtype=torch.long)).sum().backward()
    assert model.mix.weight.grad is not None
