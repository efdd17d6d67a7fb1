"""The studies as functions: the same engine, rules and reports as on the command line, for objects of the calling program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trainlab import report as reports
from trainlab.causes import FAIL_ON
from trainlab.errors import Problem, UserError, check_choice

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from trainlab.config import Config
    from trainlab.plan import Arm
    from trainlab.report import Report

__all__ = ["check", "run"]

BUDGET = 30.0  # trainings that the search for remedies may cost, as on the command line
ARGUMENTS = {
    "model.target": "model",
    "model.args": "model",
    "data.target": "data",
    "data.args": "data",
    "loss.target": "loss",
    "loss.args": "loss",
    "optimizer.target": "optimizer",
    "optimizer.args": "optimizer",
    "data.test_fraction": "test_fraction",
    "train.epochs": "epochs",
    "train.batch_size": "batch_size",
}
"""What the caller knows a key by."""


def check(
    model: nn.Module | Callable[[], nn.Module],
    data: Any,
    loss: str | Callable[..., Any],
    optimizer: str | Mapping[str, Any] | Optimizer | Callable[..., Optimizer],
    *,
    epochs: int = 30,
    batch_size: int | None = None,
    test_fraction: float | None = None,
    seed: int = 0,
    seeds: int = 1,
    remedies: bool = False,
    patch: Mapping[str, Any] | None = None,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    fail_on: str = "error",
    device: str = "auto",
    threads: int = 1,
) -> Report:
    """Train a copy of the model and say what is wrong with the way it trains: `trainlab check`, from Python.

    All of it is trained in this process: to others, what is given here has no name that they could find it by. None of the objects
    is changed, nor are the random states of torch, numpy and Python, or torch's number of threads.

    Args:
        model: a module, which starts from its own weights whatever the seed; or a class of modules or a function, called without
            arguments for each run, which draws its weights by the seed.
        data: tensors, arrays, a Dataset or a DataLoader; `(train, test)` of these, or a mapping of `train`, `validation` and
            `test`; or a function that returns them. Each sample is read once. See `trainlab explain your-own-network`.
        loss: a name (sum, mse, l1, huber, bce, bce_logits, cross_entropy), or a function of output and target.
        optimizer: a name; a mapping, as `{"name": "adam", "lr": 1e-3}`; a class of `torch.optim`; a function of the parameters; or
            the optimizer of the model, whose class, settings and groups are taken.
        epochs: passes over the training data.
        batch_size: samples an update; None for what a DataLoader says, else for 32.
        test_fraction: share of the samples kept for testing; None for a fifth, or for none where the data come with a test part, or
            are a DataLoader with a sampler of its own.
        seed: of the first run.
        seeds: runs, each with the next seed.
        remedies: try what might mend it, which takes up to 30 times as long.
        patch: any other settings of a config by dotted key, as `{"clip": {"mode": "norm", "threshold": 1.0}}`.
        select: prefixes of rule codes that are reported; all if empty.
        ignore: prefixes of rule codes that are not.
        fail_on: least severity of a finding for which the report is not `ok`: never, warning or error.
        device: auto, cpu, cuda, cuda:1 or mps.
        threads: of torch, within one operation.

    Returns:
        The report: `ok`, `findings`, `skipped`; as text what the command prints.

    Raises:
        UserError: with everything that is wrong with what was given.
    """
    return run(
        "check",
        model=model,
        data=data,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        test_fraction=test_fraction,
        seed=seed,
        seeds=seeds,
        options={"try": True} if remedies else {},
        budget=BUDGET if remedies else None,
        patch=patch,
        select=select,
        ignore=ignore,
        fail_on=fail_on,
        device=device,
        threads=threads,
    )


def run(
    study: str,
    *,
    model: nn.Module | Callable[[], nn.Module],
    data: Any,
    loss: str | Callable[..., Any],
    optimizer: str | Mapping[str, Any] | Optimizer | Callable[..., Optimizer],
    epochs: int = 30,
    batch_size: int | None = None,
    test_fraction: float | None = None,
    seed: int = 0,
    seeds: int | None = None,
    vs: Iterable[Mapping[str, Any]] = (),
    options: Mapping[str, Any] | None = None,
    budget: float | None = None,
    patch: Mapping[str, Any] | None = None,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    fail_on: str = "error",
    device: str = "auto",
    threads: int = 1,
) -> Report:
    """Carry out any study: `run("gradients", model=...)`, `run("lr-sweep", ...)`.

    Args:
        study: the name of its command.
        model: as for `check`, and so are those that follow, but for these four:
        data: see there.
        loss: see there.
        optimizer: see there.
        epochs: see there.
        batch_size: see there.
        test_fraction: see there.
        seed: see there.
        seeds: runs, each with the next seed; None for as many as the study takes by itself.
        vs: changes by dotted key, each one more run beside the base, as in `[{"optimizer.lr": 0.1}]`.
        options: the command's own options, with underscores and as plain values: `{"range_test": True}`.
        budget: trainings of the base that it may cost.
        patch: see there.
        select: see there.
        ignore: see there.
        fail_on: see there.
        device: see there.
        threads: see there.

    Raises:
        UserError: with everything that is wrong with what was given.
    """
    from trainlab import engine, targets
    from trainlab.api._given import describe, name_loss
    from trainlab.api._untouched import leave_alone
    from trainlab.plan import Options
    from trainlab.study import Settings
    from trainlab.study import run as carry_out

    _check(fail_on=fail_on, seeds=seeds, threads=threads)
    try:
        with leave_alone():
            values, lent = describe(
                model, data, loss, optimizer, epochs=epochs, batch_size=batch_size, test_fraction=test_fraction, seed=seed
            )
            with targets.lend(lent):
                try:
                    arms = _make_arms(name_loss(_patch(values, patch), loss, device), vs)
                    report = carry_out(
                        study,
                        arms[0].config,
                        Options(
                            arms=arms,
                            seeds=tuple(range(seed, seed + (seeds or 1))),
                            seeds_given=seeds is not None,
                            chosen=dict(options or {}),
                            budget=budget,
                        ),
                        Settings(
                            device=device,
                            threads=threads,
                            select=_list_codes(select),
                            ignore=_list_codes(ignore),
                            fail_on=fail_on,
                            trainings=budget,
                        ),
                    )
                finally:
                    engine.forget()  # the data and networks of the caller live no longer than it wants them to
    except UserError as error:
        raise _address(error) from error.__cause__
    reports.recent.append(report)
    return report


def _check(*, fail_on: str, seeds: int | None, threads: int) -> None:
    problems = [
        Problem(message="must be a whole number of at least 1", key=key, value=repr(value))
        for key, value in (("seeds", seeds), ("threads", threads))
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1)
    ]
    problems += check_choice("fail_on", fail_on, FAIL_ON)
    if problems:
        raise UserError(problems)


def _patch(values: Mapping[str, Any], patch: Mapping[str, Any] | None) -> Config:
    from trainlab.config import apply_patch, validate

    config = validate(values)
    return config if not patch else apply_patch(config, patch, "patch").config


def _make_arms(config: Config, vs: Iterable[Mapping[str, Any]]) -> tuple[Arm, ...]:
    from trainlab.config import apply_patch, name_patch
    from trainlab.plan import Arm

    changed = [Arm(name=name_patch(each), patch=dict(each), config=apply_patch(config, each, "vs").config) for each in vs]
    return Arm(name="base", patch={}, config=config), *changed


def _list_codes(codes: str | Iterable[str]) -> tuple[str, ...]:
    return (codes,) if isinstance(codes, str) else tuple(codes)


def _address(error: UserError) -> UserError:
    """The same problems, each with the argument that it is about."""
    from trainlab.api._given import PLACE

    return UserError(
        [
            replace(
                each,
                key=ARGUMENTS.get(each.key, each.key),
                value=None if each.value is not None and each.value.startswith(PLACE) else each.value,
            )
            for each in error.problems
        ]
    )
