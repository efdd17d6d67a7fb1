from __future__ import annotations

import math
from typing import Any

import pytest

from trainlab import engine
from trainlab.arithmetic import count, format_figures
from trainlab.config import Config, validate
from trainlab.device import choose_device
from trainlab.errors import UserError


def read(config: Config, ranks: int = 1) -> dict[str, float]:
    return {each.name: each.value for each in count(config, "cpu", ranks)}


def make(**settings: Any) -> Config:
    data = {"name": "classification", "samples": 1000, "test_fraction": 0, "features": 20, "informative": 5}
    return validate({"data": data, "loss": "bce_logits", "model": {"outputs": 1}, "train": settings}, {})


@pytest.mark.parametrize(
    ("size", "batches", "last"),
    [(100, 10, ""), (32, 32, "the last of an epoch has 8"), (1000, 1, "every sample"), (None, 1, "every sample"), (1, 1000, "")],
)
def test_batches_of_an_epoch(size: int | None, batches: int, last: str) -> None:
    figures = {each.name: each for each in count(make(batch_size=size, epochs=3), "cpu")}
    assert figures["batches_per_epoch"].value == figures["updates_per_epoch"].value == batches
    assert figures["batch_size"].because == last
    assert figures["updates"].value == 3 * batches


@pytest.mark.parametrize("settings", [{"batch_size": 32, "accumulate": 4}, {"batch_size": 300, "accumulate": 3}, {"batch_size": 7}])
def test_updates_are_those_that_the_engine_makes(settings: dict[str, int]) -> None:
    config = make(epochs=2, **settings)
    assert read(config)["updates"] == engine.prepare(config, choose_device("cpu")).updates


def test_ranks_share_the_samples() -> None:
    figures = read(make(batch_size=10), ranks=4)
    assert (figures["samples_per_rank"], figures["rounds_per_epoch"], figures["effective_batch_size"]) == (250, 25, 40)
    uneven = read(make(batch_size=10), ranks=3)
    assert (uneven["samples_per_rank"], uneven["rounds_per_epoch"]) == (334, 34)
    assert "ranks" not in read(make())


def test_more_ranks_than_samples() -> None:
    with pytest.raises(UserError, match="must leave every rank a sample: there are 1000"):
        count(make(), "cpu", 1001)


def test_parameters_trained_and_frozen() -> None:
    config = validate(
        {"data": {"name": "digits"}, "loss": "cross_entropy", "model": {"width": 16, "layers": 2, "freeze": ["model.0.*"]}}, {}
    )
    figures = {each.name: each for each in count(config, "cpu")}
    assert figures["parameters"].value == 16 * 10 + 10
    assert figures["parameters"].because == f"and {64 * 16 + 16} that are frozen"


def test_time_and_memory_are_measured() -> None:
    figures = read(make(batch_size=100, epochs=5))
    assert math.isclose(figures["seconds"], 50 * figures["seconds_per_update"])
    assert figures["seconds_per_update"] > 0
    assert figures["mebibytes"] * 2**20 > 4 * figures["parameters"]


def test_it_is_yaml() -> None:
    import yaml

    figures = count(make(batch_size=32), "cpu", 2)
    read_back = yaml.safe_load(format_figures(figures))
    assert list(read_back) == [each.name for each in figures]
    assert read_back["updates"] == 32
