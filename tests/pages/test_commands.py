"""Every command on a page runs, and prints what the page says it prints."""

from __future__ import annotations

import math
import shlex

import pytest

from pages.shown import NUMBER, list_codes, list_commands
from trainlab.cli.app import run
from trainlab.cli.explaining import read_everything

pytestmark = pytest.mark.usefixtures("in_process")
COMMANDS = list_commands(read_everything())
CODES = list_codes([page for page in read_everything() if page.is_rule])


def is_close(figure: float, number: float) -> bool:
    """Two per cent: other processors round otherwise, and after some hundred updates that shows."""
    return math.isclose(figure, number, rel_tol=0.02)


@pytest.mark.parametrize("command", COMMANDS)
def test_runs_and_prints_the_figures(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = shlex.split(command)[1:]
    code = run(arguments)
    captured = capsys.readouterr()
    assert code in (0, 1), captured.err
    out = captured.err if arguments[0] == "watch" else captured.out  # stdout is the script's
    assert [each for each in CODES.get(command, ()) if f" {each} " not in out] == []
    printed = [float(number) for number in NUMBER.findall(out)]
    missing = [figure for figure in COMMANDS[command] if not any(is_close(float(figure), number) for number in printed)]
    assert not missing, f"{missing} in\n{out[:2000]}"


def test_there_is_something_to_run() -> None:
    assert len(COMMANDS) > 30
    known = {code for page in read_everything() if page.is_rule for code in page.rules}
    assert set().union(*CODES.values()) == known - {"P004", "P005", "P006"}  # one process cannot show their faults
    assert sum(map(len, COMMANDS.values())) > 60
