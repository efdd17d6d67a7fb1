"""Rates and batch sizes; and what the ready configs show, each within the spread of its seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import carry_out, find_table, report


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("compare") / "report.json"
    from trainlab.cli.app import run

    assert run(["compare", "--quiet", "--time", "--format", f"json:{path}"]) == 0
    found: dict[str, Any] = json.loads(path.read_text())
    return found


class TestRatesAndBatchSizes:
    def test_both_stories_are_told_in_the_first_line(self, crossed: dict[str, Any]) -> None:
        text = crossed["answer"]["text"]
        assert text.startswith("Of lr / batch size, at equal epochs (5) no clear winner (0.5 / 64 first, test accuracy 9")
        assert "; at equal updates (115) no clear winner (0.5 / " in text
        assert text.endswith(" On its own, lr matters in both, batch size only at equal epochs.")
        assert len(text) < 3 * 80

    def test_the_number_of_updates_explains_what_the_batch_size_does(self, crossed: dict[str, Any]) -> None:
        epochs = {(row["lr"], row["batch size"]): row["test accuracy"] for row in find_table(crossed, "cells")}
        updates = {(row["lr"], row["batch size"]): row["test accuracy"] for row in find_table(crossed, "cells-equal-updates")}
        assert epochs["0.05", "16"] > epochs["0.05", "64"] + 0.05 > epochs["0.05", "full"] + 0.5
        assert max(updates["0.05", size] for size in ("16", "64", "full")) - min(
            updates["0.05", size] for size in ("16", "64", "full")
        ) == pytest.approx(0, abs=0.02)

    def test_the_base_is_one_of_the_cells(self, crossed: dict[str, Any]) -> None:
        assert {run["name"] for run in crossed["runs"][:5]} == {"base"}
        assert len(crossed["runs"]) == 5 * 6 + 5 * 4
        assert find_table(crossed, "factors")[1]["verdict"] == "better"

    def test_times_stand_apart(self, crossed: dict[str, Any]) -> None:
        (times,) = crossed["timing"]["tables"]
        assert len(times["rows"]) == 6
        assert "times" not in {table["name"] for table in crossed["tables"]}
        sizes = dict(zip(times["columns"], zip(*times["rows"], strict=True), strict=True))
        assert sizes["updates an epoch"] == [23, 90, 1, 90, 23, 1] or sizes["updates an epoch"] == (23, 90, 1, 90, 23, 1)
        assert all(each > 0 for each in sizes["ms an update"])

    def test_the_same_again_has_the_same_bytes(self, crossed: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
        again = report(capsys, "compare", "--quiet")
        assert {**again, "timing": None} == {**crossed, "timing": None}


def test_one_seed_is_not_believed(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "compare", "--seeds", "1", "--epochs", "1", "--vs", "model.width=8")
    assert "one seed cannot tell whether that is chance: try --seeds 5." in " ".join(outcome.out.split())


def test_a_run_that_cannot_be_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    line = ("compare", "--epochs", "1", "--seeds", "2", "--batch-size", "1", "--set", "train.updates=5", "--set", "vary={}")
    outcome = carry_out(capsys, *line, "--vary", "model.norm=none,layer,batch", "--format", "json")
    document = json.loads(outcome.out)
    assert [each["run"] for each in document["skipped"] if each["code"] == "run"] == ["model.norm=batch"]
    assert len(find_table(document, "cells")) == 2


def test_it_says_what_it_would_take(capsys: pytest.CaptureFixture[str]) -> None:
    out = carry_out(capsys, "compare", "--dry-run").out
    assert "runs     at least 30\n" in out
    assert "runs     30\n" in carry_out(capsys, "compare", "--dry-run", "--equal", "epochs").out


def test_it_is_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = ("compare", "--epochs", "1", "--seeds", "2", "--equal", "epochs", "--plot", str(tmp_path / "c.svg"))
    assert carry_out(capsys, *line).code == 0
    assert (tmp_path / "c.svg").stat().st_size > 1000


def test_numbers_are_judged_by_r2(capsys: pytest.CaptureFixture[str]) -> None:
    data = ("--set", "data={name: diabetes, standardize: true, test_fraction: 0.2}", "--set", "loss=mse")
    document = report(capsys, "compare", *data, "--lr", "0.01", "--epochs", "5", "--vary", "model.width=4,32", "--seeds", "3")
    assert document["answer"]["values"]["by"] == "test_r2"
    assert "test R2" in document["answer"]["text"]


def test_the_sharpness_is_told_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    line = ("compare", "compare-batch-size", "--seeds", "2", "--epochs", "1", "--equal", "epochs", "--width", "8")
    rows = find_table(report(capsys, *line, "--sharpness"), "cells")
    assert all(row["sharpness"] > 0 for row in rows)
    assert "sharpness" not in find_table(report(capsys, *line), "cells")[0]
