"""What a report says of itself."""

from __future__ import annotations

from dataclasses import replace

from trainlab.report import Answer, Finding, Report

REPORT = Report(command="check", complete=True, environment={}, answer=Answer(text="Healthy."))


def find(code: str, *, known: bool = False) -> Finding:
    return Finding(code=code, name=f"name-{code.lower()}", severity="warning", message=f"{code} is wrong", known=known)


def test_it_is_ok_where_the_command_exits_with_0() -> None:
    assert REPORT.ok
    assert not replace(REPORT, exit_code=1).ok
    assert not replace(REPORT, exit_code=4).ok


def test_its_short_form_names_each_kind_once_and_few_of_them() -> None:
    assert repr(REPORT) == "<Report of check: nothing found>"
    assert repr(replace(REPORT, exit_code=4)) == "<Report of check: nothing could be judged>"
    found = replace(REPORT, findings=(find("A1"), find("A1"), find("A2"), find("A3", known=True)))
    assert repr(found) == "<Report of check: warning A1 name-a1, warning A2 name-a2>"
    many = repr(replace(REPORT, findings=tuple(find(f"A{each}") for each in range(9))))
    assert many.endswith("warning A3 name-a3, ...>")


def test_as_text_it_is_the_table_for_a_pipe() -> None:
    text = str(replace(REPORT, findings=(find("A1"),)))
    assert text.startswith("Healthy.\n")
    assert "A1 is wrong" in text
    assert "\x1b" not in text
