import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from trainlab.config import Config, build_schema, find_config, list_configs, load, to_values

from .strategies import configs
from .test_bad_input import CHOICES, TYPES, UNKNOWN


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return build_schema()


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema)


def test_is_a_json_schema(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema


def test_the_default_is_valid(validator: jsonschema.Draft202012Validator) -> None:
    validator.validate(to_values(Config()))


@settings(max_examples=50)
@given(config=configs())
def test_every_config_is_valid(validator: jsonschema.Draft202012Validator, config: Config) -> None:
    validator.validate(to_values(config))


@pytest.mark.parametrize("name", list_configs())
def test_every_shipped_config_is_valid(validator: jsonschema.Draft202012Validator, name: str) -> None:
    validator.validate(load(find_config(name)).values)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"model": "mlp", "optimizer": "adam", "clip": "norm", "data": "iris"},
        {"schedule": "cosine", "optimizer": "nadam"},
        {"schedule": {"name": "piecewise", "boundaries": [3], "values": [1, 0]}, "optimizer": {"name": "rmsprop", "alpha": 0.9}},
        {"schedule": {"warmup": 100}},
        {"model": None, "train": None, "rules": None, "vs": None, "vary": None, "schedule": None},
        {"model": {"init": "he_normal", "norm": None}, "optimizer": {"momentum": 0.9}},
        {"model": {"kind": "layers", "modules": ["ReLU", {"Linear": [1, 2]}, {"Linear": {"in_features": 3}}]}},
        {"train": {"early_stopping": 10}},
        {"train": {"early_stopping": None}},
        {"train": {"early_stopping": {"min_delta": 0.1}}},
        {
            "train": {"batch_size": "full"},
            "rules": {"G001": {"ratio": 1}},
            "vs": [{"model.layers": 1}],
            "vary": {"model.layers": [1, 2]},
        },
    ],
)
def test_short_forms_are_valid(validator: jsonschema.Draft202012Validator, values: dict) -> None:
    validator.validate(values)


# What JSON Schema cannot tell: it takes 1000.0 for a whole number, and does not know which dotted keys exist.
BEYOND = {
    "whole-as-float",
    "vs-unknown",
    "vary-unknown",
    "infinite",
    "overflow",
    "not-a-number",
    "infinite-threshold",
    "rule-number",
}
CASES = [case for case in [*UNKNOWN, *CHOICES, *TYPES] if case.name not in BEYOND]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_refuses_what_validate_refuses(validator: jsonschema.Draft202012Validator, tmp_path: Any, case: Any) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(case.text)
    assert not validator.is_valid(load(path).values)


def test_explains_and_knows_the_defaults(schema: dict[str, Any]) -> None:
    layers = schema["$defs"]["MLP"]["properties"]["layers"]
    assert layers == {"type": "integer", "minimum": 1, "default": 2, "description": "weight layers, the output layer included."}
    assert "Loshchilov" in schema["$defs"]["Adam"]["description"]
    assert "relu" in schema["$defs"]["MLP"]["properties"]["activation"]["enum"]


def test_what_a_section_inherits_is_explained_unless_it_says_otherwise(schema: dict[str, Any]) -> None:
    meaning = {name: schema["$defs"][name]["properties"]["noise"]["description"] for name in ("Shipped", "Shape2D", "Linear")}
    assert meaning["Shipped"].endswith("in units of each feature's own.")
    assert meaning["Shape2D"].endswith("each coordinate, in every part.")
    assert meaning["Linear"].endswith("added to y, in every part.")
    for kind in ("CNN", "ResNet", "RNN", "Gated", "Transformer"):
        keys = schema["$defs"][kind]["properties"]
        assert [name for name, key in keys.items() if "description" not in key] == ["kind"]


def test_explains_what_a_section_has_from_another(schema: dict[str, Any]) -> None:
    keys = schema["$defs"]["CosineSchedule"]["properties"]
    assert keys["warmup"]["description"].startswith("updates or epochs before the schedule begins")
    assert keys["floor"]["description"].startswith("factor on the rate at the horizon")
    assert next(iter(keys)) == "name"


def test_explains_every_setting_of_optimizers_and_schedules(schema: dict[str, Any]) -> None:
    kinds = {kind: each["properties"] for kind, each in schema["$defs"].items() if {"lr", "warmup"} & each["properties"].keys()}
    assert len(kinds) == 7 + 8
    assert [f"{kind}.{name}" for kind, keys in kinds.items() for name in keys if "description" not in keys[name]] == [
        f"{kind}.name" for kind in kinds
    ]


def test_everything_is_described(schema: dict[str, Any]) -> None:
    assert all(definition["description"] for definition in schema["$defs"].values())
    assert [name for name, key in schema["properties"].items() if "description" not in key] == []
