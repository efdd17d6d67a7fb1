"""A handful of what `make bench-underfit` does: causes in networks of the zoo that train at once."""

from __future__ import annotations

import pytest

from tests.benchmarks.underfit import CAUSES, HEALTHY, KINDS, NETWORKS, Named, list_tasks, name_cause, tabulate
from tests.readme import README, make_marks
from tests.zoo import files
from tests.zoo.cases import Case, find_part, make_config

WINE = "mlp-wine-sgd"
QUICK = {
    "features not scaled": (WINE, "data.standardize=false"),
    "a hole in the data": (WINE, "data={name: npz, path: wine-hole.npz}"),
    "clipping that leaves nothing": (WINE, "clip={mode: norm, threshold: 0.0001}"),
}


@pytest.fixture(autouse=True, scope="module")
def data() -> None:
    files.write_all()


@pytest.mark.parametrize("what", QUICK)
def test_the_cause_is_named_first(what: str) -> None:
    place = next(place for place, each in enumerate(CAUSES) if each.what == what)
    named = name_cause((place, *QUICK[what]))
    assert named.right, named.text


def test_a_healthy_network_is_not_said_to_be_hindered() -> None:
    named = name_cause((HEALTHY, WINE, ""))
    assert named.right, named.text
    assert named.injected is None


def test_every_cause_is_put_into_several_kinds_of_networks_and_changes_each() -> None:
    assert len({each.what for each in CAUSES}) == len(CAUSES)
    for cause in CAUSES:
        assert len(cause.into) >= 3
        for network, patch in cause.into.items():
            plain, changed = (
                make_config(Case(network=network, part=find_part(network), kind="fault", patch=each), 0) for each in ("", patch)
            )
            assert plain != changed
    networks = {network for _, network, _ in list_tasks()}
    assert set(NETWORKS) <= networks
    assert {network.partition("-")[0] for network in networks} <= {kind for kinds in KINDS.values() for kind in kinds}


def test_the_table_counts_what_is_named_and_what_is_said_of_healthy_networks() -> None:
    def make(network: str, cause: str | None, text: str = "", *, healthy: bool = False) -> Named:
        values = {"cause": cause, "verdict": "limited" if healthy or cause is None else "hindered"}
        injected = None if healthy or cause == "wrong" else CAUSES[0]
        return Named(injected=injected, network=network, patch="", text=text, values=values, seconds=1.0)

    found = [
        make("mlp-a", "L002"),
        make("mlp-b", "F002"),
        make("cnn-a", "rate", "the learning rate is too low"),
        make("cnn-a", None, healthy=True),
        make("gru-a", "wrong"),
    ]
    rows = [line.strip("| ").split(" | ") for line in tabulate(found).splitlines()]
    assert rows[2] == [CAUSES[0].what, "1 of 2", "1 of 1", "-", "-"]
    assert rows[3][1:] == ["1 of 2", "1 of 1", "-", "-"]
    assert rows[4][1:] == ["-", "0 of 1", "1 of 1", "-"]


def test_the_table_in_readme_stands_between_its_marks() -> None:
    assert [README.read_text(encoding="utf-8").count(mark) for mark in make_marks("underfit")] == [1, 1]
