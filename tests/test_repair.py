"""A handful of what `make bench-repair` does: networks of the zoo that train at once."""

from __future__ import annotations

import pytest

from tests.benchmarks.repair import is_data, repair, undo
from tests.zoo import files
from tests.zoo.cases import Case, list_cases, make_config

CASES = {case.name: case for case in list_cases() if case.kind == "fault"}
MENDED = "mlp-wine-full-batch learning rate too low optimizer.lr=1e-5"
NAMED = "mlp-wine-sgd a hole in the data data={name: npz, path: wine-hole.npz}"


@pytest.fixture(autouse=True, scope="module")
def data() -> None:
    files.write_all()


def test_ends_healthy_where_doing_nothing_does_not() -> None:
    found = repair(CASES[MENDED])
    assert found is not None
    assert found.patch
    assert found.healthy["check"]
    assert not found.healthy["nothing"]
    assert found.cost <= 30


def test_a_fault_of_the_data_is_named_and_left() -> None:
    case = CASES[NAMED]
    assert is_data(case)
    found = repair(case)
    assert found is not None
    assert (found.named, found.patch, found.healthy["check"]) == ("D006", None, True)


def make_case(patch: str) -> Case:
    return Case(network="mlp-wine-sgd", part="tuning", kind="fault", patch=patch, codes=("L001",))


def test_the_twin_has_the_same_data_without_the_fault() -> None:
    whole = make_config(make_case(""), 0)
    assert undo(make_case("optimizer.lr=3")) == whole
    assert undo(make_case("data.standardize=false")) == whole
    twin = undo(make_case("data.fraction=0.3,train.epochs=99"))
    assert twin.data.fraction == 0.3  # type: ignore[union-attr]
    assert twin.train == whole.train
