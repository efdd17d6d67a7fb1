from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainlab.config import Config, apply_patch, list_keys, name_patch, parse_patch, parse_values, to_values
from trainlab.config.data import Classification, Ones, Shipped
from trainlab.config.model import CNN, MLP, RNN, BatchNorm, ByRule, Constant, Gated, Layers, ResNet, SampleNorm, Scaled, Uniform
from trainlab.config.optimizer import SGD, AdaGrad, Adam, NAdam, RAdam, RMSProp
from trainlab.config.schedule import ExponentialSchedule, OneCycleSchedule, StepSchedule
from trainlab.config.training import ClipBy, EarlyStopping, Train
from trainlab.errors import Problem, UserError

from .strategies import configs, plain


def refuse(config: Config, patch: dict[str, Any]) -> list[Problem]:
    with pytest.raises(UserError) as caught:
        apply_patch(config, patch, "--vs")
    assert all(problem.source == "--vs" for problem in caught.value.problems)
    return list(caught.value.problems)


class TestParse:
    @pytest.mark.parametrize(
        ("text", "patch"),
        [
            ("model.activation=relu", {"model.activation": "relu"}),
            ("optimizer.lr=1e-3,model.bias=false", {"optimizer.lr": 0.001, "model.bias": False}),
            ("model.width=[8,8],model.layers=3", {"model.width": [8, 8], "model.layers": 3}),
            ("model.init={name: constant, value: 1},seed=2", {"model.init": {"name": "constant", "value": 1}, "seed": 2}),
            ("model.freeze=['a,b', \"c]\"],seed=2", {"model.freeze": ["a,b", "c]"], "seed": 2}),
            ('a="x,y",b=1', {"a": "x,y", "b": 1}),
            (r'a="x\",y",b=1', {"a": 'x",y', "b": 1}),
            (r'a="x\\",b=1', {"a": "x\\", "b": 1}),
            ("a='it''s, so',b=1", {"a": "it's, so", "b": 1}),
            ("a=don't,b=won't", {"a": "don't", "b": "won't"}),
            (" a = 1 , b = 2 ", {"a": 1, "b": 2}),
            ("a=", {"a": None}),
            ("a=b=c", {"a": "b=c"}),
            ("a=[[1,2],[3]],b={c: [4,5]}", {"a": [[1, 2], [3]], "b": {"c": [4, 5]}}),
        ],
    )
    def test_commas_inside_brackets_and_quotes_belong_to_the_value(self, text: str, patch: dict) -> None:
        assert parse_patch(text) == patch

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "must be `key=value`"),
            ("seed", "must be `key=value`"),
            ("=1", "must be `key=value`"),
            ("model.freeze=a,b", "a list goes in brackets"),
            ("seed=1,", "must be `key=value`"),
            ("seed=1,seed=2", "seed: is given twice"),
            ("model.freeze=[*.bias]", "model.freeze: anchors and aliases"),
            ("model.width=[1,2", "model.width: is not valid YAML"),
            ("a='b", "a: is not valid YAML"),
        ],
    )
    def test_says_what_is_wrong(self, text: str, says: str) -> None:
        with pytest.raises(UserError) as caught:
            parse_patch(text, "--set")
        assert len(caught.value.problems) == 1
        assert str(caught.value).startswith(f"--set: {says}") or says in str(caught.value)

    def test_says_all_of_it_at_once(self) -> None:
        with pytest.raises(UserError) as caught:
            parse_patch("a,b=[,c=1")
        assert len(caught.value.problems) == 2

    @given(st.dictionaries(st.sampled_from(list_keys(Config())), plain, min_size=1, max_size=4))
    def test_the_name_of_a_patch_can_be_typed(self, patch: dict) -> None:
        assert parse_patch(name_patch(patch)) == patch

    @given(st.text())
    def test_no_text_raises_anything_but_a_user_error(self, text: str) -> None:
        try:
            apply_patch(Config(), parse_patch(text))
        except UserError as error:
            str(error).encode(errors="replace")


def test_name_is_what_one_would_type() -> None:
    assert name_patch({"model.activation": "relu", "model.residual": True}) == "model.activation=relu,model.residual=true"
    assert name_patch({"model.width": [8, 8], "clip.threshold": None}) == "model.width=[8,8],clip.threshold=null"


