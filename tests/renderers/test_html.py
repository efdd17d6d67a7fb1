import dataclasses
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from trainlab.renderers._target import Target
from trainlab.renderers.html import render
from trainlab.report import Answer, Column, Finding, Run, Table

from .reports import make_empty, make_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
VOID = {"meta", "br"}
EVIL = "<script>alert(1)</script>&\"'{{ 7 * 7 }}"


class Page(HTMLParser):
    """What stands in a page, and whether every element is closed where it should be."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def test_every_element_is_closed_and_the_answer_comes_first():
    page = Page(render(make_report(), Target()))
    assert page.open == []
    told = [make_report().answer.text, "error G001", "Suggestions", "Gradient by layer", "test accuracy next to base"]
    told += ["no validation part", "spectral_norm", "2.13.0"]
    places = [page.text.index(text) for text in told]
    assert places == sorted(places)


def test_nothing_is_fetched_and_nothing_runs():
    text = render(make_report(), Target(picture="<svg></svg>"))
    page = Page(text)
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object"}
    assert not any(name in attributes for _, attributes in page.elements for name in ("src", "href", "onload", "onclick"))
    assert "@import" not in text
    assert "url(" not in text


def test_what_the_user_wrote_is_escaped_everywhere():
    finding = Finding(code="L003", name=EVIL, severity="error", message=EVIL, where=EVIL, run=EVIL)
    table = Table(name="t", title=EVIL, columns=(Column(name=EVIL),), rows=((EVIL,),))
    run = Run(name=EVIL, patch={}, seed=0, config={"model": {"target": EVIL}}, metrics={}, layers=(), modules=(), series={})
    report = dataclasses.replace(
        make_empty(), answer=Answer(text=EVIL), findings=(finding,), tables=(table,), runs=(run,), notes=(EVIL,), command="check"
    )
    text = render(report, Target(command_line=EVIL))
    assert "<script" not in text
    page = Page(text)
    assert page.open == []
    assert page.text.count(EVIL) == 10, "answer, four of the finding, three of the table, note, command"


def test_the_picture_the_command_and_the_config_are_in_it():
    text = render(make_report(), Target(picture='<svg id="mine"></svg>', command_line="trainlab gradients --seeds 2"))
    assert '<figure><svg id="mine"></svg></figure>' in text
    page = Page(text)
    assert "To repeat it trainlab gradients --seeds 2" in page.text
    assert re.search(r"The config, completely seed: 0 model: kind: mlp", page.text)
    assert "<figure" not in render(make_report(), Target())


def test_long_tables_are_folded():
    page = Page(render(make_report(), Target()))
    assert "A deep network (100 rows)" in page.text
    assert sum(tag == "details" for tag, _ in page.elements) == 3


def test_what_paper_has_no_room_for_is_marked():
    columns = (Column(name="run"), *(Column(name=str(each), priority=each) for each in range(1, 8)))
    table = Table(name="t", title="t", columns=columns, rows=(("base", *("a" * 24 for _ in range(7))),))
    page = Page(render(dataclasses.replace(make_empty(), tables=(table,)), Target()))
    heads = [attributes["class"] for tag, attributes in page.elements if tag == "th"]
    cells = [attributes["class"] for tag, attributes in page.elements if tag == "td"]
    assert heads == ["text", "text", "text", "text", *["text spare"] * 4]
    assert cells == heads


def make_worse():
    worse = Answer(text="Worse.", values={"worse_metrics": ["base: test_loss"]})
    return dataclasses.replace(make_empty(), answer=worse, exit_code=1, complete=True)


@pytest.mark.parametrize(("make", "state"), [(make_report, "error"), (make_empty, "warning"), (make_worse, "error")])
def test_the_first_line_shows_how_bad_it_is(make, state):
    page = Page(render(make(), Target()))
    assert ("h1", {"class": state}) in page.elements


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_a_browser_shows_it(tmp_path):
    path = tmp_path / "report.html"
    path.write_text(render(make_report(), Target()), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    shown = subprocess.run([BROWSER, *options, path.as_uri()], capture_output=True, text=True, timeout=120, check=True).stdout
    assert make_report().answer.text in shown
    assert shown.count("<tr>") == Page(render(make_report(), Target())).elements.count(("tr", {}))
