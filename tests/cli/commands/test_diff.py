from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import carry_out, find_table


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """`old.json` of a chain of ReLUs, `new.json` of one of sigmoids."""
    monkeypatch.chdir(tmp_path)
    for name, activation in (("old", "relu"), ("new", "sigmoid")):
        assert carry_out(capsys, "gradients", "--act", activation, "--format", f"json:{name}.json", "-q").code == 0
    return tmp_path


def test_a_fault_that_came_with_a_change(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "diff", "old.json", "new.json", "--format", "json")
    assert outcome.code == 1
    document = json.loads(outcome.out)
    assert [each["code"] for each in document["findings"]] == ["G001"]
    assert find_table(document, "settings") == [{"run": "base", "key": "model.activation", "old": "relu", "new": "sigmoid"}]
    back = carry_out(capsys, "diff", "new.json", "old.json")
    assert back.code == 1, "the loss of the ReLU chain is higher"
    assert back.answer.startswith("Worse: train loss 0.6588 -> 0.7")
    assert back.out.splitlines()[-1] == "1 metric worse, 0 errors, 0 warnings"
    assert carry_out(capsys, "diff", "new.json", "old.json", "--tolerance", "60%").code == 0


def test_the_same(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "diff", "old.json", "old.json", "--format", "markdown:diff.md")
    assert (outcome.code, outcome.out) == (0, "")
    assert (reports / "diff.md").read_text().startswith("## Nothing is worse")


def test_a_picture(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(capsys, "diff", "old.json", "new.json", "--plot", "d.svg", "--format", "html:d.html").code == 1
    assert (reports / "d.svg").read_text().startswith("<?xml")
    assert "<svg" in (reports / "d.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["old.json", "none.json"], "cannot be read"),
        (["old.json", "list.json"], "is no JSON report"),
        (["old.json", "new.json", "--tolerance", "much"], "must be a share in per cent"),
        (["old.json", "new.json", "--plot", "d.jpg"], "unknown kind of picture"),
        (["old.json", "new.json", "--plot", "d.svg", "--output", "d.svg"], "two documents for d.svg"),
        (["old.json"], "missing argument"),
    ],
)
def test_bad_input(reports: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    (reports / "list.json").write_text("[1]")
    outcome = carry_out(capsys, "diff", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
