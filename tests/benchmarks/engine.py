"""How much faster the engine trains many runs than a loop of plain torch.optim runs. `python tests/benchmarks/engine.py [WORD...]`.

With words, the cases only whose names have one of them. On one thread of the CPU; then on the GPU, where there is one, without
goals.
"""

from __future__ import annotations

import copy
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

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
ADAM: dict[str, Any] = {"name": "adam"}
DIGITS: dict[str, Any] = {"data": {"name": "digits"}, "loss": "cross_entropy", "optimizer": ADAM}
FILTERS: dict[str, Any] = DIGITS | {"model": {"kind": "cnn"}, "train": {"epochs": 1, "batch_size": 64}}
GATED: dict[str, Any] = {
    "model": {"kind": "gru", "width": 16},
    "data": {"name": "adding", "length": 50, "samples": 400},
    "loss": "mse",
    "optimizer": ADAM,
    "train": {"epochs": 1, "batch_size": 32},
}
GATED_32: dict[str, Any] = GATED | {"model": {"kind": "gru", "width": 32}}
ATTENDING: dict[str, Any] = DIGITS | {
    "model": {"kind": "transformer", "width": 16},
    "train": {"epochs": 1, "batch_size": 32, "updates": 10},
}
ATTENDING_32: dict[str, Any] = ATTENDING | {"model": {"kind": "transformer", "width": 32}}
LARGE: dict[str, Any] = DIGITS | {
    "model": {"kind": "resnet", "layers": 20},
    "train": {"epochs": 1, "batch_size": 64, "updates": 10},
}
WIDE: dict[str, Any] = DIGITS | {
    "model": {"layers": 5, "width": 512, "activation": "relu"},
    "train": {"epochs": 5, "batch_size": 256},
}
HEAVY: dict[str, Any] = {
    "CNN of 32 and 64": DIGITS
    | {"model": {"kind": "cnn", "width": [32, 64]}, "train": {"epochs": 5, "batch_size": 256, "updates": 20}},
    "GRU of 128": GATED | {"model": {"kind": "gru", "width": 128}},
    "transformer of 4 x 128": DIGITS
    | {"model": {"kind": "transformer", "width": 128, "layers": 4}, "train": {"epochs": 1, "batch_size": 32, "updates": 10}},
}
CASES: dict[str, tuple[dict[str, Any], int, float]] = {
    "chain of 3, batch 100, SGD": (CHAIN, 64, 15.0),
    "1-20-20-1, batch 100, SGD": (SMALL | {"optimizer": {"name": "sgd"}}, 64, 10.0),
    "1-20-20-1, batch 100, Adam": (SMALL | {"optimizer": ADAM}, 64, 15.0),
    "20-100-1, batch 800, Adam": (OVERFIT, 64, 2.0),
    "CNN, 8x8 digits, batch 64, Adam": (FILTERS, 64, 1.6),
    "GRU of 16, 50 steps, batch 32": (GATED, 64, 8.0),
    "GRU of 32, 50 steps, batch 32": (GATED_32, 64, 8.0),
    "transformer of 16, batch 32": (ATTENDING, 64, 3.0),
    "transformer of 32, batch 32": (ATTENDING_32, 64, 3.0),
    "ResNet-20, batch 64 (4 runs)": (LARGE, 4, 0.98),
    "4 x 512, batch 256 (4 runs)": (WIDE, 4, 0.98),
    "4 x 512, SGD (4 runs)": (WIDE | {"optimizer": {"name": "sgd"}}, 4, 0.98),
    "4 x 512, RMSProp (4 runs)": (WIDE | {"optimizer": {"name": "rmsprop"}}, 4, 0.98),
    **{f"{name} (4 runs)": (values, 4, 0.98) for name, values in HEAVY.items()},
}
"""Each case with its number of runs, and the speed-up that it is meant to reach on one thread."""


def make_runs(values: dict[str, Any], count: int) -> list[PlannedRun]:
    """The case at `count` learning rates between 1e-6 and 0.1."""
    rates = torch.logspace(-6, -1, count).tolist()
    configs: list[Config] = [validate(values | {"optimizer": values["optimizer"] | {"lr": rate}}, {}) for rate in rates]
    return [PlannedRun(name=str(rate), patch={}, config=config) for rate, config in zip(rates, configs, strict=True)]


