"""A handful of what `make bench-repair` does: networks of the zoo that train at once."""

from __future__ import annotations

import pytest

from tests.benchmarks.repair import (
    MARKS,
    README,
    Repair,
    find_kind,
    is_data,
    is_left,
    list_mendable,
    repair,
    sample,
    tabulate,
    undo,
)
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


def test_a_healthy_network_is_left_as_it_is() -> None:
    assert is_left(make_case(""))


def test_the_sample_has_every_fault_once_or_once_in_each_kind_of_network() -> None:
    cases = list_mendable("tuning", "")
    assert sorted(case.what for case in sample(cases)) == sorted({case.what for case in cases})
    kinds = ("mlp", "rnn")
    chosen = [(case.what, find_kind(case)) for case in sample(cases, kinds)]
    assert sorted(chosen) == sorted({(case.what, find_kind(case)) for case in cases if find_kind(case) in kinds})


def test_the_table_counts_what_a_patch_can_mend_apart_from_the_data() -> None:
    fault, data = make_case("optimizer.lr=3"), CASES[NAMED]
    ends = [{"check": True, "nothing": False, "random": False}, {"check": False, "nothing": False, "random": True}]
    repairs = [
        Repair(case=fault, named="L001", patch={}, cost=cost, scores={}, healthy=each)
        for cost, each in zip((10, 20), ends, strict=True)
    ]
    repairs.append(Repair(case=data, named="D006", patch=None, cost=1.0, scores={}, healthy=ends[0]))
    rows = dict(line.strip("| ").split(" | ") for line in tabulate({"tuning": (repairs, [True, False])}).splitlines()[2:])
    assert list(rows.values()) == ["50.0 % of 2", "0.0 % of 2", "50.0 % of 2", "15.0", "1 of 1", "1 of 2"]


def test_the_table_in_readme_stands_between_its_marks() -> None:
    assert [README.read_text(encoding="utf-8").count(mark) for mark in MARKS] == [1, 1]
