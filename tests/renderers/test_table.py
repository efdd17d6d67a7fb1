"""The table is compared with the files in `golden/`.

After a change that is meant, write them anew with `TRAINLAB_GOLDEN=write pytest tests/renderers`, and read the difference.
"""

import dataclasses
import os
import re
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from rich.color import Color

from trainlab.renderers._target import Target
from trainlab.renderers.table import STYLES, render
from trainlab.report import Answer, Column, Finding, Report, Table

from .reports import ESCAPE, INF, LONG, NAN, make_empty, make_report

GOLDEN = Path(__file__).parent / "golden"
TARGETS = {
    "80": Target(width=80),
    "120": Target(width=120),
    "120-verbose": Target(width=120, verbose=True),
    "80-color": Target(width=80, color=True),
    "80-ascii": Target(width=80, unicode=False),
    "pipe": Target(),
    "pipe-ascii": Target(unicode=False),
}


def show(table, width=80, **options):
    report = dataclasses.replace(make_empty(), complete=True, exit_code=0, tables=(table,))
    return render(report, Target(width=width, **options))


def make_table(values, kind="number", name="value"):
    rows = tuple((f"row {place}", value) for place, value in enumerate(values))
    return Table(name="t", title="T", columns=(Column(name="row"), Column(name=name, kind=kind)), rows=rows)


def read_cells(values, kind="number", **options):
    lines = show(make_table(values, kind), **options).splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("  row 0"))
    return [line.split(maxsplit=2)[2] if line.count(" ") > 3 else "" for line in lines[start : start + len(values)]]


