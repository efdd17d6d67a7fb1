from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import trainlab
from tests.cli.running import carry_out
from trainlab.cli import app, conduct
from trainlab.cli.exits import ExitCode
from trainlab.errors import Problem, UserError

COMMANDS = ("check", "clip", "compare", "config", "explain", "gradients", "lr-sweep", "overfit", "underfit")


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make every study's command raise something."""

    def arrange(error: BaseException) -> None:
        def carry_out_nothing(*_: object) -> int:
            raise error

        monkeypatch.setattr(conduct, "conduct", carry_out_nothing)

    return arrange


def test_exit_codes_are_as_documented() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "CLEAN": 0,
        "FOUND": 1,
        "USAGE": 2,
        "BUG": 3,
        "NOT_JUDGED": 4,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "--version")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"trainlab {trainlab.__version__}\n", "")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_every_command_with_its_whole_question(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, option)
    assert outcome.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in outcome.out
    assert "..." not in outcome.out.partition("Commands:")[2]
    assert re.sub(r"\s+", " ", outcome.out).count("?") >= len(COMMANDS) - 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, command, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(f"Usage: trainlab {command} ")
    assert "<str>" not in outcome.out.partition("Options:")[2]
    assert "[[" not in outcome.out


@pytest.mark.parametrize("arguments", [[], ["config"]])
def test_without_a_command_help_goes_to_stderr(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("Usage: trainlab")
    assert "error" not in outcome.err


def test_usage_errors_point_to_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(capsys, "gradients", "--laers", "3").err.endswith("\nTry 'trainlab gradients --help'.\n")


def test_problems_are_shown_one_a_line(fail: Any, capsys: pytest.CaptureFixture[str]) -> None:
    fail(UserError([Problem(message="is wrong", key="a"), Problem(message="is worse", key="b")]))
    outcome = carry_out(capsys, "gradients")
    assert (outcome.code, outcome.out, outcome.err) == (2, "", "trainlab: error: a: is wrong\ntrainlab: error: b: is worse\n")


def test_our_own_bugs_go_to_a_file(
    fail: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fail(ZeroDivisionError("a bug"))
    outcome = carry_out(capsys, "gradients")
    assert (outcome.code, outcome.out) == (3, "")
    assert "this is a bug in trainlab: ZeroDivisionError: a bug" in outcome.err
    assert "Traceback" not in outcome.err
    (file,) = tmp_path.iterdir()
    assert str(file) in outcome.err
    text = file.read_text()
    assert f"trainlab {trainlab.__version__}" in text
    assert "python " in text
    assert "Traceback" in text


def test_ctrl_c_where_nothing_is_measured_yet(fail: Any, capsys: pytest.CaptureFixture[str]) -> None:
    fail(KeyboardInterrupt())
    outcome = carry_out(capsys, "gradients")
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "")


def test_an_option_given_twice(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "gradients", "--lr", "1", "--lr=2", "--seed", "1", "--seed", "2")
    assert outcome.errors == ["trainlab: error: --lr: is given twice", "trainlab: error: --seed: is given twice"]


def test_a_closed_stderr_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, _: str) -> None:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Closed())
    assert app.run(["gradients", "--layers", "x"]) == 2


def test_only_the_options_of_the_command_that_is_asked_for_are_read() -> None:
    assert [each.name for each in app.build("gradients").registered_commands] == ["gradients"]
    every = [each.name for each in app.build("nonsense").registered_commands]
    assert {"gradients", "check", "watch"} < set(every)
    assert every == [each.name for each in app.build().registered_commands]
