from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainlab.config import validate
from trainlab.data import Dataset, load
from trainlab.errors import UserError


@pytest.fixture
def write(tmp_path):
    def write(text: str, **data) -> Dataset:
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        load.cache_clear()  # the same name, another table
        return load(validate({"data": {"name": "csv", "path": str(path), "test_fraction": 0.0, **data}}).data)

    return write


def refuse(write, text: str, **data) -> list[str]:
    with pytest.raises(UserError) as caught:
        write(text, **data)
    return [re.sub(r"[^ ]*/", "", str(problem)) for problem in caught.value.problems]


def test_a_table_with_names_and_a_number_to_predict(write):
    dataset = write("size,rooms,price\n50.5,2,100.5\n\n70,3,150.25\n")
    inputs, target = dataset.train
    assert inputs.tolist() == [[50.5, 2], [70, 3]]
    assert target.tolist() == [[100.5], [150.25]]
    assert (dataset.task, dataset.classes, dataset.targets, dataset.features) == ("regression", 0, 1, 2)


def test_a_table_without_names_and_with_words_for_classes(write):
    dataset = write("5.1;3.5;setosa\n4.9;3.0; virginica\n6.0;2.9;setosa\n")
    assert dataset.train[0].shape == (3, 2)
    assert dataset.train[1].tolist() == [0, 1, 0]
    assert (dataset.task, dataset.classes) == ("binary", 2)


@pytest.mark.parametrize("target", ["kind", 1, -2])
def test_the_target_by_name_or_number(write, target):
    dataset = write("a,kind,b\n1,7,2\n3,9,4\n5,7,6\n7,8,8\n", target=target)
    assert dataset.train[0].tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert dataset.train[1].tolist() == [0, 2, 0, 1]
    assert dataset.task == "multiclass"


@pytest.mark.parametrize(("values", "task"), [("0,1,2", "multiclass"), ("0.5,1,2", "regression"), ("0,1,", "regression")])
def test_classes_or_numbers(write, values, task):
    rows = [f"1,{value}" for value in values.split(",")] if values[-1] != "," else [f"1,{value}" for value in range(21)]
    assert write("\n".join(rows)).task == task


def test_what_the_config_says_comes_first(write):
    assert write("1,0\n2,1\n3,2\n", task="numbers").task == "regression"
    assert write("1,0.5\n2,1\n3,2\n", task="classes").classes == 3
    assert len(write("1,0\n2,1\n3,2\n", header=True).train[0]) == 2
    assert write("1|0\n2|1\n3|2\n", delimiter="|").train[0].tolist() == [[1], [2], [3]]
    assert len(write("1,0\n2,1\n3,2\n", samples=2).train[0]) == 2


def test_quotes_and_lines_within_them(write):
    dataset = write('"first, of all","kind"\n1,"a\nb"\n2,c\n')
    assert dataset.train[0].tolist() == [[1], [2]]
    assert dataset.classes == 2


def test_what_is_not_finite_is_a_number_for_a_rule_to_find(write):
    assert write("a,b\nnan,1.5\ninf,2\n").train[0].isfinite().tolist() == [[False], [False]]


def test_every_bad_cell_with_its_line_and_column(write):
    text = "a,b,kind\n1,2,x\n1,,y\nthree,2,x\n1,2\n\n1,1_000,y\n"
    assert refuse(write, text) == [
        "table.csv:3: column b: is empty",
        "table.csv:4: column a: must be a number (got three)",
        "table.csv:5: must have 3 cells, as the first line has (got 2)",
        "table.csv:7: column b: must be a number (got 1_000)",
    ]
    assert refuse(write, "1,2\n" + "x,2\n" * 30)[-2:] == [
        "table.csv:11: column 0: must be a number (got x)",
        "table.csv: 20 more of these",
    ]
    assert refuse(write, "a,b\n1,2\n1,x\n", task="numbers") == ["table.csv:3: column b: must be a number (got x)"]


@pytest.mark.parametrize(
    ("text", "data", "message"),
    [
        ("", {}, "is empty"),
        ("\n\n", {}, "is empty"),
        ("a,b\n", {}, "has no line of data"),
        ("a\n1\n", {}, "table.csv:1: data.path: has one column only; set `data.delimiter` if it has more"),
        (
            "a,kind\n1,2\n",
            {"target": "kinds"},
            "data.target: there is no such column (got kinds); did you mean 'kind'? Choices: a, kind.",
        ),
        ("a,kind\n1,2\n", {"target": 2}, "data.target: there are 2 columns, counted from 0 (got 2)"),
        ("a,kind\n1,yes\n2,yes\n", {}, "data.target: there is one class only, so there is nothing to tell apart"),
        ("a,kind\n1,2\n", {"target": -3}, "data.target: there are 2 columns, counted from 0 (got -3)"),
    ],
)
def test_mistakes(write, text, data, message):
    (problem,) = refuse(write, text, **data)
    assert message in problem


def test_the_column_of_a_config():
    for target in (True, "", 1.5, None):
        with pytest.raises(UserError, match=r"data.target: must be the name of a column, or its number"):
            validate({"data": {"name": "csv", "path": "x.csv", "target": target}})
    with pytest.raises(UserError, match=r"data.path: is required"):
        validate({"data": "csv"})


@given(st.text(max_size=60), st.sampled_from([None, True, False]))
def test_no_text_raises_anything_but_a_user_error(tmp_path_factory, text, header):
    path = tmp_path_factory.getbasetemp() / "random.csv"
    path.write_text(text, encoding="utf-8", newline="", errors="replace")
    load.cache_clear()
    try:
        dataset = load(validate({"data": {"name": "csv", "path": str(path), "header": header, "test_fraction": 0.0}}).data)
    except UserError:
        return
    assert dataset.train[0].dtype == torch.float32
    assert len(dataset.train[0]) == len(dataset.train[1])
    assert Path(path).exists()
