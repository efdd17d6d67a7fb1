"""How others do on the same networks: `make bench-rivals`, in an environment of its own.

- Alarms: a plain torch loop over the zoo's healthy networks, and over one network for each of its faults, observed by
  trainlab.watch and by torchmortem: in how many runs is there a warning or worse?
- Rates: what torch-lr-finder suggests, by the yardstick and over the seeds of tests/benchmarks/lr_sweep.py, next to what lr-sweep
  recommends.

One of the words `alarms` and `rates` as the only argument measures that alone.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib as mpl
import torch
from lr_sweep import CONFIGS, judge, recommend
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import trainlab
from tests.engine.plain import clip, make_optimizer
from tests.zoo import files
from tests.zoo.cases import Case, list_cases, make_config
from trainlab import engine
from trainlab.config import Config, validate
from trainlab.device import make_generator
from trainlab.engine._work import Work
from trainlab.losses import find_loss

CPU = torch.device("cpu")


def is_plain(config: Config) -> bool:
    """Whether a few lines of torch do all of it."""
    train = config.train
    whole = train.accumulate == 1 and train.precision == "float32" and train.early_stopping.patience is None
    return whole and config.schedule.name == "constant" and config.regularize == validate({}).regularize and train.shuffle


def choose_cases() -> tuple[list[Case], list[Case]]:
    """The healthy, and for each fault the first network that has it."""
    cases = [case for case in list_cases() if case.kind in ("healthy", "fault") and is_plain(make_config(case, 0))]
    faults = {case.what: case for case in reversed(cases) if case.kind == "fault"}
    return [case for case in cases if case.kind == "healthy"], list(faults.values())


def train(work: Work, notice: Callable[[nn.Module, torch.optim.Optimizer], Any]) -> Any:
    """As anyone would write it, `notice` being the context manager that observes; what it gave."""
    model = work.model.train()
    optimizer = make_optimizer(work.config, {name: each for name, each in model.named_parameters() if each.requires_grad})
    loss, order = find_loss(work.loss), make_generator(work.config.seed, "shuffle")
    inputs, target = work.train.inputs, work.train.target
    size = min(work.batch_size, len(inputs))
    with notice(model, optimizer) as step:
        for _ in range(work.config.train.epochs):
            chosen = torch.randperm(len(inputs), generator=order) if size < len(inputs) else torch.arange(len(inputs))
            for batch in chosen.split(size):
                optimizer.zero_grad()
                value = loss(model(inputs[batch]), None if target is None else target[batch])
                value.backward()
                clip(work.config, model)
                optimizer.step()
                if not step(value):
                    return
    return


def observe_by_trainlab(found: list[str]) -> Callable[..., Any]:
    @contextlib.contextmanager
    def notice(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[Callable[[Tensor], bool]]:
        with trainlab.watch(model, optimizer) as watched:
            yield lambda value: bool(value.isfinite())
        found.extend(each.severity for each in watched.report.findings)

    return notice


def observe_by_torchmortem(found: list[str]) -> Callable[..., Any]:
    from torchmortem import Autopsy

    @contextlib.contextmanager
    def notice(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[Callable[[Tensor], bool]]:
        with Autopsy(model, optimizer=optimizer) as autopsy:

            def step(value: Tensor) -> bool:
                autopsy.step(loss=value.item())
                return bool(value.isfinite())

            yield step
        found.extend(each.severity.name.lower().replace("critical", "error") for each in autopsy.get_report().findings)

    return notice


def count_alarms() -> None:
    """A table of both."""
    files.write_all()
    logging.disable(logging.CRITICAL)
    tools = {
        f"trainlab.watch {trainlab.__version__}": observe_by_trainlab,
        f"torchmortem {importlib.metadata.version('torchmortem')}": observe_by_torchmortem,
    }
    print(f"{'plain torch loops, one seed':<32}" + "".join(f"{name:>24}" for name in tools))
    for title, cases in zip(("healthy", "with one fault"), choose_cases(), strict=True):
        counts = []
        for make in tools.values():
            alarmed = 0
            for case in cases:
                found: list[str] = []
                train(engine.prepare(make_config(case, 0), CPU), make(found))
                alarmed += bool({"warning", "error"} & set(found))
            counts.append(f"{alarmed} of {len(cases)} ({100 * alarmed / len(cases):.0f} %)")
        print(f"{f'warned of, {title}':<32}" + "".join(f"{each:>24}" for each in counts), flush=True)


def suggest_elsewhere(config: Config) -> float | None:
    """What torch-lr-finder suggests from 1e-7 to 10 in 100 updates, the defaults of its documentation."""
    from torch_lr_finder import LRFinder

    work = engine.prepare(config, CPU)
    if work.train.target is None:
        return None
    settings = {name: each for name, each in work.model.named_parameters() if each.requires_grad}
    optimizer = make_optimizer(config, settings)
    for group in optimizer.param_groups:
        group["lr"] = 1e-7
    torch.manual_seed(config.seed)
    loader = DataLoader(TensorDataset(work.train.inputs, work.train.target), batch_size=work.batch_size, shuffle=True)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        finder = LRFinder(work.model.train(), optimizer, find_loss(work.loss), device="cpu")
        finder.range_test(loader, end_lr=10, num_iter=100)
        try:
            _, rate = finder.plot(suggest_lr=True)
        except (RuntimeError, ValueError):
            return None
    return float(rate)


def compare_rates() -> None:
    """A row a config, then the shares of all seeds."""
    mpl.use("Agg")
    version = importlib.metadata.version("torch-lr-finder")
    print(f"{'rate that is named, and how many of ten seeds it serves':<58}{'lr-sweep':>12}{f'torch-lr-finder {version}':>24}")
    sums = [[0.0, 0.0], [0.0, 0.0]]
    for name, values in CONFIGS.items():
        config = validate(values)
        cells = []
        for tool, find in enumerate((recommend, suggest_elsewhere)):
            rate = find(config)
            passed, dead, _ = judge(config, rate)
            sums[tool][0] += passed / len(CONFIGS)
            sums[tool][1] += dead / len(CONFIGS)
            cells.append(f"{rate:.1e} {10 * passed:.0f}" if rate else "none 0")
        print(f"{name:<58}{cells[0]:>12}{cells[1]:>24}", flush=True)
    for row, title in enumerate(("passes", "diverges or ends no better than it began")):
        print(f"{title:<58}{f'{100 * sums[0][row]:.0f} %':>12}{f'{100 * sums[1][row]:.0f} %':>24}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    os.environ.setdefault("MPLCONFIGDIR", tempfile.mkdtemp())
    if sys.argv[1:] != ["rates"]:
        count_alarms()
    if sys.argv[1:] != ["alarms"]:
        compare_rates()
