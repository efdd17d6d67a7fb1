"""Random valid configs for property tests: every section, every kind of it, every key of each kind."""

from hypothesis import strategies as st

from trainlab.config import Config
from trainlab.config import data as data_sections
from trainlab.config import model as model_sections
from trainlab.config import training as training_sections
from trainlab.config.activations import ACTIVATIONS

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
        st.builds(model_sections.Scaled, name=st.sampled_from(scaled), gain=positive, bias=bias),
    )


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


def models() -> st.SearchStrategy:
    class_names = st.from_regex(r"[A-Z][A-Za-z0-9]{0,8}", fullmatch=True)
    module = st.dictionaries(class_names, st.lists(plain, max_size=3), min_size=1, max_size=1)
    layers = st.builds(model_sections.Layers, modules=st.lists(module, min_size=1, max_size=4), init=inits(), freeze=names)
    return mlps() | layers


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
        standardize=draw(st.booleans()),
        test_fraction=draw(shares),
        seed=draw(seeds),
    )


def datas() -> st.SearchStrategy:
    split = {"test_fraction": shares, "seed": seeds}
    shipped = st.sampled_from(["digits", "breast_cancer", "wine", "iris", "diabetes"])
    return st.one_of(
        st.builds(data_sections.Ones, samples=counts, features=counts, value=finite),
        st.builds(data_sections.Random, samples=st.integers(50, 99), features=counts, classes=counts, **split),
        st.builds(
            data_sections.Linear,
            samples=counts,
            slope=finite,
            intercept=finite,
            noise=non_negative,
            outliers=shares,
            outlier_value=finite,
            **split,
        ),
        classifications(),
        st.builds(data_sections.Shipped, name=shipped, samples=st.none() | counts, standardize=st.booleans(), **split),
        st.builds(
            data_sections.Shape2D,
            name=st.sampled_from(["moons", "circles"]),
            samples=counts,
            noise=non_negative,
            standardize=st.booleans(),
            **split,
        ),
    )


def optimizers() -> st.SearchStrategy:
    betas = st.tuples(shares, shares)
    shared = {"lr": non_negative, "eps": positive, "weight_decay": non_negative}
    return st.one_of(
        st.builds(training_sections.SGD, lr=non_negative, momentum=shares, dampening=non_negative, weight_decay=non_negative),
        st.builds(training_sections.SGD, lr=non_negative, momentum=st.floats(0.1, 0.9), nesterov=st.just(True)),
        st.builds(training_sections.AdaGrad, lr_decay=non_negative, initial_accumulator_value=non_negative, **shared),
        st.builds(training_sections.RMSProp, alpha=shares, momentum=shares, centered=st.booleans(), **shared),
        st.builds(training_sections.Adam, name=st.sampled_from(["adam", "adamw"]), betas=betas, amsgrad=st.booleans(), **shared),
        st.builds(
            training_sections.NAdam, betas=betas, momentum_decay=non_negative, decoupled_weight_decay=st.booleans(), **shared
        ),
        st.builds(training_sections.RAdam, betas=betas, decoupled_weight_decay=st.booleans(), **shared),
    )


@st.composite
def piecewise(draw: st.DrawFn, **shared: st.SearchStrategy) -> training_sections.PiecewiseSchedule:
    boundaries = tuple(sorted(draw(st.sets(counts, min_size=1, max_size=4))))
    values = draw(st.lists(non_negative, min_size=len(boundaries) + 1, max_size=len(boundaries) + 1))
    settings = {name: draw(each) for name, each in shared.items()}
    return training_sections.PiecewiseSchedule(boundaries=boundaries, values=tuple(values), **settings)


def schedules() -> st.SearchStrategy:
    units = st.sampled_from(["epoch", "update"])
    warmup = {"warmup": st.integers(0, 50), "warmup_per": units, "warmup_start": shares}
    shared = {"per": units, **warmup}
    horizon = st.none() | counts
    return st.one_of(
        st.builds(training_sections.ConstantSchedule, **shared),
        st.builds(training_sections.PowerSchedule, scale=positive, exponent=non_negative, **shared),
        st.builds(training_sections.ExponentialSchedule, scale=positive, gamma=positive, **shared),
        piecewise(**shared),
        st.builds(training_sections.StepSchedule, every=counts, gamma=positive, **shared),
        st.builds(training_sections.CosineSchedule, horizon=horizon, floor=shares, **shared),
        st.builds(
            training_sections.OneCycleSchedule,
            horizon=horizon,
            max_factor=positive,
            pct_start=shares,
            div_factor=positive,
            final_div_factor=positive,
            **shared,
        ),
        st.builds(
            training_sections.PlateauSchedule,
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
            precision=st.sampled_from(["float32", "float64"]),
        ),
        rules=st.dictionaries(codes, st.dictionaries(st.text(max_size=8), finite, max_size=2)),
    )
