import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainlab.config import format_sections, format_value, load, parse_value
from trainlab.config.write import shorten_value

from .strategies import plain


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (0.1, "0.1"),
        (1e-5, "1e-05"),
        (-math.inf, "-.inf"),
        (math.nan, ".nan"),
        ("relu", "relu"),
        ("pkg.mod:build", '"pkg.mod:build"'),
        ("two words", "two words"),
        ("0.1", '"0.1"'),
        ("true", '"true"'),
        ("no", "no"),
        ("", '""'),
        ("*.bias", '"*.bias"'),
        ("a,b", '"a,b"'),
        ("a\nb", r'"a\nb"'),
        ((8, 8), "[8,8]"),
        ({"name": "constant", "value": 1.0}, "{name: constant,value: 1.0}"),
        ({}, "{}"),
    ],
)
def test_writes_as_one_would_type_it(value: object, text: str) -> None:
    assert format_value(value) == text


@given(plain | st.text())
def test_what_is_written_reads_back(value: object) -> None:
    text = format_value(value)
    assert "\n" not in text
    assert parse_value(text) == value


@given(st.text(st.characters(codec="utf-8")))
def test_text_of_any_kind_reads_back(text: str) -> None:
    assert parse_value(format_value([text])) == [text]


@given(st.dictionaries(st.text(max_size=5), plain, max_size=5).filter(bool))
def test_a_whole_file_reads_back(tmp_path_factory: pytest.TempPathFactory, values: dict) -> None:
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(format_sections(values), encoding="utf-8")
    assert load(path).values == values


def test_a_file_has_one_setting_a_line() -> None:
    values = {"seed": 0, "model": {"kind": "mlp", "width": [3, 4], "init": {"name": "auto"}}, "rules": {}}
    assert format_sections(values) == "seed: 0\nmodel:\n  kind: mlp\n  width: [3,4]\n  init:\n    name: auto\nrules: {}\n"


def test_long_values_are_cut() -> None:
    assert len(shorten_value("x" * 500)) == 60
    assert shorten_value(10**5000) == "a very long number"