class TestApply:
    @pytest.mark.parametrize(
        ("patch", "config"),
        [
            ({}, Config()),
            ({"seed": 3}, Config(seed=3)),
            ({"optimizer.lr": 1}, Config(optimizer=SGD(lr=1.0))),
            ({"model.layers": 3, "model.width": [4, 5]}, Config(model=MLP(layers=3, width=(4, 5)))),
            ({"model.width": [4, 5], "model.layers": 3}, Config(model=MLP(layers=3, width=(4, 5)))),
            ({"model.norm": "batch"}, Config(model=MLP(norm=BatchNorm()))),
            ({"model.norm": {"name": "rms"}}, Config(model=MLP(norm=SampleNorm(name="rms")))),
            ({"model.norm.name": "batch", "model.norm.momentum": 0.2}, Config(model=MLP(norm=BatchNorm(momentum=0.2)))),
            ({"model.norm.momentum": 0.2, "model.norm": "batch"}, Config(model=MLP(norm=BatchNorm(momentum=0.2)))),
            ({"model.norm.momentum": 0.2, "model.norm": {"name": "batch"}}, Config(model=MLP(norm=BatchNorm(momentum=0.2)))),
            ({"model.init": "he_normal"}, Config(model=MLP(init=Scaled(name="he_normal")))),
            ({"model.init.name": "xavier_uniform", "model.init.gain": 2}, Config(model=MLP(init=Scaled(gain=2.0)))),
            ({"model.init.value": 2, "model.init": "constant"}, Config(model=MLP(init=Constant(value=2.0)))),
            ({"model.init": None}, Config()),
            ({"clip.threshold": 2, "clip.mode": "norm"}, Config(clip=ClipBy(mode="norm", threshold=2.0))),
            ({"clip": "value"}, Config(clip=ClipBy(mode="value"))),
            ({"train": {"epochs": 3}}, Config(train=Train(epochs=3))),
            ({"optimizer": {"name": "adam", "lr": 0.1}}, Config(optimizer=Adam(lr=0.1))),
            ({"rules.G001.ratio": 0.1, "rules.G001.layers": 2}, Config(rules={"G001": {"ratio": 0.1, "layers": 2}})),
            ({"train.early_stopping": 3}, Config(train=Train(early_stopping=EarlyStopping(patience=3)))),
            ({"train": {"early_stopping": 3}}, Config(train=Train(early_stopping=EarlyStopping(patience=3)))),
            (
                {"train.early_stopping.min_delta": 0.1, "train.early_stopping": 3},
                Config(train=Train(early_stopping=EarlyStopping(patience=3, min_delta=0.1))),
            ),
            (
                {"train": {"early_stopping": 3}, "train.early_stopping.min_delta": 0.1},
                Config(train=Train(early_stopping=EarlyStopping(patience=3, min_delta=0.1))),
            ),
            ({"vs": [{"optimizer.lr": 0.1}]}, Config(vs=[{"optimizer.lr": 0.1}])),
            (
                {"model.init.value": 3, "model.init": "constant", "model.modules": ["ReLU"], "model.kind": "layers"},
                Config(model=Layers(modules=[{"ReLU": []}], init=Constant(value=3.0))),
            ),
        ],
    )
    def test_sets(self, patch: dict, config: Config) -> None:
        patched = apply_patch(Config(), patch)
        assert patched.config == config
        assert patched.dropped == ()

    def test_a_value_alone_leaves_the_rest_of_its_section(self) -> None:
        before = Config(train=Train(early_stopping=EarlyStopping(patience=9, min_delta=0.1)))
        for patience in (3, None):
            after = apply_patch(before, {"train.early_stopping": patience}).config.train.early_stopping
            assert after == EarlyStopping(patience=patience, min_delta=0.1)

    def test_leaves_the_config_as_it_is(self) -> None:
        config = Config(rules={"G001": {"ratio": 0.1}}, vs=[{"optimizer.lr": 1}])
        before = to_values(config)
        apply_patch(config, {"rules.G001.ratio": 3, "rules.G002.x": 1, "vs": [{"seed": 1}], "model.layers": 5})
        assert to_values(config) == before

    def test_leaves_the_patch_as_it_is(self) -> None:
        patch = {"model.norm": {"name": "batch"}, "model.norm.momentum": 0.2, "rules": {"G001": {}}, "rules.G001.ratio": 1}
        apply_patch(Config(), patch)
        assert patch["model.norm"] == {"name": "batch"}
        assert patch["rules"] == {"G001": {}}

    @pytest.mark.parametrize(
        "patch",
        [
            {"model": {}, "model.init": "zeros"},
            {"model": {"init": "constant"}, "model.init.name": "zeros"},
            {"model": {"init": "auto"}, "model.init": "zeros"},
            {"model": {"init": None}, "model.init": "zeros"},
        ],
    )
    def test_a_key_below_a_section_that_the_same_patch_sets(self, patch: dict) -> None:
        assert apply_patch(Config(), patch).config == Config(model=MLP(init=ByRule(name="zeros")))

    @given(configs())
    def test_every_key_set_to_its_own_value_changes_nothing(self, config: Config) -> None:
        values = to_values(config)
        patch = {}
        for key in list_keys(config):
            value = values
            for part in key.split("."):
                value = value[part]
            patch[key] = value
        assert apply_patch(config, patch).config == config

    @given(configs(), configs())
    def test_setting_every_section_makes_the_other_config(self, config: Config, other: Config) -> None:
        assert apply_patch(config, to_values(other)).config == other


