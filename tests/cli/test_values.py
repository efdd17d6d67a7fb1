from __future__ import annotations

import pytest

from trainlab.cli.values import MOST, parse_choice, parse_count, parse_number, parse_positive_numbers
from trainlab.errors import UserError


@pytest.mark.parametrize(("text", "least", "number"), [("1", 1, 1), ("0", 0, 0), ("007", 1, 7), (str(MOST), 0, MOST)])
def test_counts(text: str, least: int, number: int) -> None:
    assert parse_count(text, "--n", least=least) == number


@pytest.mark.parametrize("text", ["0", "-1", "1.0", "1e3", "one", "", " 1", "+1", "1_000", "٣", str(MOST + 1), "9" * 5000])
def test_no_counts(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_count(text, "--n")
    (problem,) = caught.value.problems
    assert (problem.key, problem.message) == ("--n", "must be a whole number of at least 1")


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (None, None),
        ([], None),
        (["0.1"], (0.1,)),
        (["0.1,1e-3"], (0.1, 0.001)),
        (["0.1", "1e-3,5"], (0.1, 0.001, 5.0)),
        ([" 1 , 2 "], (1.0, 2.0)),
    ],
)
def test_numbers(texts: list[str] | None, numbers: tuple[float, ...] | None) -> None:
    assert parse_positive_numbers(texts, "--lr") == numbers


@pytest.mark.parametrize(
    ("texts", "value", "message"),
    [
        (["0"], "0", "must be numbers above 0"),
        (["-1"], "-1", "must be numbers above 0"),
        (["nan"], "nan", "must be numbers above 0"),
        (["inf"], "inf", "must be numbers above 0"),
        (["0.1,x"], "x", "must be numbers above 0"),
        ([""], "''", "must be numbers above 0"),
        (["1,"], "'1,'", "must be numbers above 0"),
        (["1,1.0"], "1.0", "is given twice"),
        (["1", "1"], "1", "is given twice"),
    ],
)
def test_no_numbers(texts: list[str], value: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_positive_numbers(texts, "--lr")
    (problem,) = caught.value.problems
    assert (problem.key, problem.value) == ("--lr", value)
    assert message in problem.message


def test_one_of_some_words() -> None:
    assert parse_choice(None, "--by", ("loss", "score")) is None
    assert parse_choice("loss", "--by", ("loss", "score")) == "loss"
    with pytest.raises(UserError) as caught:
        parse_choice("los", "--by", ("loss", "score"))
    (problem,) = caught.value.problems
    assert (problem.key, problem.value, problem.choices, problem.nearest) == ("--by", "los", ("loss", "score"), "loss")


def test_any_number() -> None:
    assert parse_number(None, "--target") is None
    assert parse_number("-1e-3", "--target") == -0.001
    for text in ("", "x", "nan", "inf"):
        with pytest.raises(UserError, match="must be a number"):
            parse_number(text, "--target")
