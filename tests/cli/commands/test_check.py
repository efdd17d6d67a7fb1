"""One training, every rule, one verdict."""

from __future__ import annotations

import pytest

from tests.cli.running import carry_out, find_table, report
from trainlab.studies.check import RULES

QUICK = ("check", "--set", "data.samples=300", "--epochs", "12")


def test_a_sound_training_is_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "check", "--seeds", "2")
    assert document["findings"] == []
    assert document["answer"]["text"].startswith("Healthy: ")
    silent = set(document["answer"]["values"]["not_judged"])
    assert document["answer"]["values"]["judged"] == len(RULES) - len(silent)
    assert {each["code"] for each in document["skipped"]} == silent
    (row,) = find_table(document, "runs")
    assert (row["run"], row["verdict"]) == ("base", "healthy")
    assert row["test accuracy"] > 0.95


def test_errors_fail_the_command_unless_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    broken = (*QUICK, "--lr", "30", "--optimizer", "sgd")
    outcome = carry_out(capsys, *broken)
    assert outcome.code == 1
    assert outcome.answer.startswith("The likeliest cause of what is wrong")
    assert carry_out(capsys, *broken, "--fail-on", "never").code == 0
    assert carry_out(capsys, *QUICK, "--lr", "1e-6", "--fail-on", "warning").code == 1


def test_a_consequence_names_its_cause_and_does_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, *QUICK, "--lr", "3", "--fail-on", "never")
    assert document["findings"][0]["because"] is None
    below = [each for each in document["findings"] if each["because"]]
    assert below
    codes = {each["code"] for each in document["findings"]}
    assert {each["because"] for each in below} <= codes
    assert document["summary"]["errors"] + document["summary"]["warnings"] <= len(document["findings"]) - len(below)


def test_help_says_when_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert "[default: error]" in carry_out(capsys, "check", "--help").out
    assert "[default: never]" in carry_out(capsys, "overfit", "--help").out


def test_a_threshold_of_the_config_counts(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, *QUICK, "--set", "rules={F001: {gap: -0.5}}", "--select", "F001")
    assert "F001" in outcome.out
