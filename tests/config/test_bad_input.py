"""Every way we thought of to get a config wrong: the message names the line, the key and the nearest spelling."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trainlab.config import load, parse_value, validate
from trainlab.errors import UserError


@dataclass(frozen=True)
class Case:
    name: str
    text: str
    line: int | None
    key: str
    says: str
    value: str | None = None
    nearest: str | None = None


SYNTAX = [
    Case("empty", "", None, "", "the file is empty"),
    Case("only-comments", "# nothing\n# at all\n", None, "", "the file is empty"),
    Case("list", "# a comment\n- a\n- b\n", 2, "", "must hold a mapping of sections"),
    Case("scalar", "relu\n", 1, "", "must hold a mapping of sections"),
    Case("duplicate", "seed: 1\nloss: mse\nseed: 2\n", 3, "seed", "set twice, first in line 1"),
    Case("duplicate-nested", "model:\n  layers: 3\n  layers: 3\n", 3, "model.layers", "set twice, first in line 2"),
    Case("duplicate-in-quotes", 'seed: 1\n"seed": 2\n', 2, "seed", "set twice, first in line 1"),
    Case("duplicate-in-list", "model:\n  modules:\n  - {a: 1, a: 2}\n", 3, "model.modules.0.a", "first in line 3"),
    Case("tag", "seed: 1\nmodel: !!python/object/apply:os.system ['true']\n", 2, "", "tags"),
    Case("local-tag", "seed: !foo 1\n", 1, "", "tags"),
    Case("anchor", "seed: 1\nmodel: &m {layers: 3}\n", 2, "", "anchors and aliases"),
    Case("alias", "seed: *m\n", 1, "", "anchors and aliases"),
    Case("glob-is-no-alias", "model: {freeze: [*.bias]}\n", 1, "", "put text that starts so in quotes"),
    Case("number-as-key", "model:\n  3: 4\n", 2, "model", "a key must be text"),
    Case("list-as-key", "? [a, b]\n: 1\n", 1, "", "a key must be text"),
    Case("null-as-key", "seed: 1\n~: 4\n", 2, "", "a key must be text"),
    Case("two-documents", "seed: 1\n---\nseed: 2\n", 2, "", "one document"),
    Case("unclosed", "model: {layers: 3\nseed: 1\n", 2, "", "is not valid YAML"),
    Case("tab", "model:\n\tlayers: 3\n", 2, "", "spaces, not tabs"),
    Case("indent", "model:\n  layers: 3\n   width: 3\n", 3, "", "is not valid YAML"),
    Case("control-character", "seed: 1\nloss: a\x07b\n", 2, "", "control characters"),
    Case("beyond-unicode", 'loss: "\\UFFFFFFFF"\n', 1, "", "is not valid YAML"),
    Case("half-a-character", 'seed: 1\nloss: "\\ud800"\n', 2, "", "surrogate"),
    Case("deep", f"seed: 1\nmodel: {'[' * 60}{']' * 60}\n", 2, "", "deeper than 50 levels"),
    Case("very-deep", "[" * 5000, 1, "", "deeper than 50 levels"),
    Case("very-deep-block", "- " * 5000, 1, "", "deeper than 50 levels"),
    Case("long-number", f"loss: mse\nseed: {'9' * 5000}\n", 2, "", "64 bits"),
    Case("long-hexadecimal", f"seed: 0x{'f' * 5000}\n", 1, "", "64 bits"),
]

UNKNOWN = [
    Case("section", "seed: 1\noptimiser: {lr: 0.1}\n", 2, "optimiser", "not a setting", nearest="optimizer"),
    Case("key", "model:\n  layers: 3\n  widht: 4\n", 3, "model.widht", "`mlp` has no `widht`", nearest="model.width"),
    Case("in-train", "train:\n  epoch: 3\n", 2, "train.epoch", "not a setting", nearest="train.epochs"),
    Case("elsewhere", "seed: 1\nlr: 0.1\n", 2, "lr", "not a setting", nearest="optimizer.lr"),
    Case("elsewhere-nested", "model:\n  batch_size: 3\n", 2, "model.batch_size", "no", nearest="train.batch_size"),
    Case("dotted", "optimizer.lr: 0.1\n", 1, "optimizer.lr", "`lr:` below `optimizer:`"),
    Case(
        "of-another-optimizer",
        "optimizer:\n  name: adam\n  momentum: 0.9\n",
        3,
        "optimizer.momentum",
        "`adam` has no `momentum`; `sgd` and `rmsprop` have it: set `optimizer.name`",
    ),
    Case("of-another-norm", "model:\n  norm: {momentum: 0.2}\n", 2, "model.norm.momentum", "`batch` has it: set `model.norm.name`"),
    Case("of-another-clip", "clip:\n  threshold: 1.0\n", 2, "clip.threshold", "`value` and `norm` have it: set `clip.mode`"),
    Case("of-another-model", "model:\n  modules: [ReLU]\n", 2, "model.modules", "`layers` has it: set `model.kind`"),
    Case("nothing-like-it", "model:\n  zzzzzz: 1\n", 2, "model.zzzzzz", "Choices: kind, layers"),
    Case("merge-key", "model:\n  <<: {layers: 3}\n", 2, "model.<<", "has no `<<`"),
    Case(
        "below-early-stopping",
        "train:\n  early_stopping: {patiance: 3}\n",
        2,
        "train.early_stopping.patiance",
        "not a setting",
        nearest="train.early_stopping.patience",
    ),
]

CHOICES = [
    Case("activation", "model:\n  activation: rleu\n", 2, "model.activation", "none of the choices", nearest="relu"),
    Case("case", "model: {activation: LeakyReLU}\n", 1, "model.activation", "Choices: identity", nearest="leaky_relu"),
    Case("output", "model: {output: nothing}\n", 1, "model.output", "Choices: none, same", value="nothing"),
    Case("kind", "model:\n  kind: mpl\n", 2, "model.kind", "Choices: mlp, layers", nearest="mlp"),
    Case("short-kind", "seed: 1\nmodel: mpl\n", 2, "model", "Choices: mlp, layers", nearest="mlp"),
    Case("optimizer", "optimizer: adma\n", 1, "optimizer", "none of the choices", nearest="adam"),
    Case("optimizer-number", "optimizer:\n  lr: 1\n  name: 3\n", 3, "optimizer.name", "choices", value="3"),
    Case("optimizer-list", "optimizer:\n  name: [sgd]\n", 2, "optimizer.name", "choices", value="[sgd]"),
    Case("tag-null", "optimizer:\n  name:\n", 2, "optimizer.name", "choices", value="null"),
    Case("norm", "model:\n  norm:\n    name: bacth\n", 3, "model.norm.name", "choices", nearest="batch"),
    Case("init-none", "model:\n  init: none\n", 2, "model.init", "Choices: default, auto", value="none"),
    Case("loss", "loss: crossentropy\n", 1, "loss", "choices", nearest="cross_entropy"),
    Case("data", "data: {name: moon}\n", 1, "data.name", "choices", nearest="moons"),
    Case("schedule", "schedule: constnat\n", 1, "schedule", "choices", nearest="constant"),
    Case("precision", "train:\n  precision: float16\n", 2, "train.precision", "choices", nearest="float64"),
    Case("place", "model: {norm: {name: batch, place: befor}}\n", 1, "model.norm.place", "choices", nearest="before"),
]

TYPES = [
    Case("zero", "model:\n  layers: 0\n", 2, "model.layers", "must be a whole number of at least 1 (got 0)"),
    Case("fraction", "train: {epochs: 1.5}\n", 1, "train.epochs", "must be a whole number of at least 1 (got 1.5)"),
    Case("whole-as-float", "train: {epochs: 1e3}\n", 1, "train.epochs", "at least 1: write 1000 (got 1000.0)"),
    Case("number-in-quotes", 'optimizer:\n  lr: "0.1"\n', 2, "optimizer.lr", 'not text: write 0.1 (got "0.1")'),
    Case("underscore", "train: {epochs: 1_000}\n", 1, "train.epochs", "not text: write 1000 (got 1_000)"),
    Case("text-for-number", "optimizer: {lr: small}\n", 1, "optimizer.lr", "not text (got small)"),
    Case("boolean-for-number", "optimizer: {lr: true}\n", 1, "optimizer.lr", "not true or false (got true)"),
    Case("list-for-number", "optimizer: {lr: [1]}\n", 1, "optimizer.lr", "not a list (got [1])"),
    Case("mapping-for-number", "optimizer: {lr: {a: 1}}\n", 1, "optimizer.lr", "not a mapping (got {a: 1})"),
    Case("null-for-number", "optimizer:\n  lr:\n", 2, "optimizer.lr", "must be a number of at least 0 (got null)"),
    Case("negative", "optimizer: {lr: -1e-3}\n", 1, "optimizer.lr", "at least 0 (got -0.001)"),
    Case("infinite", "optimizer: {lr: .inf}\n", 1, "optimizer.lr", "must be finite (got .inf)"),
    Case("overflow", "optimizer: {lr: 1e999}\n", 1, "optimizer.lr", "must be finite (got .inf)"),
    Case("not-a-number", "seed: 0\noptimizer: {eps: .nan, name: adam}\n", 2, "optimizer.eps", "must be finite (got .nan)"),
    Case("infinite-threshold", "rules:\n  G001:\n    ratio: .inf\n", 3, "rules.G001.ratio", "must be finite"),
    Case("share", "model: {dropout: 1.0}\n", 1, "model.dropout", "of at least 0 and below 1 (got 1.0)"),
    Case("norm-momentum", "model: {norm: {name: batch, momentum: 2}}\n", 1, "model.norm.momentum", "at most 1 (got 2)"),
    Case("threshold", "clip: {mode: norm, threshold: 0}\n", 1, "clip.threshold", "must be a number above 0 (got 0)"),
    Case("word-for-boolean", "model: {bias: no}\n", 1, "model.bias", "true or false, not text: write false (got no)"),
    Case("number-for-boolean", "model: {residual: 1}\n", 1, "model.residual", "must be true or false (got 1)"),
    Case("or-null", "model: {outputs: 0}\n", 1, "model.outputs", "at least 1, or null (got 0)"),
    Case("seed-negative", "seed: -1\n", 1, "seed", "must be a whole number of at least 0"),
    Case("width-list", "model: {width: [3, 0]}\n", 1, "model.width", "or a list of them", value="[3,0]"),
    Case("batch-size", "train: {batch_size: 0}\n", 1, "train.batch_size", "or null for the full batch"),
    Case("patience", "train: {early_stopping: 0}\n", 1, "train.early_stopping", "at least 1, or null (got 0)"),
    Case("patience-word", "train: {early_stopping: yes}\n", 1, "train.early_stopping", "or null, not text (got yes)"),
    Case("patience-list", "train: {early_stopping: [3]}\n", 1, "train.early_stopping", "or null, not a list (got [3])"),
    Case("patience-inside", "train: {early_stopping: {patience: 0}}\n", 1, "train.early_stopping.patience", "or null (got 0)"),
    Case("min-delta", "train: {early_stopping: {min_delta: -1}}\n", 1, "train.early_stopping.min_delta", "at least 0 (got -1)"),
    Case("boundaries", "schedule: {name: piecewise, boundaries: [5, 5]}\n", 1, "schedule.boundaries", "each larger", value="[5,5]"),
    Case("boundaries-whole", "schedule: {name: piecewise, boundaries: [0.5, 5]}\n", 1, "schedule.boundaries", "whole numbers"),
    Case("boundaries-none", "schedule: {name: piecewise, boundaries: []}\n", 1, "schedule.boundaries", "whole numbers"),
    Case("factors", "schedule: {name: piecewise, values: [1, -1, 1]}\n", 1, "schedule.values", "numbers of at least 0"),
    Case("warmup", "schedule: {warmup: -3}\n", 1, "schedule.warmup", "a whole number of at least 0 (got -3)"),
    Case("warmup-per", "schedule: {warmup_per: step}\n", 1, "schedule.warmup_per", "choices"),
    Case("plateau", "schedule: {name: plateau, factor: 1}\n", 1, "schedule.factor", "above 0 and below 1 (got 1)"),
    Case("alpha", "optimizer: {name: rmsprop, alpha: 1}\n", 1, "optimizer.alpha", "below 1 (got 1)"),
    Case("betas", "optimizer: {name: adam, betas: [0.9]}\n", 1, "optimizer.betas", "two numbers", value="[0.9]"),
    Case("freeze", "model:\n  freeze: bias\n", 2, "model.freeze", "must be a list of names", value="bias"),
    Case("section-list", "seed: 1\noptimizer: [sgd]\n", 2, "optimizer", "a mapping of settings, or a name"),
    Case("section-number", "train: 3\n", 1, "train", "must be a mapping of settings (got 3)"),
    Case("rules", "rules: [G001]\n", 1, "rules", "must map rule codes"),
    Case("rule-number", "rules: {G001: 3}\n", 1, "rules", "must map rule codes"),
    Case("vs", "vs:\n  optimizer.lr: 0.1\n", 1, "vs", "must be a list of changes"),
    Case("vary", "vary: [optimizer.lr]\n", 1, "vary", "must map dotted keys to lists of values"),
    Case("vary-empty", "vary: {optimizer.lr: []}\n", 1, "vary", "must map dotted keys to lists of values"),
    Case("vary-unknown", "vary:\n  optimizer.lrr: [0.1, 1]\n", 2, "vary.optimizer.lrr", "not a setting", nearest="optimizer.lr"),
    Case("vs-unknown", "vs:\n- {optimizer.lrr: 0.1}\n", 2, "vs.0.optimizer.lrr", "not a setting", nearest="optimizer.lr"),
    Case("modules-missing", "seed: 1\nmodel:\n  kind: layers\n", 2, "model.modules", "is required"),
    Case("modules-short", "model: layers\n", 1, "model.modules", "is required"),
    Case("modules-empty", "model: {kind: layers, modules: []}\n", 1, "model.modules", "must not be empty"),
    Case("modules-word", "model: {kind: layers, modules: ReLU}\n", 1, "model.modules", "must be a list (got ReLU)"),
    Case(
        "module",
        "model:\n  kind: layers\n  modules:\n  - ReLU\n  - {Linear: [1, 2], ReLU: []}\n",
        5,
        "model.modules.1",
        "must name one torch.nn module",
        value="{Linear: [1,2],ReLU: []}",
    ),
    Case("gain", "model: {init: {name: he_normal, gain: 0}}\n", 1, "model.init.gain", "must be a number above 0, or auto"),
    Case("gain-word", "model: {init: {name: he_normal, gain: big}}\n", 1, "model.init.gain", "or auto", value="big"),
    Case("column", "data: {name: csv, path: a.csv, target: 1.5}\n", 1, "data.target", "must be the name of a column", value="1.5"),
    Case("no-path", "seed: 1\ndata: csv\n", 2, "data.path", "is required"),
    Case("long-value", f"optimizer: {{lr: {'x' * 500}}}\n", 1, "optimizer.lr", "xxx..."),
]

CONTRADICTIONS = [
    Case("convolutions", "model: {kind: cnn, layers: 5, width: [3, 4]}\n", 1, "model.width", "lists 2 convolutions", value="[3,4]"),
    Case("blocks", "model:\n  kind: resnet\n  layers: 9\n", 3, "model.layers", "must be 2 and a multiple of 6", value="9"),
    Case("heads", "model:\n  kind: transformer\n  heads: 5\n", 3, "model.heads", "must divide `width`, which is 32", value="5"),
    Case("fold", "data:\n  name: iris\n  folds: 3\n  fold: 3\n", 4, "data.fold", "must be below `folds`, which is 3", value="3"),
    Case(
        "width",
        "model:\n  layers: 5\n  width: [3, 4]\n",
        3,
        "model.width",
        "lists 2 hidden layers, but `layers: 5` has 4",
        value="[3,4]",
    ),
    Case("nesterov", "optimizer:\n  lr: 1\n  nesterov: true\n", 3, "optimizer.nesterov", "needs a momentum above 0"),
    Case(
        "piecewise",
        "schedule:\n  name: piecewise\n  boundaries: [3]\n  values: [1, 2, 3]\n",
        4,
        "schedule.values",
        "must have 2 numbers, one more than there are `boundaries`, and has 3",
    ),
    Case("piecewise-boundaries", "schedule:\n  name: piecewise\n  boundaries: [3]\n", 1, "schedule.values", "must have 2 numbers"),
    Case("uniform", "model:\n  init: {name: uniform, low: 3}\n", 2, "model.init.low", "must not exceed `high`, which is 0.1"),
    Case(
        "classes",
        "data:\n  name: classification\n  samples: 3\n  classes: 4\n  informative: 3\n",
        4,
        "data.classes",
        "must not exceed `samples`, which is 3",
    ),
    Case("random-classes", "data:\n  name: random\n  samples: 3\n", 1, "data.classes", "must not exceed `samples`"),
    Case("features", "data:\n  name: classification\n  features: 3\n", 3, "data.features", "must be at least 4: `informative`"),
    Case("corners", "data:\n  name: classification\n  classes: 3\n", 3, "data.classes", "must be at most 2 with `informative: 2`"),
]

CASES = [
    pytest.param(case, id=f"{group}-{case.name}")
    for group, cases in {
        "syntax": SYNTAX,
        "unknown": UNKNOWN,
        "choice": CHOICES,
        "type": TYPES,
        "contradiction": CONTRADICTIONS,
    }.items()
    for case in cases
]


def read_and_validate(path: Path) -> None:
    document = load(path)
    validate(document.values, document.sources)


def read(path: Path, text: str) -> UserError:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_and_validate(path)
    return caught.value


@pytest.mark.parametrize("case", CASES)
def test_says_what_is_wrong_and_where(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    problems = read(path, case.text).problems
    assert len(problems) == 1, problems
    problem = problems[0]
    assert problem.source == (str(path) if case.line is None else f"{path}:{case.line}")
    assert problem.key == case.key
    assert case.says in str(problem)
    assert problem.nearest == case.nearest
    if case.value is not None:
        assert problem.value == case.value
    assert str(problem).count("\n") == 0


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 45


def test_all_problems_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "train: {epochs: 0}\nlr: 1\noptimizer:\n  momentum: '0.9'\n  nestrov: true\nmodel: {kind: mpl}\nseed: .nan\n"
    problems = read(tmp_path / "run.yaml", text).problems
    assert [problem.key for problem in problems] == [
        "train.epochs",
        "lr",
        "optimizer.momentum",
        "optimizer.nestrov",
        "model.kind",
        "seed",
    ]
    assert [problem.source.rpartition(":")[2] for problem in problems if problem.source] == ["1", "2", "4", "5", "6", "7"]


def test_values_read_as_yaml_would_write_them(tmp_path: Path) -> None:
    text = 'train: {epochs: true, shuffle: null, precision: [yes, "true", 1.0]}\n'
    problems = read(tmp_path / "run.yaml", text).problems
    assert [problem.value for problem in problems] == ["true", "null", '[yes,"true",1.0]']


def try_to_read(text: str) -> None:
    try:
        value = parse_value(text)
    except UserError:
        return
    try:
        validate(value)
    except UserError as error:
        str(error).encode()


@given(st.text())
@example("? - a\n  - b\n: c")
@example("a: \ufeffb")
@example("%YAML 99999999999999999999.1\n---\na")
@example("%TAG ! !\n---\na")
@example("\x85")
@example('"\\x')
@example("{a: 1, ? }")
def test_no_text_raises_anything_but_a_user_error(text: str) -> None:
    try_to_read(text)


WORDS = """model optimizer data train clip loss seed vs rules schedule name kind mode norm init layers width momentum modules
    ReLU lr threshold sgd adam batch none null true no 1e3 0.1 -1 .nan .inf 3 '0' "x" & * ! % @ | > --- ... [ ] { } , : - ? #"""
words = st.sampled_from(WORDS.split())


@given(st.lists(words | st.sampled_from([" ", "\n", "\n  ", ": ", "- "]), max_size=40).map("".join))
def test_no_text_that_looks_like_yaml_raises_anything_but_a_user_error(text: str) -> None:
    try_to_read(text)


keys = words | st.text(max_size=5)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
)


@given(st.dictionaries(keys, trees, max_size=6))
def test_no_values_raise_anything_but_a_user_error(values: dict) -> None:
    with contextlib.suppress(UserError):
        validate(values)


@given(st.binary())
def test_no_bytes_raise_anything_but_a_user_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(data)
    with contextlib.suppress(UserError):
        load(path)
