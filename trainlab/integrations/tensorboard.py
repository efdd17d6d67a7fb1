"""A report's runs as event files for TensorBoard, written by torch's own writer."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from trainlab.errors import Problem, UserError
from trainlab.report import Finding, Report, Run

OTHER = re.compile(r"[^\w.=,+-]+")


def check(folder: Path) -> None:
    """Refuse what `save` could not do, without importing anything large: to be called before the training, not after.

    Raises:
        UserError: `folder` is a file, or cannot be made or written into, or TensorBoard is not installed.
    """
    problems = []
    nearest = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not nearest.is_dir():
        problems.append(Problem(message="is a file, not a folder", key="--tensorboard", value=repr(str(nearest))))
    elif not os.access(nearest, os.W_OK | os.X_OK):
        problems.append(Problem(message="cannot be written into", key="--tensorboard", value=repr(str(nearest))))
    if importlib.util.find_spec("tensorboard") is None:
        problems.append(Problem(message="needs TensorBoard: pip install 'trainlab[tensorboard]'", key="--tensorboard"))
    if problems:
        raise UserError(problems)


def save(report: Report, folder: Path) -> None:
    """Write every run into a folder of its own, `<run>/seed-<seed>`, beside what stands there.

    A series is a scalar of its name, one of every parameter is `<series>/<parameter>`; the step is the update or the epoch that it
    counts. The findings on a run stand under its texts.

    Raises:
        UserError: as `check`, or a file cannot be written.
    """
    check(folder)
    try:
        for run in report.runs:
            place = folder / OTHER.sub("_", run.name) / f"seed-{run.seed}"
            _write(run, [each for each in report.findings if each.run == run.name], place)
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", key="--tensorboard", value=repr(str(folder))) from error


def _write(run: Run, findings: list[Finding], place: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(place)) as writer:
        for name, series in run.series.items():
            for at, value in zip(series.at, series.values, strict=True):
                if value.ndim == 0:
                    writer.add_scalar(name, float(value), int(at))
                    continue
                for layer, one in zip(run.layers, value, strict=True):
                    writer.add_scalar(f"{name}/{layer['name']}", float(one), int(at))
        for each in findings:
            writer.add_text(each.code, f"**{each.severity} {each.name}** {each.where}: {each.message}")
