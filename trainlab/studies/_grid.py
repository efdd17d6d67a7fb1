"""What a comparison sets side by side: the combinations of some values, or a list of changes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trainlab.config import Config, apply_patch, format_value, name_patch, refuse_seed, to_values
from trainlab.errors import Problem, UserError
from trainlab.plan import Arm, Options
from trainlab.studies._arms import make_arm

MOST = 64  # combinations
LENGTHS = ("train.batch_size", "train.accumulate")  # keys that say how many updates an epoch has


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One of what is compared.

    Attributes:
        label: in the report, in words.
        levels: the value of each factor, in order; empty in a list of changes.
        places: where those values stand among those of their factor; empty for a base that is none of the combinations.
    """

    arm: Arm
    label: str
    levels: tuple[Any, ...] = ()
    places: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The cells, the base first, and the factors: values by dotted key, none in a list of changes."""

    cells: tuple[Cell, ...]
    factors: Mapping[str, Sequence[Any]]

    @property
    def words(self) -> list[str]:
        """What each factor is called."""
        return list(shorten_keys(list(self.factors)).values())


def make_grid(config: Config, options: Options) -> Grid:
    """Every combination of what `--vary`, or the config's `vary`, lists; or else what `--vs`, or the config's `vs`, does.

    The base is one of the combinations, or stands beside them.

    Raises:
        UserError: there is nothing to compare, a key or a value is wrong, a value is there twice, or they are too many.
    """
    given = options.chosen.get("vary")
    is_listed = all(dict(arm.patch) in config.vs for arm in options.arms[1:])  # as opposed to asked for with --vs
    factors = given or (config.vary if is_listed else {})
    if factors:
        return _cross(options.arms[0], factors, "--vary") if given else _cross_own(options.arms[0], factors)
    if len(options.arms) < 2:
        message = "there is nothing to compare: list values, as in `--vary optimizer.name=sgd,adam`, or changes, each with --vs"
        raise UserError(message, key="--vary")
    return Grid(cells=tuple(Cell(arm=arm, label=arm.name) for arm in options.arms), factors={})


def _cross_own(base: Arm, factors: Mapping[str, Sequence[Any]]) -> Grid:
    """The combinations that a config lists; what is wrong with them is told by the place in the file."""
    try:
        return _cross(base, factors)
    except UserError as error:
        raise UserError([replace(each, key=f"vary.{each.key}" if each.key else "vary") for each in error.problems]) from None


def _cross(base: Arm, factors: Mapping[str, Sequence[Any]], source: str | None = None) -> Grid:
    problems = [
        Problem(
            message="must list two values or more", key=key, value=",".join(map(format_value, values)) or "nothing", source=source
        )
        for key, values in factors.items()
        if len(values) < 2
    ]
    problems += refuse_seed(factors, source)
    count = math.prod(map(len, factors.values()))
    if count > MOST:
        sizes = " x ".join(str(len(values)) for values in factors.values())
        problems.append(Problem(message=f"{sizes} = {count} combinations are too many: at most {MOST}", source=source))
    if problems:
        raise UserError(problems)
    words = list(shorten_keys(list(factors)).values())
    cells: list[Cell] = []
    for places in itertools.product(*(range(len(values)) for values in factors.values())):
        levels = tuple(values[place] for place, values in zip(places, factors.values(), strict=True))
        patch = dict(zip(factors, levels, strict=True))
        try:
            config = apply_patch(base.config, patch, source).config
        except UserError as error:
            problems += [each for each in error.problems if each not in problems]
            continue
        if same := next((cell for cell in cells if cell.arm.config == config), None):
            problems.append(
                Problem(
                    message=f"is the same run as {name_patch(dict(zip(factors, same.levels, strict=True)))}",
                    key=name_patch(patch),
                    source=source,
                )
            )
        arm = base if config == base.config else Arm(name=name_patch(patch), patch=patch, config=config)
        label = " / ".join(map(say_level, levels)) if len(levels) > 1 else f"{words[0]} {say_level(levels[0])}"
        cells.append(Cell(arm=arm, label=label, levels=levels, places=places))
    if problems:
        raise UserError(problems)
    own = [cell for cell in cells if cell.arm is base]
    if not own:
        own = [Cell(arm=base, label="base", levels=tuple(_read(base.config, key) for key in factors))]
    return Grid(cells=(*own, *(cell for cell in cells if cell.arm is not base)), factors=factors)


def _read(config: Config, key: str) -> Any:
    """What stands in the config; None where it has no such key."""
    value: Any = to_values(config)
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value.get("name") if isinstance(value, Mapping) and "name" in value else value


def shorten_keys(keys: Sequence[str]) -> dict[str, str]:
    """`train.batch_size` to `batch size`, `model.init.name` to `init`; a key as it is where its last word would not tell."""
    short = {key: key.removesuffix(".name").rpartition(".")[2].replace("_", " ") for key in keys}
    return {key: word if list(short.values()).count(word) == 1 else key for key, word in short.items()}


def say_level(value: Any) -> str:
    """A value in a few words: `relu`, `0.1`, and `{name: normal, std: 1.0}` as `normal std 1.0`."""
    if not isinstance(value, Mapping):
        return format_value(value)
    rest = [f"{key} {format_value(item)}" for key, item in value.items() if key not in ("name", "kind")]
    return " ".join([*(str(value[key]) for key in ("name", "kind") if key in value), *rest])


def changes_length(grid: Grid) -> bool:
    """Whether some cells have more updates an epoch than others."""
    return any(key in LENGTHS for cell in grid.cells for key in cell.arm.patch)


def equalise(cell: Cell, updates: int, epochs: int) -> Arm:
    """The cell for so many updates, which end within so many epochs."""
    return make_arm(cell.arm.config, {"train.updates": updates, "train.epochs": epochs}, cell.arm.patch)
