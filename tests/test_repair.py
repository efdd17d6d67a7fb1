"""A handful of what `make bench-repair` does: networks of the zoo that train at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import yaml

from tests.benchmarks.repair import (
    BUDGET,
    CPU,
    Repair,
    does_as_well,
    find_kind,
    is_data,
    is_left,
    list_mendable,
    repair,
    repair_first,
    sample,
    tabulate,
    undo,
)
from tests.readme import README, make_marks
from tests.studies.plans import make_run
from tests.zoo import files
from tests.zoo.cases import FOLDER, Case, list_cases, make_config
from trainlab import engine
from trainlab.report import Trace

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
    assert found.cost <= BUDGET


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
    twin = undo(make_case("data.fraction=0.3,optimizer.lr=3"))
    assert twin.data.fraction == 0.3  # type: ignore[union-attr]
    assert twin.optimizer == whole.optimizer


def test_the_twin_trains_as_long_unless_that_is_the_fault() -> None:
    long = make_case("train.epochs=99,optimizer.lr=3")
    assert undo(long).train.epochs == 99
    assert undo(replace(long, codes=("F004",))) == make_config(make_case(""), 0)


def test_every_twin_can_be_trained() -> None:
    """On data that are made anew here: what a fault is put into may have other targets than the network as it is."""
    files.write_all()
    for case in list_mendable("tuning", "") + list_mendable("reporting", ""):
        if not is_data(case):
            engine.prepare(undo(case), CPU)


def test_every_twin_that_is_written_out_belongs_to_a_fault() -> None:
    for entry in yaml.safe_load((FOLDER / "faults.yaml").read_text(encoding="utf-8")):
        assert set(entry.get("twins", ())) <= set(entry["in"])


def test_a_twin_may_be_another_network() -> None:
    assert undo(replace(make_case("model.width=1"), twin="model.width=7")).model.width == 7  # type: ignore[union-attr]


def test_where_a_case_costs_nothing_the_next_one_stands_for_the_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    idle, costly, fact = make_case("optimizer.lr=0.04"), make_case("optimizer.lr=3"), replace(make_case(""), is_fact=True)

    def look(case: Case, *, whatever: bool = False) -> Repair | None:
        if not whatever and case != costly:
            return None
        return Repair(case=case, named="L001", patch=None, cost=1.0, scores={}, healthy={})

    monkeypatch.setattr("tests.benchmarks.repair.repair", look)
    for cases, chosen in ([idle, costly], costly), ([fact, costly], costly), ([fact, idle], fact):
        found = repair_first(cases)
        assert found is not None
        assert found.case == chosen
    assert repair_first([idle, idle]) is None


def score(right: float, seeds: Sequence[float] = (0.0, 0.0, 0.0)) -> list[Trace]:
    """Runs that get this share of 30 test samples right, each with what its seed adds."""
    traces = []
    for seed, more in enumerate(seeds):
        correct = (np.arange(30) < round(30 * (right + more))).astype(float)
        metrics = {"test_accuracy": float(correct.mean())}
        traces.append(make_run("base", seed=seed, task="multiclass", metrics=metrics, arrays={"test-correct": correct}))
    return traces


def test_no_chance_makes_a_tenth() -> None:
    assert does_as_well(score(0.9), score(0.9, (0.1, 0.0, -0.2)))  # 0.033 less, which seeds explain
    assert not does_as_well(score(0.9), score(0.9, (0.1, 0.0, -0.5)))  # 0.13 less, which they explain as well
    assert does_as_well(score(0.9), score(0.95))


def test_a_healthy_network_is_left_as_it_is() -> None:
    assert is_left(make_case(""))


def test_the_sample_has_every_fault_once_or_once_in_each_kind_of_network() -> None:
    cases = list_mendable("tuning", "")
    groups = sample(cases)
    assert sorted(group[0].what for group in groups) == sorted({case.what for case in cases})
    assert sorted(map(repr, cases)) == sorted(repr(case) for group in groups for case in group)
    for kinds_first in ([find_kind(case) == "mlp" for case in group] for group in groups):
        assert kinds_first == sorted(kinds_first, reverse=True)
    kinds = ("mlp", "rnn")
    chosen = [(group[0].what, find_kind(group[0])) for group in sample(cases, kinds)]
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
    assert [README.read_text(encoding="utf-8").count(mark) for mark in make_marks("repair")] == [1, 1]