class TestAnotherKind:
    def test_keeps_what_the_new_one_knows_and_drops_the_rest(self) -> None:
        config = Config(optimizer=SGD(lr=0.3, momentum=0.9, nesterov=True, weight_decay=0.1))
        for patch in [{"optimizer.name": "adam"}, {"optimizer": "adam"}]:
            patched = apply_patch(config, patch)
            assert patched.config.optimizer == Adam(lr=0.3, weight_decay=0.1)
            assert patched.dropped == ("optimizer.momentum", "optimizer.nesterov")

    def test_keeps_the_rate_even_where_it_was_the_default(self) -> None:
        assert apply_patch(Config(), {"optimizer": "adam"}).config.optimizer == Adam(lr=0.01)

    def test_to_lose_a_default_is_not_worth_a_word(self) -> None:
        assert apply_patch(Config(), {"optimizer.name": "adam"}).dropped == ()

    @pytest.mark.parametrize(
        ("name", "expected", "dropped"),
        [
            ("sgd", SGD(lr=0.3, momentum=0.9, weight_decay=0.1), ["alpha", "centered"]),
            ("adagrad", AdaGrad(lr=0.3, eps=1e-8, weight_decay=0.1), ["alpha", "momentum", "centered"]),
            ("adamw", Adam(name="adamw", lr=0.3, weight_decay=0.1), ["alpha", "momentum", "centered"]),
            ("nadam", NAdam(lr=0.3, weight_decay=0.1), ["alpha", "momentum", "centered"]),
            ("radam", RAdam(lr=0.3, weight_decay=0.1), ["alpha", "momentum", "centered"]),
        ],
    )
    def test_of_the_optimizer(self, name: str, expected: Any, dropped: list[str]) -> None:
        config = Config(optimizer=RMSProp(lr=0.3, alpha=0.9, momentum=0.9, centered=True, weight_decay=0.1))
        patched = apply_patch(config, {"optimizer": name})
        assert patched.config.optimizer == expected
        assert patched.dropped == tuple(f"optimizer.{each}" for each in dropped)

    def test_of_the_schedule_keeps_what_was_set_and_no_defaults(self) -> None:
        config = Config(schedule=ExponentialSchedule(per="update", scale=7.0, gamma=0.3, warmup=5))
        patched = apply_patch(config, {"schedule": "step"})
        assert patched.config.schedule == StepSchedule(per="update", gamma=0.3, warmup=5)
        assert patched.dropped == ("schedule.scale",)
        assert apply_patch(Config(), {"schedule": "onecycle"}).config.schedule == OneCycleSchedule(per="update")
        assert apply_patch(config, {"schedule": "plateau"}).dropped == ("schedule.per", "schedule.scale", "schedule.gamma")

    def test_within_one_dataclass_keeps_all(self) -> None:
        config = Config(model=MLP(init=Scaled(name="he_normal", gain=2.0)))
        patched = apply_patch(config, {"model.init": "orthogonal"})
        assert patched.config.model == MLP(init=Scaled(name="orthogonal", gain=2.0))

    def test_the_same_kind_again_keeps_all(self) -> None:
        config = Config(data=Classification(samples=300, label_noise=0.3))
        assert apply_patch(config, {"data": "classification"}).config == config

    def test_of_the_model(self) -> None:
        config = Config(model=MLP(layers=5, width=(1, 2, 3, 4), init=Constant(), freeze=("*.bias",), norm=BatchNorm()))
        patched = apply_patch(config, {"model.kind": "layers", "model.modules": ["ReLU"]})
        assert patched.config.model == Layers(modules=[{"ReLU": []}], init=Constant(), freeze=("*.bias",))
        assert patched.dropped == ("model.layers", "model.width", "model.norm")

    def test_back_to_none(self) -> None:
        config = Config(clip=ClipBy(mode="norm", threshold=3.0), model=MLP(norm=BatchNorm()))
        patched = apply_patch(config, {"clip": "none", "model.norm": None})
        assert patched.config == Config()
        assert patched.dropped == ("clip.threshold",)

    def test_of_the_data_takes_its_own_defaults(self) -> None:
        assert apply_patch(Config(data=Ones()), {"data": "iris"}).config.data == Shipped(name="iris")
        assert apply_patch(Config(data=Ones(samples=30)), {"data": "iris"}).config.data == Shipped(name="iris", samples=30)

    def test_null_gives_way_to_a_number_where_the_new_one_has_no_null(self) -> None:
        config = Config(data=Shipped(name="iris", seed=3))
        assert apply_patch(config, {"data": "classification"}).config.data == Classification(seed=3)

    def test_of_the_model_takes_its_own_defaults(self) -> None:
        config = Config(model=MLP(layers=3, activation="tanh", freeze=("*.bias",)))
        patched = apply_patch(config, {"model": "rnn"})
        assert patched.config.model == RNN(layers=3, activation="tanh", freeze=("*.bias",))
        assert apply_patch(Config(), {"model": "resnet"}).config.model == ResNet()
        assert apply_patch(Config(), {"model": "lstm"}).config.model == Gated(kind="lstm")

    def test_a_value_that_the_new_kind_cannot_have_is_dropped(self) -> None:
        config = Config(model=MLP(layers=3, width=(4, 5), activation="gelu", norm=BatchNorm(), init=Constant()))
        patched = apply_patch(config, {"model": "rnn"})
        assert patched.config.model == RNN(layers=3, init=Constant())
        assert patched.dropped == ("model.width", "model.activation", "model.norm")
        assert apply_patch(config, {"model": "transformer", "model.norm": "rms"}).config.model.norm.name == "rms"
        assert apply_patch(config, {"model": "cnn"}).config.model == CNN(
            layers=3, width=(4, 5), activation="gelu", norm=BatchNorm(), init=Constant()
        )

    def test_what_was_wrong_before_is_told_not_dropped(self) -> None:
        (problem,) = refuse(Config(), {"model": {"activation": "gleu"}, "model.kind": "rnn"})
        assert (problem.key, problem.value) == ("model.activation", "gleu")

    def test_a_mapping_replaces_the_section(self) -> None:
        config = Config(optimizer=SGD(lr=0.3, momentum=0.9))
        assert apply_patch(config, {"optimizer": {"momentum": 0.5}}).config.optimizer == SGD(momentum=0.5)

    def test_of_one_dataclass_with_a_setting_that_contradicts(self) -> None:
        config = Config(model=MLP(init=Uniform(low=-3.0, high=-2.0, bias=1.0)))
        assert apply_patch(config, {"model.init": "zeros"}).config.model == MLP(init=ByRule(name="zeros", bias=1.0))


