"""Tables of numbers in text files."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import torch
from torch import Tensor

from trainlab.config.data import CSV
from trainlab.data._files import read_text
from trainlab.data._samples import Samples, choose_samples
from trainlab.errors import Problem, UserError, find_nearest

DELIMITERS = ",;\t|"
SHOWN = 10
FEW = 20

Row = tuple[int, list[str]]
"""Line number and cells."""


def draw(spec: CSV) -> Samples:
    """One sample a line: the target column, and all others as features.

    Raises:
        UserError: the file cannot be read; there is no such column; or with every cell that is not a number, by line and column.
    """
    rows = _read(spec)
    first = rows[0][1]
    has_header = not any(_is_number(cell) for cell in first) if spec.header is None else spec.header
    names = [cell.strip() for cell in first] if has_header else [str(index) for index in range(len(first))]
    rows = rows[1:] if has_header else rows
    if not rows:
        raise UserError("has no line of data", key="data.path", value=spec.path)
    column = _find_column(spec.target, names)
    problems = _find_problems(rows, names, column, spec)
    if problems:
        more = [Problem(message=f"{len(problems) - SHOWN} more of these", source=spec.path)] if len(problems) > SHOWN else []
        raise UserError([*problems[:SHOWN], *more])
    features = [[float(cell) for index, cell in enumerate(cells) if index != column] for _, cells in rows]
    target, classes = _read_target([cells[column].strip() for _, cells in rows], spec)
    inputs = torch.tensor(features, dtype=torch.float64).float()
    return choose_samples(Samples(inputs=inputs, target=target, classes=classes), spec.samples, spec.seed)


def _read(spec: CSV) -> list[Row]:
    text = read_text(spec.path)
    line = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = spec.delimiter or max(DELIMITERS, key=line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise UserError(f"is no table: {error}", source=f"{spec.path}:{reader.line_num}", key="data.path") from None
    if not rows:
        raise UserError("is empty", key="data.path", value=spec.path)
    if len(rows[0][1]) < 2:
        raise UserError(
            "has one column only; set `data.delimiter` if it has more", source=f"{spec.path}:{rows[0][0]}", key="data.path"
        )
    return rows


def _find_column(target: str | int, names: Sequence[str]) -> int:
    if isinstance(target, str):
        if target not in names:
            shown = tuple(names[:SHOWN])
            raise UserError(
                "there is no such column", key="data.target", value=target, choices=shown, nearest=find_nearest(target, names)
            )
        return names.index(target)
    if not -len(names) <= target < len(names):
        raise UserError(f"there are {len(names)} columns, counted from 0", key="data.target", value=str(target))
    return target % len(names)


def _find_problems(rows: Sequence[Row], names: Sequence[str], target: int, spec: CSV) -> list[Problem]:
    problems = []
    for line, cells in rows:
        source = f"{spec.path}:{line}"
        if len(cells) != len(names):
            problems.append(
                Problem(message=f"must have {len(names)} cells, as the first line has", source=source, value=str(len(cells)))
            )
            continue
        for index, cell in enumerate(cells):
            key = f"column {names[index]}"
            if not cell.strip():
                problems.append(Problem(message="is empty", key=key, source=source))
            elif not _is_number(cell) and (index != target or spec.task == "numbers"):
                problems.append(Problem(message="must be a number", key=key, value=cell.strip()[:40], source=source))
    return problems


def _read_target(cells: Sequence[str], spec: CSV) -> tuple[Tensor, int]:
    """The target, and how many classes it has."""
    numbers = [float(cell) for cell in cells] if all(map(_is_number, cells)) else None
    values = set(cells if numbers is None else numbers)
    is_classes = numbers is None or (all(value.is_integer() for value in numbers) and len(values) <= FEW)
    if spec.task == "numbers" or (spec.task is None and not is_classes):
        return torch.tensor(numbers, dtype=torch.float64).float()[:, None], 0
    known = {value: number for number, value in enumerate(sorted(values))}  # type: ignore[type-var]  # all text or all numbers
    return torch.tensor([known[value] for value in (cells if numbers is None else numbers)]), len(known)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
