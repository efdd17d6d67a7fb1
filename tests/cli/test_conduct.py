from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.running import carry_out, find_table, report
from trainlab import plugins, study
from trainlab.cli import progress
from trainlab.cli.conduct import Baseline, parse_budget, read_baseline
from trainlab.config import build_schema
from trainlab.errors import UserError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(
    ("text", "budget"),
    [(None, (None, None)), ("20x", (20.0, None)), ("0.5x", (0.5, None)), ("30s", (None, 30.0)), ("1.5m", (None, 90.0))],
)
def test_budgets(text: str | None, budget: tuple[float | None, float | None]) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "x", "20", "20 x", "-1x", "0s", "1e3x", "infx", "20h"])
def test_no_budgets(text: str) -> None:
    with pytest.raises(UserError):
        parse_budget(text)


class TestConfig:
    def test_without_one_it_is_the_commands_own(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert report(capsys, "gradients")["runs"][0]["config"]["model"]["layers"] == 30

    @pytest.mark.parametrize("name", ["gradients", "gradients.yaml", "configs/gradients.yaml"])
    def test_a_file_of_that_name_does_not_take_its_place(self, name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (here / "configs").mkdir()
        (here / name).write_text("model: {layers: 4}\n")
        assert report(capsys, "gradients")["runs"][0]["config"]["model"]["layers"] == 30
        assert report(capsys, "gradients", name)["runs"][0]["config"]["model"]["layers"] == 4

    def test_from_another_folder(self, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        (here / "own.yaml").write_text("model: {layers: 4}\n")
        (here / "below").mkdir()
        monkeypatch.chdir(here / "below")
        assert report(capsys, "gradients", "../own.yaml")["runs"][0]["config"]["model"]["layers"] == 4

    def test_changes_apply_all_at_once(self, capsys: pytest.CaptureFixture[str]) -> None:
        for line in ("--optimizer adam --set optimizer.eps=1e-6", "--set optimizer.eps=1e-6 --optimizer adam"):
            optimizer = report(capsys, "gradients", *line.split())["runs"][0]["config"]["optimizer"]
            assert (optimizer["name"], optimizer["eps"]) == ("adam", 1e-6)

    def test_what_a_change_drops_is_said(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (here / "own.yaml").write_text("optimizer: {name: sgd, momentum: 0.9}\n")
        line = ("gradients", "own.yaml", "--optimizer", "adam")
        warning = "trainlab: optimizer.momentum does not apply any more and is dropped\n"
        assert carry_out(capsys, *line).err == warning
        assert carry_out(capsys, *line, "--quiet").err == ""
        line = ("gradients", "own.yaml", "--vs", "optimizer.name=adam")
        assert carry_out(capsys, *line).err == f"trainlab: optimizer.name=adam: {warning.partition(' ')[2]}"

    def test_a_change_that_changes_nothing_is_said_to(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        outcome = carry_out(capsys, "gradients", "--vs", "model.layers=30")
        assert outcome.err == "trainlab: model.layers=30 changes nothing: the base is like that\n"
        (here / "own.yaml").write_text("model: {layers: 3}\nvs:\n- {model.layers: 3}\n- {model.layers: 4}\n")
        names = [run["name"] for run in report(capsys, "gradients", "own.yaml")["runs"]]
        assert names == ["base", "model.layers=4"]

    def test_vs_takes_the_place_of_the_configs(self, capsys: pytest.CaptureFixture[str]) -> None:
        document = report(capsys, "gradients", "gradients-deep", "--vs", "model.activation=elu")
        assert [run["name"] for run in document["runs"]] == ["base", "model.activation=elu"]

    def test_the_config_of_every_run_is_whole_and_valid(self, capsys: pytest.CaptureFixture[str]) -> None:
        for run in report(capsys, "gradients", "gradients-deep", "--seeds", "2")["runs"]:
            jsonschema.validate(run["config"], build_schema())


class TestOutput:
    def test_a_table_on_stdout(self, capsys: pytest.CaptureFixture[str]) -> None:
        outcome = carry_out(capsys, "gradients", "--layers", "3")
        assert outcome.answer.startswith("The gradient reaches every layer")
        assert outcome.err == ""
        assert "\x1b" not in outcome.out

    def test_files_and_stdout(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        outcome = carry_out(capsys, "gradients", "--format", "json:a.json", "--format", "table", "--plot", "p.png")
        assert outcome.answer.startswith("Gradients vanish")
        assert read("a.json")["answer"]["text"] == outcome.answer
        assert (here / "p.png").read_bytes().startswith(b"\x89PNG")
        assert sorted(path.name for path in here.iterdir()) == ["a.json", "p.png"]

    def test_every_format_at_once(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        names = plugins.list_names("trainlab.renderers")
        options = [text for name in names for text in ("--format", f"{name}:report.{name}")]
        assert carry_out(capsys, "gradients", *options, "--fail-on", "error").out == ""
        texts = {name: (here / f"report.{name}").read_text(encoding="utf-8") for name in names}
        assert [name for name, text in texts.items() if "Gradients vanish" not in text and name != "csv"] == []
        assert "2.999290015809935e-20" in texts["csv"]
        assert "<svg" in texts["html"], "the picture stands in the page"
        assert '<failure type="error"' in texts["junit"]
        assert 'name="G006 non-finite"' in texts["junit"], "a rule that found nothing is a case that passes"

    def test_output_takes_the_first_format(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        outcome = carry_out(capsys, "gradients", "--format", "json", "--format", "table:t.txt", "--output", "o.json")
        assert outcome.out == ""
        assert read("o.json")["command"] == "gradients"
        assert (here / "t.txt").read_text(encoding="utf-8").startswith("Gradients vanish")

    def test_a_file_has_names_uncut_and_no_color(
        self, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "40")
        carry_out(capsys, "gradients", "--output", "t.txt")
        text = (here / "t.txt").read_text(encoding="utf-8")
        assert "\x1b" not in text
        assert all(f"model.{2 * layer}.weight " in text for layer in range(30))
        assert "\x1b[" in carry_out(capsys, "gradients").out

    def test_every_shared_option_together(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        carry_out(capsys, "overfit", "--quick", "--format", "json:base.json", "--epochs", "5")
        line = (
            "overfit --act tanh --layers 3 --width 8,6 --init xavier_uniform --norm layer --residual --lr 0.02 --optimizer adamw "
            "--batch-size 50 --epochs 3 --weight-decay 0.01 --dropout 0.1 --set data.samples=200 --set optimizer.eps=1e-7 "
            "--vs model.activation=relu --vs optimizer.lr=0.1,model.dropout=0 --device cpu --seed 3 --seeds 2 --threads 1 "
            "--format json:r.json --format table --plot p.svg --full-series --select F --select L003 --ignore F002 --fail-on error "
            "--baseline base.json --tolerance 900% --budget 20x --quiet --verbose"
        )
        outcome = carry_out(capsys, *line.split())
        assert outcome.code == 0, outcome.err
        document = read("r.json")
        assert [run["seed"] for run in document["runs"]] == [3, 4, 3, 4, 3, 4]
        config = document["runs"][0]["config"]
        assert config["model"]["width"] == [8, 6]
        assert config["optimizer"]["eps"] == 1e-7
        assert {each["code"] for each in [*document["findings"], *document["skipped"]]} <= {"F001", "F004", "L003"}
        assert "Environment" in outcome.out
        assert (here / "p.svg").read_text().startswith("<?xml")

    def test_a_picture_that_cannot_be_written_is_refused_before_the_training(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(study, "run", lambda *_: pytest.fail("it was trained"))
        for options in (["--plot", "p.jpg"], ["--output", "missing/x"], ["--format", "json:missing/x"]):
            assert carry_out(capsys, "gradients", *options).code == 2


class TestDryRun:
    def test_says_what_it_would_take_and_trains_nothing(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        outcome = carry_out(capsys, "overfit", "--quick", "--dry-run", "--seeds", "3", "--plot", "p.png")
        assert outcome.code == 0
        assert re.match(
            r"runs     6\nupdates  2400\nmemory   \S+ MiB beside torch and the data\ntime     \S+ s of training\n", outcome.out
        )
        assert list(here.iterdir()) == []

    @pytest.mark.parametrize("command", ["check", "overfit", "underfit"])
    def test_is_the_least_where_more_runs_follow_from_the_first(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        outcome = carry_out(capsys, command, "--dry-run", "--epochs", "1", "--format", "table", "--format", "json:cost")
        assert re.match(r"runs     at least \d+.*\nupdates  at least \d+\nmemory   at least .*\ntime     at least ", outcome.out)
        assert json.loads(Path("cost").read_text())["at_least"] is True
        assert "at least" not in carry_out(capsys, "check", "--diagnose", "--dry-run", "--epochs", "1").out

    def test_a_budget_bounds_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        shown = carry_out(capsys, "check", "--dry-run", "--epochs", "1").out
        assert shown.startswith("runs     at least 1, at most 40 trainings of the config\n")
        cost = carry_out(capsys, "check", "--dry-run", "--epochs", "1", "--budget", "12x", "--format", "json").out
        assert json.loads(cost)["most_trainings"] == 12
        assert "at most" not in carry_out(capsys, "check", "--diagnose", "--dry-run", "--epochs", "1").out

    def test_in_the_formats_asked_for(self, capsys: pytest.CaptureFixture[str]) -> None:
        outcome = carry_out(capsys, "gradients", "--vs", "model.norm=batch", "--dry-run", "--format", "json", "--format", "table:t")
        cost = json.loads(outcome.out)
        assert (cost["runs"], cost["updates"]) == (1, 1)
        assert [each["run"] for each in cost["skipped"]] == ["model.norm=batch"]
        assert "skipped  model.norm=batch: batch norm" in Path("t").read_text()


class TestExitCodes:
    @pytest.mark.parametrize(
        ("options", "code"),
        [
            ("", 0),
            ("--fail-on error", 1),
            ("--fail-on warning", 1),
            ("--fail-on error --act relu", 0),
            ("--fail-on error --ignore G001", 0),
            ("--fail-on error --select G006", 0),
            ("--ignore G", 4),
            ("--norm batch", 2),
        ],
    )
    def test_of_a_vanishing_gradient(self, options: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
        assert carry_out(capsys, "gradients", *options.split()).code == code

    def test_what_is_known_does_not_fail(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = ("gradients", "--fail-on", "error")
        assert carry_out(capsys, *line, "--format", "json:known.json").code == 1
        assert read("known.json")["summary"] == {"errors": 1, "warnings": 0, "fail_on": "error", "exit_code": 1}
        outcome = carry_out(capsys, *line, "--baseline", "known.json", "--format", "json")
        assert outcome.code == 0
        document = json.loads(outcome.out)
        assert [each["known"] for each in document["findings"]] == [True]
        assert document["summary"] == {"errors": 0, "warnings": 0, "fail_on": "error", "exit_code": 0}
        assert carry_out(capsys, *line, "--baseline", "known.json", "--layers", "20").code == 1  # another place: a new fault

    def test_baselines(self, here: Path) -> None:
        assert read_baseline(None) == Baseline()
        finding = {"code": "G001", "severity": "warning", "run": "base", "where": "model.0.weight", "message": "m"}
        (here / "r.json").write_text(json.dumps({"schema": "trainlab.report/1", "findings": [finding], "runs": []}))
        place = ("G001", "base", "model.0.weight")
        assert read_baseline(here / "r.json") == Baseline(known=frozenset({(*place, "warning"), (*place, "info")}))

    def test_what_is_worse_than_it_was_fails(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        line = ("overfit", "--quick", "--epochs", "3", "--format", "json:{}.json", "--fail-on", "error")

        def check(name: str, *options: str) -> tuple[int, dict[str, Any]]:
            code = carry_out(capsys, *(each.format(name) for each in line), *options).code
            return code, read(f"{name}.json")

        assert check("old")[0] == 0
        same = check("same", "--baseline", "old.json")
        assert (same[0], same[1]["answer"]) == (0, read("old.json")["answer"])
        code, document = check("worse", "--baseline", "old.json", "--lr", "1e-4")
        assert (code, document["summary"]["errors"], document["summary"]["exit_code"]) == (1, 0, 1)
        assert " Worse than the baseline: train loss 0." in document["answer"]["text"]
        assert "base: train_loss" in document["answer"]["values"]["worse_metrics"]
        assert {row["run"] for row in find_table(document, "baseline")} == {"base"}
        assert check("wide", "--baseline", "old.json", "--lr", "1e-4", "--tolerance", "900%")[0] == 0
        assert (
            carry_out(capsys, "overfit", "--tolerance", "much")
            .errors[0]
            .startswith("trainlab: error: --tolerance: must be a share")
        )

    def test_a_warning_that_has_become_an_error_is_new(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        line = ("gradients", "--fail-on", "error", "--format", "json:known.json", "--baseline", "known.json")
        assert carry_out(capsys, *line[:-2]).code == 1
        assert carry_out(capsys, *line).code == 0
        document = read("known.json")
        document["findings"][0]["severity"] = "warning"
        Path("known.json").write_text(json.dumps(document))
        assert carry_out(capsys, *line).code == 1


class TestStopping:
    def test_time_is_up_before_anything_was_measured(self, capsys: pytest.CaptureFixture[str]) -> None:
        outcome = carry_out(capsys, "overfit", "--quick", "--budget", "0.001s")
        assert outcome.code == 4
        assert outcome.answer == "Nothing was measured: the study was stopped before its first update."

    def test_time_is_up_halfway(self, capsys: pytest.CaptureFixture[str]) -> None:
        outcome = carry_out(capsys, "overfit", "--quick", "--budget", "0.4s", "--epochs", "1000000", "--format", "json")
        document = json.loads(outcome.out)
        assert (outcome.code, document["complete"]) == (0, False)
        assert document["runs"][0]["metrics"]["updates"] > 1

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_what_was_measured_until_a_signal_is_reported(
        self, number: int, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listen = progress.Watcher.__call__

        def interrupt(watcher: progress.Watcher, state: Any) -> bool:
            if state.updates_done >= 20:
                signal.raise_signal(number)
            return listen(watcher, state)

        monkeypatch.setattr(progress.Watcher, "__call__", interrupt)
        outcome = carry_out(capsys, "overfit", "--quick", "--format", "json")
        document = json.loads(outcome.out)
        assert outcome.code == code
        assert document["complete"] is False
        assert document["summary"]["exit_code"] == code
        assert document["runs"][0]["metrics"]["updates"] == 10
        assert len(document["runs"][0]["series"]["loss"]["values"]) == 10

    def test_a_budget_of_trainings(self, capsys: pytest.CaptureFixture[str]) -> None:
        document = report(capsys, "overfit", "--quick", "--budget", "1x", "--epochs", "5")
        assert document["complete"] is True
        assert [each["reason"] for each in document["skipped"] if each["code"] == "run"] == ["beyond the budget of 1 training"]


@pytest.mark.parametrize(
    "line",
    [
        "gradients gradients-deep --seeds 2",
        "lr-sweep --seeds 2 --epochs 60",
        "overfit --quick --seeds 2 --epochs 30 --batch-size 100",
        "clip --seeds 2 --epochs 40",
    ],
)
def test_the_same_command_gives_the_same_bytes(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for _ in range(2):
        outcome = carry_out(capsys, *line.split(), "--format", "json")
        text, count = re.subn(r'"timing": \{.*?\}', '"timing": {}', outcome.out, flags=re.DOTALL)
        assert count == 1
        texts.append(text)
    assert texts[0] == texts[1]


def test_a_run_is_the_same_whatever_stands_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    alone = report(capsys, "overfit", "--epochs", "30", "--vs", "model.width=50")["runs"][0]
    among = report(capsys, "overfit", "--epochs", "30", "--seeds", "3", "--vs", "optimizer.lr=0.1", "--vs", "model.dropout=0.1")[
        "runs"
    ][0]
    assert alone == among