@pytest.mark.parametrize("name", TARGETS)
def test_it_reads_as_agreed(name):
    path = GOLDEN / f"table-{name}.txt"
    text = render(make_report(), TARGETS[name])
    if os.environ.get("TRAINLAB_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 200, None])
@pytest.mark.parametrize("make", [make_report, make_empty])
@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("unicode", [False, True])
def test_it_fits_and_begins_with_the_answer(make, width, verbose, unicode):
    report = make()
    text = render(report, Target(width=width, verbose=verbose, unicode=unicode))
    assert " ".join(text.split()).startswith(" ".join(report.answer.text.split()))
    assert text.endswith("\n")
    if width is not None and width >= 40:
        assert max(map(cell_len, text.splitlines())) <= width
    if not unicode:
        assert text.isascii()
    assert not re.search(r" \n", text)


def test_a_pipe_gets_everything_uncut():
    text = render(make_report(), Target())
    report = make_report()
    for table in report.tables:
        for column in table.columns:
            assert column.name in text or not table.rows
        for row in table.rows:
            assert str(row[0]).replace("\x1b", r"\x1b") in text
    for finding in report.findings:
        assert finding.message in text
    for item in report.skipped:
        assert item.reason in text
    assert LONG in text
    assert "no room" not in text
    assert "more (--verbose)" not in text
    assert "\x1b" not in text


def test_color_is_only_added():
    plain, colored = (render(make_report(), Target(width=100, color=color)) for color in (False, True))
    assert "\x1b[" in colored
    assert [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", colored).split("\n")] == plain.split("\n")


def test_nothing_that_a_user_wrote_steers_the_terminal():
    report = Report(
        command="check",
        complete=True,
        environment={ESCAPE: ESCAPE},
        answer=Answer(text=f"{ESCAPE}\r\n[bold]"),
        tables=(Table(name=ESCAPE, title=ESCAPE, columns=(Column(name=ESCAPE),), rows=((ESCAPE,),)),),
        findings=(Finding(code="G001", name="x", severity="error", message=f"\x07{ESCAPE}", where=ESCAPE, run=ESCAPE),),
        notes=(ESCAPE, "\u202eright to left", "\ud800"),
    )
    for target in (Target(width=80, verbose=True), Target(verbose=True), Target(unicode=False)):
        text = render(report, target)
        assert text.isprintable() or set(text) - {"\n"} == {letter for letter in text if letter.isprintable()}
        text.encode("utf-8")


def test_the_environment_does_not_choose_the_colors(monkeypatch):
    plain = render(make_report(), Target(width=80))
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("COLUMNS", "40")
    assert render(make_report(), Target(width=80)) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" in render(make_report(), Target(width=80, color=True))


def measure_contrast(one, other):
    def shine(color):
        parts = [value / 255 for value in color]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((shine(one), shine(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("style", [style for style in STYLES.values() if style])
def test_every_color_can_be_read_on_white_and_on_black(style):
    color = Color.parse(style.split()[-1]).get_truecolor()
    for ground in ((0, 0, 0), (255, 255, 255)):
        assert measure_contrast(color, ground) > 3.5, style


def test_worst_first_and_consequences_under_their_cause():
    text = render(make_report(), Target(width=100))
    places = [text.index(code) for code in ("G001", "G004", "L003", "D001", "F001")]
    assert places == sorted(places)
    assert "└ ▲ warning G004" in text
    assert "known" in text[text.index("F001") :].splitlines()[0]


def test_causes_that_go_round_in_a_circle_are_all_told():
    findings = tuple(
        Finding(code=code, name="n", severity="error", message=f"says {code}", because=because)
        for code, because in (("G001", "G002"), ("G002", "G001"), ("G003", "G003"))
    )
    text = render(dataclasses.replace(make_empty(), findings=findings), Target(width=80))
    for finding in findings:
        assert text.count(finding.message) == 1


def test_numbers_of_a_column_have_the_same_digits():
    assert read_cells([1.0, 1 / 3, 2.99929e-20, 4.066e17, None, NAN, INF, -INF, 0.0, 7]) == [
        *("1.000", "0.3333", "2.999e-20", "4.066e17", "-", "nan", "inf", "-inf", "0", "7"),
    ]
    assert read_cells([0.001, 0.01, 0.1, 1.0]) == ["0.001", "0.01", "0.1", "1.0"]
    assert read_cells(["never", np.float32(0.5), np.int64(3), True]) == ["never", "0.5", "3", "yes"]
    assert read_cells([0.882, 1.0, None, NAN, "n/a"], "percent") == ["88.2 %", "100.0 %", "-", "nan", "n/a"]


def test_bars_share_a_log_scale():
    bars = read_cells([1e-20, 1e-10, 1.0, 0.0, NAN, INF, None], "log-bar")
    assert [len(bar) for bar in bars[:3]] == [1, 10, 20]
    assert bars[3:] == ["0", "nan", "inf", "-"]
    assert read_cells([1e-20, 1e-10, 1.0], "log-bar", unicode=False) == ["#", "#" * 10, "#" * 20]
    assert {len(bar) for bar in read_cells([1.0, 1.0], "log-bar")} == {20}
    near, far = map(len, read_cells([0.9, 1.0], "log-bar"))
    assert far - near <= 1, "nearly equal numbers have nearly equal bars"


def test_curves_keep_spikes_swings_and_what_is_not_finite():
    calm = [1.0] * 500
    spike = [*calm[:250], 9.0, *calm[:249]]
    swing = [1.0, 2.0] * 250
    drawn = read_cells([calm, spike, swing, [1.0, NAN, INF, None, 2.0], [], None], "curve", width=100)
    assert set(drawn[0]) == {"▁"}
    assert drawn[1].count("█") == 1
    assert drawn[2].count("█") >= 8
    assert drawn[2].count("▁") >= 8
    assert drawn[3] == "▁×××█"
    assert drawn[4:] == ["-", "-"]
    assert max(map(len, drawn)) <= 24


def test_strips_share_a_log_scale():
    assert read_cells([[1e-7, 1e-6, 1.0], [1e-7, 0.0, NAN]], "strip") == ["▁▂█", "▁0×"]
    assert read_cells([[1e-7, 1e-6, 1.0], [1e-7, 0.0, NAN]], "strip", unicode=False) == [".:#", ".0!"]


def test_the_least_important_columns_go_first_and_are_named():
    columns = tuple(Column(name=f"column{priority}", priority=priority) for priority in (0, 3, 1, 2, 3))
    table = Table(name="t", title="T", columns=columns, rows=(("x" * 20,) * 5,))
    for width, kept in ((120, 5), (90, 4), (70, 3), (50, 2), (30, 1)):
        text = show(table, width)
        assert text.count("x" * 20) == kept
    assert "no room for: column3, column2, column3" in " ".join(show(table, 50).split())
    assert "no room" not in show(table, 120)


def test_a_name_is_never_cut():
    name = "a" * 150
    table = Table(name="t", title="T", columns=(Column(name="layer"), Column(name="norm", kind="number")), rows=((name, 0.1481),))
    text = show(table, 80)
    assert sum(line.count("a") for line in text.splitlines() if "aa" in line) == 150
    assert "0.1481" in text
    assert name in show(table, None)


def test_a_long_table_keeps_its_ends_and_what_is_to_be_seen():
    rows = tuple((f"layer {place}", 1.0 if place != 70 else NAN, "dead" if place == 40 else "good") for place in range(200))
    columns = (Column(name="layer"), Column(name="norm", kind="number"), Column(name="verdict", kind="verdict"))
    table = Table(name="t", title="T", columns=columns, rows=rows)
    text = show(table)
    shown = {int(number) for number in re.findall(r"layer (\d+)", text)}
    assert shown == {*range(8), 39, 40, 41, 69, 70, 71, *range(192, 200)}
    assert "22 of 200 rows; --verbose shows all" in text
    for whole in (show(table, verbose=True), show(table, None)):
        assert len(re.findall(r"layer \d+", whole)) == 200


def test_the_hint_names_the_worst_and_silence_does_not_look_clean():
    assert render(make_report(), Target()).splitlines()[-1].endswith("trainlab explain G001")
    assert render(make_empty(), Target()).splitlines()[-1] == "nothing could be judged"
    clean = dataclasses.replace(make_empty(), complete=True, exit_code=0)
    assert render(clean, Target()).splitlines()[-1] == "0 errors, 0 warnings"


def test_verdicts_are_colored_by_their_words():
    from trainlab.renderers._columns import judge_word

    words = {
        "bad": [
            "vanishing",
            "exploding",
            "diverged",
            "too high",
            "too low",
            "overfits",
            "harms",
            "dead",
            "fails",
            "never converges",
            "Unstable",
        ],
        "good": ["good", "healthy", "helps", "ok", "survives", "converges", "settles"],
        "neutral": ["no-difference", "unclear", "not judged", "", "-", "okra", "n/a"],
    }
    for judgement, examples in words.items():
        assert {word: judge_word(word) for word in examples} == dict.fromkeys(examples, judgement)


def test_comparisons_that_a_table_of_the_study_shows_are_not_shown_again() -> None:
    report = make_report()
    assert report.comparisons
    assert "next to base" in render(report, Target(width=100))
    shown = dataclasses.replace(report, tables=tuple(dataclasses.replace(table, compares=True) for table in report.tables))
    assert "next to base" not in render(shown, Target(width=100))