class Gates(nn.Module):
    """torch's own GRU, and an output layer that reads its last state."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        width = work.model.recurrent.width  # type: ignore[union-attr]  # which every recurrent network has
        self.recurrent = nn.GRU(work.train.inputs.shape[2], width, batch_first=True)
        self.head = nn.Linear(width, work.outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, step, feature]` to `[sample, output]`."""
        return self.head(self.recurrent(inputs)[0][:, -1])  # type: ignore[no-any-return]


def build_plain(work: Work) -> nn.Module:
    """The network as anyone would have it, fresh, where its data are."""
    kind = work.config.model.kind
    if kind == "mlp":
        model: nn.Module = nn.Sequential(*(copy.deepcopy(each) for each in work.model.modules() if not list(each.children())))
    else:
        model = Gates(work) if kind == "gru" else copy.deepcopy(work.model).train()
    return model.to(work.train.inputs.device)


def train_plain(work: Work) -> list[float]:
    """What anyone would write: one run, a torch optimizer."""
    config = work.config
    model = build_plain(work)
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}[config.optimizer.name]
    optimizer = kind(model.parameters(), lr=config.optimizer.lr)
    loss_function = LOSSES[config.loss]
    inputs, target = work.train.inputs, work.train.target
    losses: list[float] = []
    while len(losses) < work.updates:
        order = torch.randperm(work.samples, device=inputs.device)
        batches = [None] if work.batch_size == work.samples else order.split(work.batch_size)
        for batch in batches[: work.updates - len(losses)]:
            loss = loss_function(model(inputs if batch is None else inputs[batch]), target if batch is None else target[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def time_it(job: Callable[[], object], device: torch.device) -> float:
    """Seconds that `job` takes: of the processor, on one thread those of the clock less what others take; of a GPU all."""
    if device.type == "cpu":
        began = time.process_time()
        job()
        return time.process_time() - began
    torch.cuda.synchronize(device)
    began = time.perf_counter()
    job()
    torch.cuda.synchronize(device)
    return time.perf_counter() - began


def measure(values: dict[str, Any], count: int, rounds: int, device: torch.device) -> tuple[float, float, float]:
    """Median seconds of a loop of plain runs and of the engine, in turn, so that both see the same machine, and of their ratio."""
    runs = make_runs(values, count)

    def plain() -> None:
        for run in runs:
            train_plain(engine.prepare(run.config, device))

    def together() -> None:
        engine.train(runs, [engine.prepare(run.config, device) for run in runs], ())

    train_plain(engine.prepare(runs[0].config, device))  # the first torch.optim step imports half a second of code
    if device.type != "cpu":
        together()  # the first call of each kernel loads it
    pairs = [(time_it(plain, device), time_it(together, device)) for _ in range(rounds)]
    median = statistics.median
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs), median(pair[0] / pair[1] for pair in pairs)


def main() -> None:
    """Print a table for the CPU, and one for the GPU if there is one."""
    torch.set_num_threads(1)
    chosen = sys.argv[1:] or list(CASES)
    tabulate(chosen, torch.device("cpu"))
    if torch.cuda.is_available():
        print()
        tabulate(chosen, torch.device("cuda"))


def tabulate(chosen: list[str], device: torch.device) -> None:
    """Print the cases; goals are those of one thread of the CPU."""
    has_goals = device.type == "cpu"
    title = "64 runs, 1 thread" if has_goals else torch.cuda.get_device_name(device)[:31]
    print(f"{title:32}{'plain loop':>12}{'engine':>10}{'speed-up':>10}{'at least' * has_goals:>10}".rstrip())
    for name, (values, count, goal) in CASES.items():
        if not any(word in name for word in chosen):
            continue
        digits = 1 if goal > 1 else 2
        plain, together, ratio = measure(values, count, 3 if goal > 1 else 7, device)
        aim = f"{goal:>9.{digits}f}x{'' if ratio >= goal else '  short'}" if has_goals else ""
        print(f"{name:32}{plain:>10.2f} s{together:>8.3f} s{ratio:>9.{digits}f}x{aim}")


if __name__ == "__main__":
    main()
