import pytest

from trainlab.renderers._target import Target
from trainlab.renderers.plain import render

from .reports import make_empty, make_report


def read(report, **target):
    return [line.split("\t") for line in render(report, Target(**target)).splitlines()]


def test_every_kind_of_line_is_preceded_by_the_names_of_its_fields():
    heads = {}
    for line in read(make_report()):
        if line[0].startswith("#"):
            heads[line[0][1:]] = line
        else:
            assert len(line) == len(heads[line[0]]), line
    assert set(heads) == {"answer", "finding", "layers", "arms", "units", "long", "comparison", "skipped", "note"} - {"units"}


def test_a_finding_can_be_cut_out():
    (found,) = (line for line in read(make_report()) if line[:2] == ["finding", "G001"])
    assert found[2:9] == ["vanishing-gradient", "error", "base", "model.0.weight", "3", "3", ""]
    assert found[-1].startswith("first/last gradient norm")


def test_numbers_are_whole_and_text_cannot_break_a_line():
    lines = read(make_report())
    assert ["layers", "model.56.weight", repr(0.1481), repr(0.1481), "good"] in lines
    assert not any("\x1b" in field for line in lines for field in line)


def test_ascii_where_nothing_else_can_be_written():
    assert render(make_report(), Target(unicode=False)).isascii()


@pytest.mark.parametrize("width", [None, 40])
def test_a_report_of_nothing(width):
    assert read(make_empty(), width=width) == [["#answer", "text", "complete"], ["answer", "Nothing could be judged.", "false"]]
