"""Made-up reports that every renderer and picture must survive."""

from __future__ import annotations

import numpy as np

from trainlab.report import Answer, Column, Comparison, Finding, Report, Run, Series, Skipped, Suggestion, Table

INF, NAN = float("inf"), float("nan")
LONG = "encoder.blocks.23.attention.projection.parametrizations.weight.original0"
ESCAPE = "red\x1b[31m"


def make_run(name: str, seed: int, base: float, factor: float) -> Run:
    norms = [base * factor ** (9 - depth) for depth in range(10)]
    epochs = np.arange(1, 301)
    loss = 9.5 * np.exp(-epochs / 60) + 0.01 * seed
    if factor > 1:
        loss[40:] = np.inf
        loss[41:] = np.nan
    updates = np.arange(1, 301)
    total = 1.5 + np.sin(updates / 3.0) ** 2
    return Run(
        name=name,
        patch={} if name == "base" else dict([name.split("=", 1)]),
        seed=seed,
        config={"seed": seed, "model": {"kind": "mlp", "layers": 10, "width": [1, 2]}, "optimizer": {"name": "sgd", "lr": 0.01}},
        metrics={
            "train_loss": float(loss[-1]),
            "test_accuracy": np.float32(0.5),
            "epochs_to_converge": None,
            "diverged_at": 41 if factor > 1 else None,
        },
        layers=tuple(
            {
                "name": f"model.{2 * depth}.weight",
                "module": "Linear",
                "shape": [1, 1],
                "grad_norm": norm,
                "grad_mean_abs": norm,
                "grad_max_abs": norm,
                "zero_fraction": 0.0,
                "update_ratio": None if depth else NAN,
            }
            for depth, norm in enumerate(norms)
        ),
        modules=({"name": "model.1", "kind": "Sigmoid", "mean": 0.5, "std": 0.1, "saturated": 0.0, "dead": None},),
        series={
            "loss": Series(per="epoch", at=epochs, values=loss),
            "total-norm": Series(per="update", at=updates, values=total),
            "gradient-norm": Series(per="update", at=updates[:3], values=np.array([[1.0, np.inf], [2.0, 3.0], [np.nan, 0.0]])),
        },
        how="stacked" if factor < 1 else "one by one: spectral_norm has no batching rule",
    )


