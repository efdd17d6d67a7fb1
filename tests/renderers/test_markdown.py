import dataclasses
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt

from trainlab.renderers._target import Target
from trainlab.renderers.markdown import render
from trainlab.report import Answer, Column, Table

from .reports import make_empty, make_report

PARSER = MarkdownIt("gfm-like", {"linkify": False})


def parse(report):
    return PARSER.parse(render(report, Target()))


def read_texts(tokens, kind):
    """Text of every inline that follows a token of this kind."""
    return [
        "".join(child.content for child in inline.children if child.type in ("text", "code_inline", "html_inline"))
        for opening, inline in pairwise(tokens)
        if opening.type == kind and inline.type == "inline"
    ]


def test_the_answer_is_the_heading_and_what_is_wrong_a_list():
    tokens = parse(make_report())
    assert read_texts(tokens, "heading_open")[0] == make_report().answer.text
    assert next(token.tag for token in tokens if token.type == "heading_open") == "h2"
    text = render(make_report(), Target())
    assert "- **error G001** vanishing-gradient (model.0.weight, 3 of 3 seeds)" in text
    assert "  - **warning G004**" in text, "a consequence stands below its cause"


def test_every_table_is_one_and_has_all_its_cells():
    tokens = parse(make_report())
    heads = read_texts(tokens, "th_open")
    assert heads[:4] == ["layer", "gradient norm", "log scale", "verdict"]
    assert sum(token.type == "table_open" for token in tokens) == 4  # one has no rows; the comparisons are one more
    rows = sum(len(table.rows) for table in make_report().tables) + len(make_report().comparisons)
    assert sum(token.type == "tr_open" for token in tokens) == rows + 4


def test_long_tables_are_folded_away():
    text = render(make_report(), Target())
    assert "<details><summary>A deep network (100 rows)</summary>" in text
    assert text.count("<details>") == text.count("</details>") == 3


@pytest.mark.parametrize(
    "text", ["a|b", "*x*", "_x_", "`x`", "[x](y)", "<script>", "@all", "~~x~~", "a\nb", "x\x1b[31m", "$x$", "![a](b)", "a\\|b"]
)
def test_what_the_user_wrote_is_shown_as_it_is(text):
    table = Table(name="t", title="t", columns=(Column(name="what"),), rows=((text,),))
    report = dataclasses.replace(make_empty(), answer=Answer(text=f"so {text} it"), tables=(table,))
    tokens = parse(report)
    shown = text.replace("\n", " ").replace("\x1b", "\\x1b")
    assert read_texts(tokens, "heading_open")[0] == f"so {shown} it"
    assert read_texts(tokens, "td_open") == [shown]


def test_a_suggestion_can_be_pasted():
    assert "- `--set model.activation=relu` (use-relu), for G001, D001: ReLU passes" in render(make_report(), Target())


def test_a_report_of_nothing():
    assert read_texts(parse(make_empty()), "heading_open") == ["Nothing could be judged."]
    assert "Stopped before all was measured" in render(make_empty(), Target())
