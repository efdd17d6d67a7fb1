"""Made-up reports, one a command, with the numbers that its picture is drawn from."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from trainlab.report import Answer, Column, Comparison, Report, Run, Series, Table

COUNTED = {"torch": "2.13.0"}


def make_run(name="base", *, seed=0, config=None, metrics=None, layers=(), series=None):
    return Run(
        name=name, patch={}, seed=seed, config=config or {}, metrics=metrics or {}, layers=layers, modules=(), series=series or {}
    )


def make_report(command, text, runs, comparisons=()):
    return Report(
        command=command,
        complete=True,
        environment=COUNTED,
        answer=Answer(text=text),
        runs=tuple(runs),
        comparisons=tuple(comparisons),
    )


def make_layers(norms):
    return tuple(
        {"name": f"model.{2 * depth}.weight", "module": "Linear", "shape": [1, 1], "grad_norm": norm}
        for depth, norm in enumerate(norms)
    )


def make_gradients(layers=30, seeds=3):
    rng = np.random.default_rng(0)
    runs = []
    for name, factor in (
        ("base", 0.22),
        ("model.activation=relu", 1.0),
        ("model.activation=tanh", 0.8),
        ("model.init=he_normal", 1.3),
    ):
        for seed in range(seeds):
            norms = [0.5 * factor ** (layers - depth) * math.exp(rng.normal(0, 0.3)) for depth in range(layers)]
            if name.endswith("tanh"):
                norms[: layers // 5] = [0.0] * (layers // 5)
            runs.append(make_run(name, seed=seed, layers=make_layers(norms)))
    text = "No: with sigmoid the gradient shrinks 4.9e18-fold from model.58.weight (0.1481) to model.0.weight (2.999e-20)."
    return make_report("gradients", text, runs)


def make_lr_sweep(rates=10, seeds=3):
    rng = np.random.default_rng(0)
    runs = []
    epochs = np.arange(1, 201)
    for rate in np.geomspace(1e-4, 3.0, rates):
        for seed in range(seeds):
            loss = 1.0 + 8.5 * np.exp(-epochs * rate * 2) + 0.02 * rng.random(200)
            died = rate > 0.5
            if died:
                loss = np.minimum(9.5 * np.exp(epochs * rate), np.inf)
                loss[loss > 1e30] = np.inf
            elif rate > 0.1:
                loss[10:] = 1.6 + 0.5 * (epochs[10:] % 2)
            metrics = {"train_loss": math.inf if died else float(loss[-1]), "diverged_at": 70 if died else None}
            series = {"loss": Series(per="epoch", at=epochs, values=loss)}
            name = f"optimizer.lr={rate:.3g}"
            runs.append(
                make_run(name, seed=seed, config={"optimizer": {"name": "sgd", "lr": float(rate)}}, metrics=metrics, series=series)
            )
    text = "Learning rate 0.03: the safe band is 0.003 to 0.1, and from 0.9 on training diverges in every seed; $5 says so."
    return make_report("lr-sweep", text, runs)


def make_overfit():
    rng = np.random.default_rng(0)
    runs, comparisons = [], []
    arms = {
        "base": (1.0, 0.815, None),
        "optimizer.weight_decay=0.04": (0.882, 0.875, "helps"),
        "model.dropout=0.5": (0.95, 0.85, "helps"),
        "train.early_stopping=10,optimizer.weight_decay=0.001": (0.97, 0.82, "no-difference"),
        "regularize.l1=0.5": (0.6, 0.58, "harms"),
    }
    for name, (train, test, verdict) in arms.items():
        for seed in range(5):
            metrics = {"train_accuracy": min(train + rng.normal(0, 0.004), 1.0), "test_accuracy": test + rng.normal(0, 0.01)}
            runs.append(make_run(name, seed=seed, metrics=metrics))
        if verdict:
            gap = (train - test) - 0.185
            comparisons.append(
                Comparison(
                    run=name,
                    metric="accuracy_gap",
                    difference=gap,
                    interval=(gap - 0.03, gap + 0.03),
                    corrected=(gap - 0.045, gap + 0.045),
                    verdict=verdict,
                )
            )
    text = "The gap is 0.185 (0.15 to 0.22): weight decay 0.04 closes it and raises test accuracy from 0.815 to 0.875."
    return make_report("overfit", text, runs, comparisons)


def make_clip():
    rng = np.random.default_rng(0)
    updates = np.arange(1, 401)
    runs = []
    for name, mode, threshold in (
        ("base", "none", None),
        ("clip.mode=norm,clip.threshold=1.0", "norm", 1.0),
        ("clip.mode=value,clip.threshold=0.1", "value", 0.1),
    ):
        for seed in range(2):
            raw = np.exp(rng.normal(0, 0.4, 400)) * np.where(rng.random(400) < 0.03, 50, 1)
            used = np.minimum(raw, threshold * 3 if mode == "value" else threshold) if threshold else raw
            if mode == "none":
                raw[300:] = np.inf
            series = {
                name: Series(per="update", at=updates, values=values) for name, values in (("total-norm", raw), ("used-norm", used))
            }
            runs.append(make_run(name, seed=seed, config={"clip": {"mode": mode, "threshold": threshold}}, series=series))
    return make_report(
        "clip",
        "Yes: clip by norm at 1.0. 3 % of the updates are 50 times larger than the rest, and one of them ends the training.",
        runs,
    )


def make_check():
    epochs = np.arange(1, 31)
    runs = []
    for name, end, test in (("base", 0.01, 0.97), ("optimizer.lr=3.0", 2.3, 0.1)):
        for seed in range(3):
            loss = end + (2.3 - end) * np.exp(-epochs / (4 + seed))
            metrics = {"train_accuracy": min(test + 0.02, 1.0), "test_accuracy": test - 0.005 * seed, "train_loss": float(loss[-1])}
            series = {"loss": Series(per="epoch", at=epochs, values=loss)}
            runs.append(make_run(name, seed=seed, metrics=metrics, series=series))
    return make_report(
        "check", "Healthy: 36 rules found nothing wrong. Right: 99.0 % on the train part, 96.5 % on the test part.", runs
    )


def make_underfit():
    reached = {"base": (0.4, 0.38), "data.standardize=true": (1.0, 0.97), "optimizer.lr=5.0": (0.35, 0.33)}
    runs = [make_run(name, metrics={"train_accuracy": train, "test_accuracy": test}) for name, (train, test) in reached.items()]
    return make_report("underfit", "It does not learn: the features are not scaled.", runs)


WAY = {"path-across": (1.5, 0.7, 0.2), "path-down": (-0.5, -0.2, 0.0)}


def make_landscape(values=((4.0, 1.0, 4.0), (3.0, 0.0, 3.0), (5.0, 2.0, 5.0)), way=True):
    places = {name: Series(per="update", at=np.arange(1, 4), values=np.array(each)) for name, each in WAY.items()}
    report = make_report("landscape", "It stopped at a saddle.", [make_run(series=places if way else {})])
    surface = Table(
        name="surface",
        title="the surface",
        columns=(Column(name="down", kind="number"), Column(name="loss", kind="strip"), Column(name="where")),
        rows=tuple((place, list(row), "") for place, row in zip((1.0, 0.0, -1.0), values, strict=True)),
    )
    spectrum = Table(
        name="spectrum",
        title="curvatures",
        columns=tuple(Column(name=name) for name in ("curvature", "directions", "share", "log scale")),
        rows=(("2", 1, 0.25, 0.25), ("-2", 3, 0.75, 0.75)),
    )
    plane = {"across": "model.0.weight", "down": "model.2.weight", "from": -2.0, "to": 2.0}
    return replace(report, tables=(surface, spectrum), answer=Answer(text="It stopped at a saddle.", values={"plane": plane}))


def make_compare():
    """Two rates and three batch sizes, three seeds."""
    rng = np.random.default_rng(0)
    runs, rows, comparisons = [], [], []
    epochs = np.arange(1, 11)
    cells = [(rate, size) for rate in (0.05, 0.5) for size in ("16", "64", "full")]
    for place, (rate, size) in enumerate(cells):
        name = f"optimizer.lr={rate},train.batch_size={size}" if place else "base"
        rows.append((str(rate), size, 0.95 - 0.1 * place, "level", name))
        for seed in range(3):
            loss = 0.01 * (place + 1) + 2.3 * np.exp(-epochs / (1 + place))
            series = {"loss": Series(per="epoch", at=epochs, values=loss)}
            metrics = {"test_accuracy": 0.95 - 0.1 * place + rng.normal(0, 0.01), "train_loss": float(loss[-1]), "updates": 100}
            runs.append(make_run(name, seed=seed, metrics=metrics, series=series))
        if place:
            middle = -0.1 * place
            verdict = "harms" if place > 1 else "no-difference"
            ends = (middle - 0.15, middle + 0.15)
            comparisons.append(
                Comparison(run=name, metric="test_accuracy", difference=middle, interval=ends, corrected=ends, verdict=verdict)
            )
    columns = (Column(name="lr"), Column(name="batch size"), Column(name="test accuracy", kind="percent"))
    table = Table(
        name="cells",
        title="side by side",
        columns=(*columns, Column(name="verdict", kind="verdict"), Column(name="run")),
        rows=tuple(rows),
    )
    values = [[row[2] for row in rows[:3]], [row[2] for row in rows[3:]]]
    grid = Table(
        name="grid",
        title="test accuracy: lr down, batch size across",
        columns=(Column(name="lr"), *(Column(name=size, kind="percent") for size in ("16", "64", "full"))),
        rows=tuple((str(rate), *line) for rate, line in zip((0.05, 0.5), values, strict=True)),
    )
    report = make_report("compare", "Of lr / batch size: 0.05 / 16 is best.", runs, comparisons)
    return replace(report, tables=(table, grid))


def make_watch():
    """Two models, one of which leaves the finite numbers."""
    updates = np.arange(1, 41)
    runs = []
    for name, ends in (("Generator", 41), ("Critic", 31)):
        loss = np.where(updates < ends, 2.0 / updates, np.nan)
        norms = np.column_stack([3.0 / updates, 4.0 / updates])
        series = {
            "loss": Series(per="update", at=updates, values=loss),
            "gradient-norm": Series(per="update", at=updates, values=norms),
        }
        runs.append(make_run(name, series=series, layers=make_layers([3.0, 4.0])))
    return make_report("watch", "The likeliest cause of what is wrong: NaN or infinity appeared (G006).", runs)


METRICS = (
    ("base", "train loss", 0.5, 0.5, 0.0, 0.01, "same"),
    ("base", "test loss", 0.6, 0.9, 0.3, 0.012, "worse"),
    ("base", "test accuracy", 0.9, 0.8, -0.1, 0.018, "worse"),
    ("model.norm=batch", "test accuracy", 0.9, 0.95, 0.05, 0.018, "better"),
)


def make_diff(rows=METRICS):
    names = ("run", "metric", "old", "new", "change", "limit", "verdict")
    table = Table(name="metrics", title="metrics", columns=tuple(Column(name=name) for name in names), rows=tuple(rows))
    return replace(make_report("diff", "Worse: test loss 0.6 -> 0.9 (+0.3, limit 0.012).", []), tables=(table,))


def make_distributed(arms=(("base", (1e-16, 0.0, 2e-16)), ("distributed.reduction=sum", (3.0, 3.0, 3.0))), beside=()):
    """Errors at updates 1, 2 and 25 of the runs that a table shows, and runs beside them."""
    at = np.array([1, 2, 25])
    runs = [
        make_run(name, series={"gradient-error-float64": Series(per="update", at=at, values=np.array(each))}) for name, each in arms
    ]
    table = Table(name="arms", title="", columns=(Column(name="run"),), rows=tuple((name,) for name, _ in arms))
    report = make_report("distributed", "4 ranks do not compute what one does.", [*runs, *map(make_run, beside)])
    return replace(report, tables=(table,))


ALL = {
    "distributed": make_distributed,
    "compare": make_compare,
    "check": make_check,
    "gradients": make_gradients,
    "lr-sweep": make_lr_sweep,
    "overfit": make_overfit,
    "clip": make_clip,
    "underfit": make_underfit,
    "watch": make_watch,
    "diff": make_diff,
    "landscape": make_landscape,
}
