"""Random valid configs for property tests: every section, every kind of it, every key of each kind."""

from typing import Any

from hypothesis import strategies as st

from trainlab.config import Config
from trainlab.config import data as data_sections
from trainlab.config import model as model_sections
from trainlab.config import optimizer as optimizer_sections
from trainlab.config import schedule as schedule_sections
from trainlab.config import training as training_sections
from trainlab.config.activations import ACTIVATIONS
from trainlab.config.distributed import Distributed
from trainlab.config.types import Group

finite = st.floats(-1e6, 1e6, allow_subnormal=False)
non_negative = st.floats(0, 1e6, allow_subnormal=False)
positive = st.floats(1e-12, 1e6)
shares = st.floats(0, 0.99)
counts = st.integers(1, 50)
seeds = st.integers(0, 2**63 - 1)
codes = st.from_regex(r"[A-Z][0-9]{3}", fullmatch=True)
names = st.lists(st.text(min_size=1, max_size=8), max_size=3).map(tuple)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | finite | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
"""Whatever a YAML value can be, except what is not finite."""


def inits() -> st.SearchStrategy:
    bias = st.none() | finite
    scaled = ["xavier_uniform", "xavier_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "orthogonal"]
    return st.one_of(
        st.builds(model_sections.ByRule, name=st.sampled_from(["default", "auto", "zeros"]), bias=bias),
        st.builds(model_sections.Constant, value=finite, bias=bias),
        st.builds(model_sections.Normal, mean=finite, std=non_negative, bias=bias),
        st.builds(model_sections.Uniform, low=st.floats(-5, 0), high=st.floats(0, 5), bias=bias),
        st.builds(model_sections.Scaled, name=st.sampled_from(scaled), gain=positive | st.just("auto"), bias=bias),
    )


def recurrent_inits() -> st.SearchStrategy:
    isometric = st.builds(model_sections.Isometric, name=st.sampled_from(["orthogonal", "identity"]), gain=positive)
    return st.builds(model_sections.AsInput) | isometric


def norms() -> st.SearchStrategy:
    shared = {"eps": positive, "affine": st.booleans(), "place": st.sampled_from(["before", "after"])}
    return st.one_of(
        st.builds(model_sections.NoNorm),
        st.builds(model_sections.BatchNorm, momentum=st.floats(0, 1), **shared),
        st.builds(model_sections.SampleNorm, name=st.sampled_from(["layer", "rms"]), **shared),
    )


@st.composite
def mlps(draw: st.DrawFn) -> model_sections.MLP:
    layers = draw(st.integers(1, 8))
    width = counts if layers == 1 else counts | st.lists(counts, min_size=layers - 1, max_size=layers - 1).map(tuple)
    return model_sections.MLP(
        layers=layers,
        width=draw(width),
        outputs=draw(st.none() | counts),
        activation=draw(st.sampled_from(sorted(ACTIVATIONS))),
        output=draw(st.sampled_from(["none", "same", "softmax", *ACTIVATIONS])),
        init=draw(inits()),
        norm=draw(norms()),
        input_norm=draw(norms()),
        residual=draw(st.booleans()),
        dropout=draw(shares),
        input_dropout=draw(shares),
        bias=draw(st.booleans()),
        freeze=draw(names),
    )


def image_norms(place: st.SearchStrategy) -> st.SearchStrategy:
    shared = {"eps": positive, "affine": st.booleans(), "place": place}
    return st.one_of(
        st.builds(model_sections.NoNorm),
        st.builds(model_sections.BatchNorm, momentum=st.floats(0, 1), **shared),
        st.builds(model_sections.GroupNorm, groups=st.sampled_from([1, 2]), **shared),
    )


def sequence_norms() -> st.SearchStrategy:
    norm = st.builds(model_sections.StepNorm, name=st.sampled_from(["layer", "rms"]), eps=positive, affine=st.booleans())
    return st.builds(model_sections.NoNorm) | norm


SHARED = {
    "outputs": st.none() | counts,
    "init": inits(),
    "dropout": shares,
    "bias": st.booleans(),
    "freeze": names,
}
activations = st.sampled_from(sorted(ACTIVATIONS))
plain_outputs = st.sampled_from(["none", "softmax", *ACTIVATIONS])
outputs = plain_outputs | st.just("same")
reads = st.sampled_from([None, "last", "mean", "every"])
even = st.integers(1, 20).map(lambda half: 2 * half)


@st.composite
def cnns(draw: st.DrawFn) -> model_sections.CNN:
    layers = draw(st.integers(1, 5))
    return draw(
        st.builds(
            model_sections.CNN,
            layers=st.just(layers),
            width=even if layers == 1 else even | st.lists(even, min_size=layers - 1, max_size=layers - 1).map(tuple),
            kernel=st.sampled_from([1, 3, 5]),
            pooling=st.sampled_from(["max", "average", "none"]),
            activation=activations,
            output=outputs,
            norm=image_norms(st.sampled_from(["before", "after"])),
            **SHARED,
        )
    )


@st.composite
def resnets(draw: st.DrawFn) -> model_sections.ResNet:
    width = draw(even | st.lists(even, min_size=1, max_size=4).map(tuple))
    stages = len(width) if isinstance(width, tuple) else 3
    return draw(
        st.builds(
            model_sections.ResNet,
            layers=st.just(2 + 2 * stages * draw(st.integers(1, 3))),
            width=st.just(width),
            activation=activations,
            output=outputs,
            norm=image_norms(st.just("before")),
            residual=st.just(not isinstance(width, tuple) or list(width) == sorted(width)),
            **SHARED,
        )
    )


def recurrent() -> st.SearchStrategy:
    shared = {"layers": counts, "width": counts, "read": reads, "recurrent_init": recurrent_inits(), "residual": st.booleans()}
    return st.one_of(
        st.builds(model_sections.RNN, activation=st.sampled_from(["tanh", "relu"]), output=outputs, **shared, **SHARED),
        st.builds(model_sections.Gated, kind=st.sampled_from(["lstm", "gru"]), output=plain_outputs, **shared, **SHARED),
    )


@st.composite
def transformers(draw: st.DrawFn) -> model_sections.Transformer:
    heads = draw(st.integers(1, 4))
    return draw(
        st.builds(
            model_sections.Transformer,
            layers=counts,
            heads=st.just(heads),
            width=st.integers(1, 9).map(lambda part: heads * part),
            feedforward=st.none() | counts,
            activation=activations,
            output=outputs,
            read=reads,
            causal=st.none() | st.booleans(),
            norm=sequence_norms(),
            norm_first=st.booleans(),
            residual=st.booleans(),
            **SHARED,
        )
    )


def models() -> st.SearchStrategy:
    class_names = st.from_regex(r"[A-Z][A-Za-z0-9]{0,8}", fullmatch=True)
    module = st.dictionaries(class_names, st.lists(plain, max_size=3), min_size=1, max_size=1)
    layers = st.builds(model_sections.Layers, modules=st.lists(module, min_size=1, max_size=4), init=inits(), freeze=names)
    return mlps() | layers | cnns() | resnets() | recurrent() | transformers()


@st.composite
def splits(draw: st.DrawFn) -> dict[str, Any]:
    """What every source but `ones` has, without `samples` and `label_noise`."""
    folds = draw(st.none() | st.integers(2, 9))
    return {
        "test_fraction": draw(st.floats(0, 0.5)),
        "validation_fraction": draw(st.floats(0, 0.4)),
        "stratify": draw(st.booleans()),
        "folds": folds,
        "fold": draw(st.integers(0, (folds or 1) - 1)),
        "fraction": draw(st.floats(1e-3, 1)),
        "imbalance": draw(st.floats(1, 100)),
        "class_weights": draw(st.none() | st.just("balanced") | st.lists(st.floats(0.01, 100), min_size=2, max_size=4).map(tuple)),
        "standardize": draw(st.booleans()),
        "bootstrap": draw(st.none() | counts),
        "seed": draw(seeds),
    }


@st.composite
def classifications(draw: st.DrawFn) -> data_sections.Classification:
    informative = draw(st.integers(1, 8))
    redundant = draw(st.integers(0, 5))
    return data_sections.Classification(
        samples=draw(st.integers(200, 2000)),
        features=informative + redundant + draw(st.integers(0, 5)),
        informative=informative,
        redundant=redundant,
        classes=draw(st.integers(1, 2 ** (informative - 1))),
        label_noise=draw(shares),
        **draw(splits()),
    )


texts = st.text(min_size=1, max_size=8)
tasks = st.sampled_from([None, "classes", "numbers"])
NOISY = {"label_noise": st.floats(0, 1), "noise": non_negative, "outliers": shares, "outlier_size": positive}
SOURCES: list[tuple[type, dict[str, st.SearchStrategy]]] = [
    (data_sections.Random, {"samples": st.integers(50, 99), "features": counts, "classes": counts}),
    (data_sections.Shipped, {"name": st.sampled_from(["digits", "breast_cancer", "wine", "iris", "diabetes"])}),
    (data_sections.Shape2D, {"name": st.sampled_from(["moons", "circles"]), "samples": counts}),
    (data_sections.Blobs, {"samples": st.integers(50, 99), "features": counts, "classes": counts, "spread": non_negative}),
    (data_sections.Adding, {"samples": counts, "length": st.integers(2, 99)}),
    (data_sections.Copy, {"samples": counts, "length": counts, "items": counts, "symbols": counts}),
    (data_sections.Chars, {"path": st.none() | texts, "length": counts}),
    (
        data_sections.CSV,
        {
            "path": texts,
            "target": texts | st.integers(-9, 9),
            "header": st.none() | st.booleans(),
            "delimiter": st.none() | st.sampled_from(",;|"),
            "task": tasks,
        },
    ),
    (
        data_sections.NPZ,
        {"path": texts, "inputs": st.none() | texts, "target": st.none() | texts, "tokens": st.booleans(), "task": tasks},
    ),
]


@st.composite
def sources(draw: st.DrawFn) -> Any:
    kind, own = draw(st.sampled_from(SOURCES))
    return draw(st.builds(kind, **{**NOISY, **{key: st.just(value) for key, value in draw(splits()).items()}, **own}))


@st.composite
def lines(draw: st.DrawFn) -> data_sections.Linear:
    return data_sections.Linear(
        samples=draw(counts),
        slope=draw(finite),
        intercept=draw(finite),
        noise=draw(non_negative),
        outliers=draw(shares),
        outlier_value=draw(finite),
        label_noise=draw(st.floats(0, 1)),
        **draw(splits()),
    )


def datas() -> st.SearchStrategy:
    ones = st.builds(data_sections.Ones, samples=counts, features=counts, value=finite)
    return ones | classifications() | lines() | sources()


def optimizers() -> st.SearchStrategy:
    betas = st.tuples(shares, shares)
    group = st.builds(Group, match=st.text(min_size=1, max_size=8), lr_scale=positive)
    shared = {"lr": non_negative, "eps": positive, "weight_decay": non_negative, "groups": st.lists(group, max_size=2).map(tuple)}
    return st.one_of(
        st.builds(optimizer_sections.SGD, lr=non_negative, momentum=shares, dampening=non_negative, weight_decay=non_negative),
        st.builds(optimizer_sections.SGD, lr=non_negative, momentum=st.floats(0.1, 0.9), nesterov=st.just(True)),
        st.builds(optimizer_sections.AdaGrad, lr_decay=non_negative, initial_accumulator_value=non_negative, **shared),
        st.builds(optimizer_sections.RMSProp, alpha=shares, momentum=shares, centered=st.booleans(), **shared),
        st.builds(optimizer_sections.Adam, name=st.sampled_from(["adam", "adamw"]), betas=betas, amsgrad=st.booleans(), **shared),
        st.builds(
            optimizer_sections.NAdam, betas=betas, momentum_decay=non_negative, decoupled_weight_decay=st.booleans(), **shared
        ),
        st.builds(optimizer_sections.RAdam, betas=betas, decoupled_weight_decay=st.booleans(), **shared),
    )


@st.composite
def piecewise(draw: st.DrawFn, **shared: st.SearchStrategy) -> schedule_sections.PiecewiseSchedule:
    boundaries = tuple(sorted(draw(st.sets(counts, min_size=1, max_size=4))))
    values = draw(st.lists(non_negative, min_size=len(boundaries) + 1, max_size=len(boundaries) + 1))
    settings = {name: draw(each) for name, each in shared.items()}
    return schedule_sections.PiecewiseSchedule(boundaries=boundaries, values=tuple(values), **settings)


def schedules() -> st.SearchStrategy:
    units = st.sampled_from(["epoch", "update"])
    warmup = {"warmup": st.integers(0, 50), "warmup_per": units, "warmup_start": shares}
    shared = {"per": units, **warmup}
    horizon = st.none() | counts
    return st.one_of(
        st.builds(schedule_sections.ConstantSchedule, **shared),
        st.builds(schedule_sections.PowerSchedule, scale=positive, exponent=non_negative, **shared),
        st.builds(schedule_sections.ExponentialSchedule, scale=positive, gamma=positive, **shared),
        piecewise(**shared),
        st.builds(schedule_sections.StepSchedule, every=counts, gamma=positive, **shared),
        st.builds(schedule_sections.CosineSchedule, horizon=horizon, floor=shares, **shared),
        st.builds(
            schedule_sections.OneCycleSchedule,
            horizon=horizon,
            max_factor=positive,
            pct_start=shares,
            div_factor=positive,
            final_div_factor=positive,
            **shared,
        ),
        st.builds(
            schedule_sections.PlateauSchedule,
            factor=st.floats(0.01, 0.99),
            patience=counts,
            threshold=shares,
            floor=shares,
            **warmup,
        ),
    )


def configs() -> st.SearchStrategy[Config]:
    """Any valid config without `vs`."""
    return st.builds(
        Config,
        seed=seeds,
        model=models(),
        data=datas(),
        loss=st.sampled_from(["sum", "mse", "l1", "huber", "bce", "bce_logits", "cross_entropy"]),
        optimizer=optimizers(),
        schedule=schedules(),
        clip=st.one_of(
            st.builds(training_sections.NoClip),
            st.builds(training_sections.ClipBy, mode=st.sampled_from(["value", "norm"]), threshold=positive),
        ),
        train=st.builds(
            training_sections.Train,
            epochs=counts,
            batch_size=st.none() | counts,
            shuffle=st.booleans(),
            updates=st.none() | counts,
            early_stopping=st.builds(training_sections.EarlyStopping, patience=st.none() | counts, min_delta=non_negative),
            precision=st.sampled_from(["float32", "float64", "bf16", "fp16"]),
        ),
        distributed=st.builds(
            Distributed,
            ranks=counts,
            sharding=st.sampled_from(["blocks", "strided"]),
            remainder=st.sampled_from(["repeat", "drop", "uneven"]),
            shares=st.none() | st.lists(counts, min_size=1, max_size=4).map(tuple),
            reduction=st.sampled_from(["mean", "weighted", "sum"]),
            dropout=st.sampled_from(["own", "same", "union"]),
            same_start=st.booleans(),
        ),
        rules=st.dictionaries(codes, st.dictionaries(st.text(max_size=8), finite, max_size=2)),
    )
