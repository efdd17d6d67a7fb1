"""The search for what mends a config, carried out on traces made by hand: each run's verdict follows from its config."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tests.studies.plans import make_finding, make_run
from trainlab.config import Config, validate
from trainlab.plan import PlannedRun
from trainlab.report import Finding, Trace
from trainlab.studies._exploring import Measured
from trainlab.studies._mending import Outcome, follow, search

CONFIG = validate(
    {"data": {"name": "digits"}, "loss": "cross_entropy", "optimizer": {"lr": 3.0}, "train": {"epochs": 10, "batch_size": 32}}
)
SAMPLES = 200


def measure(run: PlannedRun, right: float) -> Trace:
    """A run that gets this share of the validation part right."""
    correct = (np.arange(SAMPLES) < right * SAMPLES).astype(float)
    return make_run(
        run.name,
        seed=run.config.seed,
        config=run.config,
        task="multiclass",
        updates=10,
        planned=10,
        metrics={"validation_loss": 1.1 - right, "validation_accuracy": float(correct.mean())},
        arrays={"validation-correct": correct},
    )


def look(
    share: Callable[[Config], float],
    faults: Callable[[Config], Sequence[Finding]],
    config: Config = CONFIG,
    budget: float | None = 40,
) -> tuple[Outcome, list[PlannedRun]]:
    """Carry out the search as the study does, and return what it made as well."""
    base = PlannedRun(name="base", patch={}, config=config)
    made, traces = [base], [measure(base, share(config))]
    findings = list(faults(config))
    while True:
        found = follow(search(config, faults(config), (0,), budget), Measured(traces=traces, findings=findings))
        if isinstance(found, Outcome):
            return found, made
        made += found
        traces += [measure(run, share(run.config)) for run in found]
        findings += [
            make_finding(each.code, name, severity=each.severity, because=each.because)
            for name, config in {run.name: run.config for run in found}.items()
            for each in faults(config)
        ]


def too_high(config: Config) -> list[Finding]:
    return [make_finding("L001")] if config.optimizer.lr > 0.5 else []
