import dataclasses
import re

from trainlab.renderers._target import Target
from trainlab.renderers.github import render
from trainlab.report import Answer, Finding

from .reports import make_empty, make_report

COMMAND = re.compile(r"::(error|warning|notice) title=([^:,]*)::(.*)")


def read(report):
    return [COMMAND.fullmatch(line).groups() for line in render(report, Target()).splitlines()]


def test_every_line_is_a_command_the_worst_first_and_the_answer_last():
    lines = read(make_report())
    assert [level for level, _, _ in lines] == ["error"] * 8 + ["warning"] + ["notice"] * 2
    assert lines[0][1] == "G001 vanishing-gradient"
    assert lines[-1][2].startswith("No: with sigmoid the gradient shrinks")


def test_what_is_known_is_no_annotation():
    assert not any("F001" in title for _, title, _ in read(make_report()))


def test_what_a_step_cannot_show_is_counted():
    findings = tuple(
        Finding(code="L003", name="diverged", severity=severity, message=f"at {place}", where=str(place))
        for severity in ("warning", "error", "info")
        for place in range(13)
    )
    lines = read(dataclasses.replace(make_report(), findings=findings))
    levels = [level for level, _, _ in lines]
    assert [levels.count(level) for level in ("error", "warning", "notice")] == [10, 10, 10]
    assert levels == sorted(levels, key=["error", "warning", "notice"].index)
    assert lines[-1][2].endswith(" (10 more findings in the full report)")


def test_signs_of_the_command_language_are_escaped():
    bad = Finding(code="L003", name="a:b,c", severity="error", message="100 % of\nit::error::no", where="x,y")
    text = render(dataclasses.replace(make_report(), findings=(bad,)), Target())
    assert "::error title=L003 a%3Ab%2Cc::x,y: 100 %25 of it::error::no." in text.splitlines()[0]
    assert len(text.splitlines()) == 2


def test_metrics_that_are_worse_are_an_error():
    worse = Answer(text="Worse.", values={"worse_metrics": ["base: test_loss", "base: test_r2"]})
    first, last = read(dataclasses.replace(make_empty(), answer=worse))
    assert first == ("error", "2 metrics worse", "base: test_loss, base: test_r2")
    assert last[0] == "notice"


def test_a_report_of_nothing():
    assert read(make_empty()) == [("notice", "trainlab check", "Nothing could be judged.")]
