"""A real report of every command, in every format, read by what such a format is for."""

from __future__ import annotations

import csv
import functools
import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema
import pytest
import torch
from junitparser import JUnitXml
from markdown_it import MarkdownIt
from rich.cells import cell_len

import trainlab
from tests.renderers.test_github import COMMAND
from tests.renderers.test_html import Page
from trainlab import plugins
from trainlab.cli.app import run
from trainlab.diffing import compare_reports
from trainlab.pictures._save import draw_svg
from trainlab.renderers._target import Target
from trainlab.report import Report

STUDIES = {
    "check": "--lr 0.3 --epochs 3 --budget 12x --set data.samples=300",
    "clip": "--epochs 2",
    "compare": "--seeds 2 --epochs 1 --set data.samples=100",
    "distributed": "--ranks 2 --steps 1 --vs distributed.reduction=sum",
    "gradients": "--layers 20 --vs model.activation=relu",
    "landscape": "--epochs 3",
    "lr-sweep": "--points 4 --epochs 5",
    "overfit": "--quick --epochs 3",
    "underfit": "--epochs 2 --budget 3x",
}
JUDGED = " --fail-on warning --ignore M --set 'rules={ignore: [{code: G006, reason: by design}]}'"
COMMANDS = plugins.list_names("trainlab.pictures")
ANSI = re.compile(r"\x1b\[[0-9;]*m")
SCHEMA = json.loads((Path(trainlab.__file__).parent / "report_schema.json").read_text())


@functools.cache
def make(command: str) -> tuple[Report, int]:
    """The report of a command, and the exit code it ended with."""
    if command == "watch":
        return watch(), 0
    if command == "diff":
        old, new = (json.loads(render("json", make(name)[0])) for name in ("gradients", "check"))
        report = compare_reports(old, new, 0.02)
        return report, report.exit_code
    with mock.patch("trainlab.cli.conduct.write_report") as written:
        code = run([command, "--quiet", *shlex.split(STUDIES[command] + JUDGED)])
    assert written.call_count == 1
    return written.call_args.args[0], code


def watch() -> Report:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with trainlab.watch(model, optimizer) as watched:
        for _ in range(30):  # gradients are never cleared
            model(torch.randn(16, 4)).square().mean().backward()
            optimizer.step()
    return watched.report


def render(name: str, report: Report, **target: Any) -> str:
    text: str = plugins.load("trainlab.renderers", name).render(report, Target(**target))
    return text


def read_json(text: str, report: Report) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(text, parse_constant=pytest.fail))
    assert json.loads(text)["answer"]["text"] == report.answer.text


def read_csv(text: str, report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(text), strict=True))
    assert {row["run"] for row in rows} == {each.name for each in report.runs}


def read_plain(text: str, report: Report) -> None:
    heads: dict[str, int] = {}
    for fields in (line.split("\t") for line in text.splitlines()):
        if fields[0].startswith("#"):
            heads[fields[0][1:]] = len(fields)
        else:
            assert len(fields) == heads[fields[0]]
    assert report.answer.text in text


def read_junit(text: str, report: Report) -> None:
    suites = JUnitXml.fromstring(text.encode())
    failed = {each.run for each in report.findings if each.severity in ("error", "warning") and report.fail_on == "warning"}
    assert {suite.name for suite in suites if suite.failures} >= failed
    assert suites.tests == sum(len(list(suite)) for suite in suites)


def read_markdown(text: str, report: Report) -> None:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    assert tokens[0].type == "heading_open"
    children = tokens[1].children or []
    assert "".join(each.content for each in children) == report.answer.text
    assert sum(token.type == "table_open" for token in tokens) >= sum(bool(table.rows) for table in report.tables)


def read_html(text: str, report: Report) -> None:
    page = Page(text)
    assert page.open == []
    tried = [each for finding in report.findings for each in finding.suggestions if each.measured]
    assert bool(tried) == (report.command == "check")
    assert all(f"--set {name}={value}" in page.text for each in tried for name, value in each.patch.items())
    assert ("svg" in {tag for tag, _ in page.elements}) == bool(report.runs or report.tables)
    told = [report.answer.text, "To repeat it trainlab x", *(["The config, completely"] if report.runs else [])]
    places = [page.text.index(" ".join(each.split())) for each in told]
    assert places == sorted(places)


def read_github(text: str, report: Report) -> None:
    lines = [COMMAND.fullmatch(line) for line in text.splitlines()]
    assert all(lines)
    last = lines[-1]
    assert last is not None
    assert last[3].replace("%25", "%").startswith(report.answer.text)


def read_table(text: str, report: Report) -> None:
    assert text.splitlines()[0] == report.answer.text, "into a file nothing is folded"


CONSUMERS: dict[str, Callable[[str, Report], None]] = {
    name.removeprefix("read_"): function for name, function in list(globals().items()) if name.startswith("read_")
}


def test_there_is_a_report_of_every_command_and_a_consumer_of_every_format() -> None:
    assert set(COMMANDS) <= {*STUDIES, "watch", "diff"}
    assert sorted(CONSUMERS) == plugins.list_names("trainlab.renderers")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_format_is_read_by_what_it_is_for(command: str) -> None:
    report, _ = make(command)
    for name, read in CONSUMERS.items():
        picture = draw_svg(report) if name == "html" else ""
        read(render(name, report, picture=picture, command_line="trainlab x"), report)


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_narrow_terminal_without_colors_or_anything_but_ascii(command: str, verbose: bool) -> None:
    report, _ = make(command)
    for unicode in (True, False):
        text = render("table", report, width=80, unicode=unicode, verbose=verbose)
        assert [line for line in text.splitlines() if cell_len(line) > 80] == []
        assert " ".join(text.split()).startswith(" ".join(report.answer.text.split()) if unicode else report.answer.text[:30])
        assert unicode or text.isascii()
        colored = render("table", report, width=80, unicode=unicode, verbose=verbose, color=True)
        assert [line.rstrip() for line in ANSI.sub("", colored).splitlines()] == text.splitlines()
        assert colored != text


@pytest.mark.parametrize("command", [each for each in COMMANDS if each in STUDIES])
def test_what_is_ignored_and_why_and_what_fails(command: str) -> None:
    report, code = make(command)
    assert not [each for each in report.rules if each.startswith("M") or each == "G006"]
    assert not [each for each in (*report.findings, *report.skipped) if each.code.startswith("M")]
    reasons = [each.reason for each in report.skipped if each.code == "G006"]
    assert reasons in ([], ["ignored by the config: by design"])
    bad = any(each.severity != "info" for each in report.findings)
    assert code == report.exit_code
    assert code == int(bad) or (code == 4 and not bad)
