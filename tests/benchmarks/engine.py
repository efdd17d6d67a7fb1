"""How much faster the engine trains many runs than a loop of plain torch.optim runs. `python tests/benchmarks/engine.py`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from trainlab import engine
from trainlab.config import Config, validate
from trainlab.engine._work import Work
from trainlab.losses import LOSSES
from trainlab.plan import PlannedRun

CHAIN: dict[str, Any] = {
    "model": {
        "layers": 3,
        "width": 1,
        "activation": "relu",
        "output": "same",
        "init": {"name": "constant", "value": 1.0},
        "bias": False,
    },
    "data": {"name": "linear"},
    "loss": "mse",
    "optimizer": {"name": "sgd"},
    "train": {"epochs": 500},
}
SMALL: dict[str, Any] = {
    "model": {"layers": 3, "width": 20, "activation": "relu"},
    "data": {"name": "linear"},
    "loss": "mse",
    "train": {"epochs": 200},
}
OVERFIT: dict[str, Any] = {
    "model": {"layers": 2, "width": 100, "activation": "relu", "output": "sigmoid"},
    "data": {"name": "classification"},
    "loss": "bce",
    "optimizer": {"name": "adam"},
    "train": {"epochs": 50},
}
CASES: dict[str, tuple[dict[str, Any], float]] = {
    "chain of 3, batch 100, SGD": (CHAIN, 12.0),
    "1-20-20-1, batch 100, SGD": (SMALL | {"optimizer": {"name": "sgd"}}, 10.0),
    "1-20-20-1, batch 100, Adam": (SMALL | {"optimizer": {"name": "adam"}}, 15.0),
    "20-100-1, batch 800, Adam": (OVERFIT, 2.0),
}
"""Each case with the speed-up that it is meant to reach at 64 runs on one thread."""


def make_runs(values: dict[str, Any], count: int) -> list[PlannedRun]:
    """The case at `count` learning rates between 1e-6 and 0.1."""
    rates = torch.logspace(-6, -1, count).tolist()
    configs: list[Config] = [validate(values | {"optimizer": values["optimizer"] | {"lr": rate}}, {}) for rate in rates]
    return [PlannedRun(name=str(rate), patch={}, config=config) for rate, config in zip(rates, configs, strict=True)]


def train_plain(work: Work) -> list[float]:
    """What anyone would write: one run, full batch, a torch optimizer."""
    config = work.config
    model = nn.Sequential(*(module for module in work.model.modules() if not list(module.children())))
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[config.optimizer.name]
    optimizer = kind(model.parameters(), lr=config.optimizer.lr)
    loss_function = LOSSES[config.loss]
    losses = []
    for _ in range(work.updates):
        loss = loss_function(model(work.train.inputs), work.train.target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def time_it(job: Callable[[], object]) -> float:
    """Seconds that `job` takes."""
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def measure(values: dict[str, Any], count: int, rounds: int) -> tuple[float, float]:
    """Median seconds of a loop of plain runs and of the engine, in turn, so that both see the same machine."""
    cpu = torch.device("cpu")
    runs = make_runs(values, count)

    def plain() -> None:
        for run in runs:
            train_plain(engine.prepare(run.config, cpu))

    def together() -> None:
        engine.train(runs, [engine.prepare(run.config, cpu) for run in runs], ())

    train_plain(engine.prepare(runs[0].config, cpu))  # the first torch.optim step imports half a second of code
    pairs = [(time_it(plain), time_it(together)) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"{'64 runs, 1 thread':32}{'plain loop':>12}{'engine':>10}{'speed-up':>10}{'at least':>10}")
    for name, (values, goal) in CASES.items():
        plain, together = measure(values, 64, 3)
        verdict = "" if plain / together >= goal else "  short"
        print(f"{name:32}{plain:>10.2f} s{together:>8.3f} s{plain / together:>9.1f}x{goal:>9.1f}x{verdict}")


if __name__ == "__main__":
    main()
