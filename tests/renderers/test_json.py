import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import trainlab
from trainlab.renderers._target import Target
from trainlab.renderers.json import render, stream
from trainlab.report import Column, Series, Table

from .reports import make_empty, make_report

SCHEMA = json.loads((Path(trainlab.__file__).parent / "report_schema.json").read_text())
FILE = Target()


def parse(text):
    def refuse(literal):
        raise AssertionError(f"{literal} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("make", [make_report, make_empty])
def test_it_is_strict_and_fits_its_schema(make):
    text = render(make(), FILE)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(parse(text))
    assert text.endswith("}\n")
    assert text.isascii(), "any stream can take it"


def test_the_schema_is_closed():
    document = parse(render(make_report(), FILE))
    for place in (document, document["runs"][0], document["findings"][0], document["tables"][0], document["summary"]):
        place["unheard_of"] = 1
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, SCHEMA)
        del place["unheard_of"]


def test_the_same_report_gives_the_same_bytes():
    assert render(make_report(), FILE) == render(make_report(), FILE)


def test_only_the_last_key_holds_times():
    slower = dataclasses.replace(make_report(), seconds={"train": 99.0})
    fast, slow = parse(render(make_report(), FILE)), parse(render(slower, FILE))
    assert list(fast)[-1] == "timing"
    assert fast.pop("timing") == {"total_s": 1.26, "train": 1.25, "judge": 0.01}
    assert slow.pop("timing")["total_s"] == 99.0
    assert fast == slow


def test_a_table_of_times_stands_with_the_times():
    report = make_report()
    times = Table(name="times", title="time", columns=(Column(name="run"),), rows=(("base",),), is_timed=True)
    document = parse(render(dataclasses.replace(report, tables=(*report.tables, times)), FILE))
    jsonschema.validate(document, SCHEMA)
    timed = document.pop("timing").pop("tables")
    assert [table["name"] for table in timed] == ["times"]
    plain = parse(render(report, FILE))
    del plain["timing"]
    assert document == plain


def test_a_number_that_is_not_finite_is_null_and_named():
    report = make_report()
    series = {
        "loss": Series(per="epoch", at=np.arange(1, 4), values=np.array([1.0, np.inf, np.nan])),
        "gradient-norm": Series(per="update", at=np.array([1, 5]), values=np.array([[1.0, -np.inf], [np.nan, 2.0]])),
    }
    run = dataclasses.replace(report.runs[0], series=series)
    document = parse(render(dataclasses.replace(report, runs=(run,)), FILE))
    written = document["runs"][0]["series"]
    assert written["loss"] == {"per": "epoch", "at": [1, 2, 3], "values": [1.0, None, None], "nonfinite": {"1": "inf", "2": "nan"}}
    assert written["gradient-norm"]["values"] == [[1.0, None], [None, 2.0]]
    assert written["gradient-norm"]["nonfinite"] == {"0,1": "-inf", "1,0": "nan"}


def test_series_are_thinned_unless_all_is_asked_for():
    report = make_report()
    assert len(parse(render(report, FILE))["runs"][0]["series"]["loss"]["values"]) == 200
    whole = parse(render(report, Target(full_series=True)))["runs"][0]["series"]["loss"]
    assert whole["values"] == report.runs[0].series["loss"].values.tolist()


def test_numpy_and_odd_values_become_plain():
    row = (np.float64(0.1), np.int64(3), np.bool_(True), np.array([1.0, np.nan]), Path("a/b"), (1, None), {2: np.inf}, True)
    table = Table(name="odd", title="Odd", columns=tuple(Column(name=str(place)) for place in range(len(row))), rows=(row,))
    document = parse(render(dataclasses.replace(make_empty(), tables=(table,)), FILE))
    assert document["tables"][0]["rows"] == [[0.1, 3, True, [1.0, None], "a/b", [1, None], {"2": None}, True]]


def test_known_findings_do_not_count():
    document = parse(render(make_report(), FILE))
    # The warning follows from an error, and is not counted beside it.
    assert document["summary"] == {"errors": 8, "warnings": 0, "fail_on": "never", "exit_code": 1}
    assert sum(finding["known"] for finding in document["findings"]) == 1


def test_it_starts_without_the_libraries_it_does_not_need():
    code = "import sys, trainlab.renderers.json; print({'torch', 'numpy', 'rich', 'matplotlib'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_no_piece_holds_more_than_a_run_or_a_row():
    few = make_report()
    rows = tuple((f"row {number}", 1.0) for number in range(50))
    table = Table(name="t", title="t", columns=(Column(name="a"), Column(name="b")), rows=rows)
    many = dataclasses.replace(few, runs=few.runs * 50, tables=(table,))
    pieces = list(stream(many, FILE))
    assert "".join(pieces) == render(many, FILE)
    assert len(parse("".join(pieces))["runs"]) == 50 * len(few.runs)
    assert max(map(len, pieces)) == max(map(len, stream(few, FILE)))
    assert sum("row 7" in piece for piece in pieces) == 1
