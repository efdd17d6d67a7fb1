import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from trainlab.config import Config, apply_patch, find_config, list_configs, list_keys, load, to_values, validate
from trainlab.config.data import Shipped
from trainlab.config.model import MLP, BatchNorm, ByRule, Constant, Layers, NoNorm, Scaled
from trainlab.config.optimizer import SGD, Adam
from trainlab.config.schedule import ConstantSchedule, CosineSchedule, PiecewiseSchedule
from trainlab.config.training import EarlyStopping, NoClip, Train
from trainlab.errors import UserError

from .strategies import configs


@given(configs())
def test_values_of_a_config_make_the_same_config(config: Config) -> None:
    values = to_values(config)
    assert validate(values) == config
    assert to_values(validate(values)) == values


@given(configs())
def test_values_are_plain(config: Config) -> None:
    def check(value: Any) -> None:
        assert type(value) in (dict, list, str, int, float, bool, type(None))
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(item)

    check(to_values(config))


def test_values_share_nothing_with_the_config() -> None:
    config = Config(rules={"G001": {"ratio": 0.1}})
    to_values(config)["rules"]["G001"]["ratio"] = 3
    assert config.rules == {"G001": {"ratio": 0.1}}


def test_values_stand_in_the_order_of_the_fields() -> None:
    assert list(to_values(Config()))[:3] == ["seed", "model", "data"]
    assert next(iter(to_values(Config())["model"])) == "kind"


def test_nothing_given_is_the_default() -> None:
    assert validate({}) == Config()


@pytest.mark.parametrize(
    ("values", "config"),
    [
        ({"model": "mlp"}, Config()),
        ({"model": None, "optimizer": None, "data": None, "schedule": None, "clip": None}, Config()),
        ({"train": None, "rules": None, "vs": None}, Config()),
        ({"model": {"layers": 3}}, Config(model=MLP(layers=3))),
        ({"model": {"width": [4, 5], "layers": 3}}, Config(model=MLP(layers=3, width=(4, 5)))),
        ({"model": {"norm": "batch"}}, Config(model=MLP(norm=BatchNorm()))),
        ({"model": {"norm": None}}, Config(model=MLP(norm=NoNorm()))),
        ({"model": {"init": None}}, Config(model=MLP(init=ByRule()))),
        ({"model": {"init": {"bias": 1}}}, Config(model=MLP(init=ByRule(bias=1.0)))),
        ({"model": {"init": "he_normal"}}, Config(model=MLP(init=Scaled(name="he_normal")))),
        ({"model": {"init": {"name": "constant", "value": 2}}}, Config(model=MLP(init=Constant(value=2.0)))),
        (
            {"model": {"kind": "layers", "modules": ["ReLU", {"Linear": [1, 2]}]}},
            Config(model=Layers(modules=[{"ReLU": []}, {"Linear": [1, 2]}])),
        ),
        ({"optimizer": {"lr": 1}}, Config(optimizer=SGD(lr=1.0))),
        ({"optimizer": {"name": "adam", "betas": [0, 0.5]}}, Config(optimizer=Adam(betas=(0.0, 0.5)))),
        ({"schedule": "cosine"}, Config(schedule=CosineSchedule())),
        ({"schedule": {"warmup": 100}}, Config(schedule=ConstantSchedule(warmup=100))),
        ({"schedule": {"name": "constant", "per": "epoch"}}, Config()),
        (
            {"schedule": {"name": "piecewise", "boundaries": [3], "values": [1, 0]}},
            Config(schedule=PiecewiseSchedule(boundaries=(3,), values=(1.0, 0.0))),
        ),
        ({"clip": "none"}, Config(clip=NoClip())),
        ({"data": "iris"}, Config(data=Shipped(name="iris"))),
        ({"train": {"batch_size": "full"}}, Config(train=Train(batch_size=None))),
        ({"train": {"early_stopping": 10}}, Config(train=Train(early_stopping=EarlyStopping(patience=10)))),
        ({"train": {"early_stopping": None}}, Config()),
        ({"train": {"early_stopping": {"min_delta": 1}}}, Config(train=Train(early_stopping=EarlyStopping(min_delta=1.0)))),
        (
            {"vs": [{"optimizer.betas": 1, "rules.G001.ratio": 1}]},
            Config(vs=[{"optimizer.betas": 1, "rules.G001.ratio": 1}]),
        ),
        (
            {"rules": {"ignore": [{"code": "G001"}], "G001": {"ratio": 1}}},
            Config(rules={"ignore": [{"code": "G001"}], "G001": {"ratio": 1}}),
        ),
    ],
)
def test_short_forms(values: dict, config: Config) -> None:
    assert validate(values) == config


def test_whole_numbers_become_floats_where_a_number_is_asked_for() -> None:
    optimizer = validate({"optimizer": {"lr": 1}}).optimizer
    assert type(optimizer.lr) is float


@pytest.mark.parametrize(
    "values",
    [
        None,
        3,
        [],
        "mlp",
        {1: 2},
        {"model": {1: 2}},
        {"vs": [{1: 2}]},
        {"seed": 10**30},
        {"optimizer": {"lr": 10**400}},
        {"seed": 10**5000},
    ],
)
def test_values_from_a_program_are_refused_alike(values: object) -> None:
    with pytest.raises(UserError):
        validate(values)


def test_sources_are_optional() -> None:
    with pytest.raises(UserError) as caught:
        validate({"seed": -1})
    assert caught.value.problems[0].source is None


@pytest.mark.parametrize(
    ("given", "mean"),
    [
        ({"informative": 3, "classes": 4}, True),
        ({"informative": 2, "classes": 3}, False),
        ({"informative": 10**9}, False),
    ],
)
def test_classification_is_what_scikit_learn_can_make(given: dict, mean: bool) -> None:
    values = {"data": {"name": "classification", **given}}
    if mean:
        validate(values)
    else:
        with pytest.raises(UserError):
            validate(values)


def test_there_may_be_as_many_classes_as_samples() -> None:
    assert validate({"data": {"name": "random", "samples": 3, "classes": 3}})


@pytest.mark.parametrize("name", list_configs())
def test_what_is_shipped_is_valid(name: str) -> None:
    document = load(find_config(name))
    config = validate(document.values, document.sources)
    for index, patch in enumerate(config.vs):
        apply_patch(config, patch, document.sources[f"vs.{index}"])
    for levels in itertools.product(*config.vary.values()):
        apply_patch(config, dict(zip(config.vary, levels, strict=True)))


def test_what_contradicts_is_refused_in_python_too() -> None:
    with pytest.raises(ValueError, match="lists 2 hidden layers"):
        MLP(layers=2, width=(3, 4))
    with pytest.raises(ValueError, match="needs a momentum"):
        replace(SGD(momentum=0.9, nesterov=True), momentum=0.0)


def test_list_keys_follows_the_kinds_of_the_config() -> None:
    keys = list_keys(Config(optimizer=Adam()))
    assert {"seed", "model", "model.norm", "model.norm.name", "optimizer.betas", "train.epochs"} <= set(keys)
    assert not {"optimizer.momentum", "model.norm.momentum", "model.modules"} & set(keys)
    assert len(keys) == len(set(keys))
