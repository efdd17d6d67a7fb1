"""What a config comes to: samples, batches, updates, parameters, memory and time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from trainlab import engine
from trainlab.config import Config
from trainlab.errors import UserError
from trainlab.plan import PlannedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number, and how it comes about."""

    name: str
    value: float
    because: str = ""


def count(config: Config, device: str, ranks: int = 1) -> list[Figure]:
    """The figures of one training, those of time and memory measured on a few updates.

    Args:
        config: the training.
        device: where, as `--device` takes it.
        ranks: processes that share the samples, each with batches of `train.batch_size`.

    Raises:
        UserError: it cannot run, or there are fewer samples than ranks.
    """
    torch.set_num_threads(1)  # as every command trains unless it is told otherwise
    work = engine.prepare(config, engine.choose_device(device))
    if ranks > work.per_epoch:
        raise UserError(f"must leave every rank a sample: there are {work.per_epoch}", key="--ranks", value=str(ranks))
    samples, size, accumulate, epochs = work.per_epoch, work.batch_size, config.train.accumulate, config.train.epochs
    batches = math.ceil(samples / size)
    trained = sum(math.prod(shape) for shape in work.layout.shapes)
    fixed = sum(each.numel() for each in work.model.parameters()) - trained
    seconds, peak = engine.measure_cost([PlannedRun(name="base", patch={}, config=config)], [work])
    last = samples - (batches - 1) * size
    figures = [
        Figure(name="train_samples", value=work.samples, because="" if work.samples == samples else f"{samples} an epoch"),
        *(
            Figure(name=f"{name}_samples", value=len(part.inputs))
            for name, part in (("validation", work.validation), ("test", work.test))
            if part is not None
        ),
        Figure(name="batch_size", value=size, because=_say_last(batches, size, last)),
        Figure(name="batches_per_epoch", value=batches, because=f"{samples} / {size}{_say_rounding(samples, size)}"),
        Figure(name="updates_per_epoch", value=work.updates_per_epoch, because=_say_updates(accumulate)),
        Figure(name="epochs", value=epochs, because=_say_stopping(config)),
        Figure(name="updates", value=work.updates, because=f"{epochs} x {work.updates_per_epoch}"),
    ]
    if ranks > 1:
        largest = math.ceil(samples / ranks)
        rounds = math.ceil(largest / size)
        figures += [
            Figure(name="ranks", value=ranks),
            Figure(name="samples_per_rank", value=largest, because=f"{samples} / {ranks}{_say_rounding(samples, ranks)}"),
            Figure(name="effective_batch_size", value=ranks * size * accumulate, because="samples behind an update of all ranks"),
            Figure(name="rounds_per_epoch", value=math.ceil(rounds / accumulate), because="updates, all ranks at once"),
        ]
    return [
        *figures,
        Figure(name="parameters", value=trained, because="" if not fixed else f"and {fixed} that are frozen"),
        Figure(name="mebibytes", value=peak / 2**20, because="at the peak, beside torch and the data"),
        Figure(name="seconds_per_update", value=seconds / max(work.updates, 1), because="the median of a few"),
        Figure(name="seconds", value=seconds, because="of training, without looking"),
    ]


def format_figures(figures: list[Figure]) -> str:
    """YAML that a person can read: how a number comes about stands behind it."""
    width = max(len(each.name) for each in figures) + 2
    lines = []
    for each in figures:
        value = f"{each.value}" if isinstance(each.value, int) else f"{float(f'{each.value:.2g}'):g}"
        lines.append(f"{each.name + ':':<{width}}{value:<10}{'# ' if each.because else ''}{each.because}".rstrip())
    return "\n".join(lines) + "\n"


def _say_last(batches: int, size: int, last: int) -> str:
    if batches == 1:
        return "every sample"
    return "" if last == size else f"the last of an epoch has {last}"


def _say_rounding(number: int, divisor: int) -> str:
    return ", rounded up" if number % divisor else ""


def _say_updates(accumulate: int) -> str:
    return "iterations: one a batch" if accumulate == 1 else f"iterations: one for every {accumulate} batches"


def _say_stopping(config: Config) -> str:
    return "at most: early stopping" if config.train.early_stopping.patience is not None else ""