def make_report() -> Report:
    """Several runs and seeds, every kind of column and cell, names that a terminal or a markup language would take for orders."""
    chain = tuple(
        (f"model.{2 * row}.weight", 0.1481 * 0.21 ** (28 - row), 0.1481 * 0.21 ** (28 - row), "vanishing" if row < 20 else "good")
        for row in range(29)
    )
    long = tuple(
        (f"blocks.{row}.weight" if row != 33 else LONG, 1.0 / (row + 1) if row != 50 else NAN, "dead" if row == 40 else "good")
        for row in range(100)
    )
    return Report(
        command="gradients",
        complete=True,
        environment={"torch": "2.13.0", "python": "3.11.7", "device": "cpu", "threads": 1, "seed": 0},
        answer=Answer(
            text="No: with sigmoid the gradient shrinks 4.9e18-fold from model.58.weight (0.1481) to model.0.weight (2.999e-20).",
            values={"ratio": 2.025e-19, "first": np.float64(2.999290e-20), "worst": INF},
        ),
        runs=(
            make_run("base", 0, 0.1481, 0.01),
            make_run("base", 1, 0.1481, 0.01),
            make_run("model.activation=relu", 0, 1.0, 1.0),
            make_run("optimizer.lr=3.0", 0, 1.0, 10.0),
        ),
        tables=(
            Table(
                name="layers",
                title="Gradient by layer",
                columns=(
                    Column(name="layer"),
                    Column(name="gradient norm", kind="number"),
                    Column(name="log scale", kind="log-bar", priority=1),
                    Column(name="verdict", kind="verdict", priority=0),
                ),
                rows=chain,
            ),
            Table(
                name="arms",
                title="Runs side by side [bold]literally[/bold]",
                columns=(
                    Column(name="run"),
                    Column(name="train loss", kind="number"),
                    Column(name="test accuracy", kind="percent"),
                    Column(name="loss", kind="curve", priority=1),
                    Column(name="gradient by layer", kind="strip", priority=2),
                    Column(name="settles at epoch", kind="number", priority=3),
                    Column(name="what it is for", priority=4),
                    Column(name="verdict", kind="verdict"),
                ),
                rows=(
                    (
                        "base",
                        1.005421,
                        0.882,
                        [9.5 * 0.8**step for step in range(100)],
                        [10.0**-step for step in range(29)],
                        22,
                        None,
                        "healthy",
                    ),
                    (
                        "[red]optimizer.lr=0.1[/red]",
                        2.171,
                        0.5,
                        [1.5, 2.1] * 50,
                        [1e-9, 0.0, NAN, INF, 1.0],
                        None,
                        "it swings from one side of the valley to the other",
                        "too high",
                    ),
                    (ESCAPE, INF, NAN, [1.0, 10.0, 1e30, INF, NAN], [], 3, "größer ✓ 学習", "diverged"),
                    ("model.activation=relu", np.float64(0.0), None, [], [0.0, 0.0], 200, "no curve", "unclear"),
                ),
            ),
            Table(name="units", title="Units", columns=(Column(name="layer"), Column(name="dead", kind="percent")), rows=()),
            Table(
                name="long",
                title="A deep network",
                columns=(
                    Column(name="layer"),
                    Column(name="weight norm", kind="number"),
                    Column(name="verdict", kind="verdict", priority=1),
                ),
                rows=long,
            ),
        ),
        comparisons=(
            Comparison(
                run="model.activation=relu",
                metric="test_accuracy",
                difference=0.0561,
                interval=(0.031, 0.081),
                corrected=(0.0249, 0.0873),
                verdict="helps",
            ),
            Comparison(
                run="optimizer.lr=3.0",
                metric="test_accuracy",
                difference=-0.3,
                interval=(-0.35, -0.25),
                corrected=(-INF, -0.24),
                verdict="harms",
            ),
            Comparison(
                run="model.norm=batch",
                metric="test_accuracy",
                difference=0.0,
                interval=(-0.01, 0.01),
                corrected=(-0.02, 0.02),
                verdict="no-difference",
            ),
        ),
        findings=(
            Finding(
                code="G004",
                name="saturated-activation",
                severity="warning",
                message="97.2 % of the outputs of model.1 are beyond 0.97 (limit 85 %)",
                where="model.1",
                seeds={"held": 2, "of": 3},
                because="G001",
            ),
            Finding(
                code="F001",
                name="overfitting",
                severity="warning",
                message="train accuracy is 0.18 above test accuracy (interval 0.12 to 0.24, limit 0.07)",
                seeds={"held": 3, "of": 3},
                known=True,
            ),
            Finding(
                code="G001",
                name="vanishing-gradient",
                severity="error",
                message="first/last gradient norm is 2.025e-19 (limit 1.0e-3), so the update of model.0.weight is lost in rounding",
                where="model.0.weight",
                evidence={"ratio": np.float64(2.025e-19), "norms": np.array([2.999e-20, NAN]), "limit": 1e-3},
                seeds={"held": 3, "of": 3},
                suggestions=(
                    Suggestion(
                        remedy="use-relu",
                        patch={"model.activation": "relu"},
                        reason="ReLU passes the gradient on unchanged where it is positive",
                        measured={
                            "verdict": "helps",
                            "seeds": 3,
                            "metric": "test_accuracy",
                            "control": 0.8205,
                            "with": 0.882,
                            "difference": 0.0615,
                            "interval": (0.0312, 0.0918),
                            "left": ["L002"],
                            "cost": 15.4,
                        },
                    ),
                    Suggestion(
                        remedy="use-he",
                        patch={"model.init": {"name": "he_normal"}, "model.bias": None},
                        reason="keeps the variance through ReLU layers",
                    ),
                ),
            ),
            *(
                Finding(
                    code="L003",
                    name="diverged",
                    severity="error",
                    message=f"the loss is inf from update {41 - step} on",
                    run=f"optimizer.lr={step + 1}.0",
                    where="loss" if step else "",
                    seeds={"held": 3, "of": 3},
                )
                for step in range(7)
            ),
            Finding(
                code="D001",
                name="unscaled-features",
                severity="info",
                message="the widths of the features differ 1200-fold → scale them",
                where=LONG,
                suggestions=(Suggestion(remedy="use-relu", patch={"model.activation": "relu"}, reason="again"),),
            ),
        ),
        skipped=(
            Skipped(code="F004", reason="no validation part"),
            Skipped(code="F003", reason="no validation part"),
            Skipped(code="F004", reason="no validation part", run="model.activation=relu"),
            Skipped(code="G003", reason="fewer than 2 updates were measured (it takes 2 to tell a dead unit from a sleeping one)"),
            Skipped(code="run", reason="batch norm needs more than one sample", run="model.norm=batch"),
        ),
        notes=("optimizer.lr=3.0 was trained one by one: spectral_norm has no batching rule, so it took ten times as long",),
        exit_code=1,
        seconds={"train": 1.25, "judge": 0.01},
    )


def make_empty() -> Report:
    """Nothing was measured."""
    return Report(command="check", complete=False, environment={}, answer=Answer(text="Nothing could be judged."), exit_code=4)