class TestRefuses:
    @pytest.mark.parametrize(
        ("key", "nearest"),
        [
            ("optimiser.lr", "optimizer.lr"),
            ("optimizer.lrr", "optimizer.lr"),
            ("lr", "optimizer.lr"),
            ("momentum", "optimizer.momentum"),
            ("epochs", "train.epochs"),
            ("batchsize", "train.batch_size"),
            ("activation", "model.activation"),
            ("model.activaton", "model.activation"),
            ("modle.activaton", "model.activation"),
            ("model.optimizer.lr", "optimizer.lr"),
            ("optim", "optimizer"),
            ("data.sed", "data.seed"),
            ("norm", "model.norm"),
            ("model.norm.nam", "model.norm.name"),
            ("seed.x", None),
            ("zzzzz", None),
            ("", None),
            (".", None),
            ("model.", None),
            ("model..lr", "optimizer.lr"),
        ],
    )
    def test_unknown_keys_with_the_nearest(self, key: str, nearest: str | None) -> None:
        config = Config(data=Classification())
        (problem,) = refuse(config, {key: 1})
        assert problem.key == key
        assert problem.nearest == nearest

    def test_all_problems_at_once(self) -> None:
        problems = refuse(Config(), {"lr": 1, "epochs": 2, "model.layers": 0, "optimizer.lr": "0.1", "model.activation": "rleu"})
        assert [problem.key for problem in problems] == ["lr", "epochs", "model.layers", "model.activation", "optimizer.lr"]

    def test_a_threshold_without_a_mode(self) -> None:
        (problem,) = refuse(Config(), {"clip.threshold": 1})
        assert problem.message == "`none` has no `threshold`; `value` and `norm` have it: set `clip.mode`"

    def test_a_setting_of_another_kind(self) -> None:
        (problem,) = refuse(Config(), {"optimizer.name": "adam", "optimizer.momentum": 0.9})
        assert problem.message == "`adam` has no `momentum`; `sgd` and `rmsprop` have it: set `optimizer.name`"

    def test_layers_that_no_longer_fit_the_widths(self) -> None:
        (problem,) = refuse(Config(model=MLP(layers=3, width=(4, 5))), {"model.layers": 5})
        assert problem.key == "model.width"
        assert problem.message.endswith("set `layers` and `width` together")

    @pytest.mark.parametrize(
        "patch",
        [
            {"model": "mpl", "model.layers": 3},
            {"model.kind": "mpl"},
            {"model.kind": 3},
            {"model": 3, "model.layers": 3},
        ],
    )
    def test_a_kind_that_does_not_exist(self, patch: dict) -> None:
        (problem,) = refuse(Config(), patch)
        assert problem.key == "model.kind"
        assert problem.choices[:3] == ("mlp", "layers", "cnn")

    @pytest.mark.parametrize(
        ("patch", "key"),
        [
            ({"model": {"init": 3}, "model.init": "zeros"}, "model.init"),
            ({"model": {"init": 3}, "model.init.bias": 1}, "model.init"),
            ({"model": {"foo": 3}, "model.kind": "mlp"}, "model.foo"),
            ({"train": 3, "train.epochs": 1}, "train"),
            ({"rules": 3, "rules.G001.ratio": 1}, "rules"),
        ],
    )
    def test_a_key_below_what_is_no_section(self, patch: dict, key: str) -> None:
        (problem,) = refuse(Config(), patch)
        assert problem.key.startswith(key)

    def test_a_kind_that_needs_more(self) -> None:
        (problem,) = refuse(Config(), {"model": "layers"})
        assert (problem.key, problem.message) == ("model.modules", "is required")

    @pytest.mark.parametrize("key", list_keys(Config()))
    def test_a_list_of_nothing_sensible(self, key: str) -> None:
        problems = refuse(Config(), {key: [{"x": None}]})
        assert all(problem.key.startswith(key) for problem in problems)

    @given(st.dictionaries(st.sampled_from(list_keys(Config())) | st.text(), plain, max_size=5))
    def test_nothing_but_a_user_error(self, patch: dict) -> None:
        try:
            patched = apply_patch(Config(), patch)
        except UserError:
            return
        assert apply_patch(patched.config, {}).config == patched.config


def test_a_patched_config_is_valid_and_frozen() -> None:
    patched = apply_patch(Config(), {"seed": 1})
    assert replace(patched.config, seed=0) == Config()


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("optimizer.name=sgd,adam", "optimizer.name", ["sgd", "adam"]),
        ("train.batch_size = 16,full,null", "train.batch_size", [16, "full", None]),
        ("model.width=[8,8],16", "model.width", [[8, 8], 16]),
        ("schedule={name: step, every: 3},cosine", "schedule", [{"name": "step", "every": 3}, "cosine"]),
        ("optimizer.lr=0.1", "optimizer.lr", [0.1]),
        ("optimizer.lr=", "optimizer.lr", []),
    ],
)
def test_values_of_one_key(text: str, key: str, values: list[Any]) -> None:
    assert parse_values(text) == (key, values)


@pytest.mark.parametrize("text", ["optimizer.lr", "=1,2", "", "optimizer.lr=1,[2"])
def test_no_values_of_one_key(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_values(text, f"--vary {text}")
    assert all(problem.source == f"--vary {text}" for problem in caught.value.problems)
