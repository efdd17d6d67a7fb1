import csv
import dataclasses
import io
import math

from trainlab.renderers._target import Target
from trainlab.renderers.csv import FIELDS, render, stream

from .reports import make_empty, make_report


def read(report, **target):
    return list(csv.DictReader(io.StringIO(render(report, Target(**target))), strict=True))


def test_it_is_one_table_of_numbers():
    rows = read(make_report())
    assert {frozenset(row) for row in rows} == {frozenset(FIELDS)}
    for row in rows:
        if row["value"]:
            float(row["value"])
    assert {row["kind"] for row in rows} == {"metric", "layer", "module", "series", "comparison"}


def test_a_number_is_found_by_its_run_seed_place_and_name():
    report = make_report()
    rows = [row for row in read(report) if (row["run"], row["seed"]) == ("base", "1")]
    (loss,) = (row for row in rows if row["quantity"] == "train_loss")
    assert float(loss["value"]) == report.runs[1].metrics["train_loss"]
    (norm,) = (row for row in rows if (row["where"], row["quantity"]) == ("model.4.weight", "grad_norm"))
    assert float(norm["value"]) == report.runs[1].layers[2]["grad_norm"]
    (low,) = (row for row in read(report) if (row["run"], row["quantity"]) == ("optimizer.lr=3.0", "test_accuracy low"))
    assert float(low["value"]) == -math.inf


def test_series_are_thinned_unless_all_is_asked_for():
    def count(**target):
        rows = read(make_report(), **target)
        return sum((row["run"], row["seed"], row["quantity"], row["kind"]) == ("base", "0", "loss", "series") for row in rows)

    assert (count(), count(full_series=True)) == (200, 300)


def test_a_series_of_columns_names_the_parameters_where_there_is_one_for_each():
    run = make_report().runs[0]
    run = dataclasses.replace(run, layers=run.layers[:2])
    rows = read(dataclasses.replace(make_report(), runs=(run,)))
    norms = [row for row in rows if row["quantity"] == "gradient-norm"]
    assert [(row["where"], row["at"], row["value"]) for row in norms[:2]] == [
        ("model.0.weight", "1", "1.0"),
        ("model.2.weight", "1", "inf"),
    ]


def test_pieces_are_the_whole():
    assert "".join(stream(make_report(), Target())) == render(make_report(), Target())
    assert read(make_empty()) == []
