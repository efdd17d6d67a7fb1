"""The options that every study shares, given to a command by a decorator: a command file is only its signature."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints, overload

import typer

FAIL_ON = "never|warning|error"
BUDGET = "At most so many trainings of the config, or so many seconds."
FullSeries = Annotated[bool, typer.Option("--full-series", help="Do not thin series in JSON to 200 points.")]
Select = Annotated[list[str] | None, typer.Option(metavar="CODE", help="Report these rules only (prefixes). Repeatable.")]
Ignore = Annotated[list[str] | None, typer.Option(metavar="CODE", help="Do not report these rules (prefixes). Repeatable.")]
Baseline = Annotated[Path | None, typer.Option(metavar="REPORT.json", help="Findings that stand there do not count.")]
Tolerance = Annotated[
    str, typer.Option(metavar="P%", help="By how much of its old size a metric of the base may be worse than in --baseline.")
]
Plot = Annotated[Path | None, typer.Option(metavar="FILE.png|svg|pdf", help="Draw the report.")]
Tensorboard = Annotated[Path | None, typer.Option(metavar="DIR", help="Write the runs there as event files for TensorBoard.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show everything.")]
Chosen = dict[str, Any]
"""What a command's own options ask of its study; those that were not given are None."""

SHORT = {
    "model": "model.kind",
    "data": "data.name",
    "act": "model.activation",
    "layers": "model.layers",
    "width": "model.width",
    "init": "model.init.name",
    "norm": "model.norm",
    "residual": "model.residual",
    "lr": "optimizer.lr",
    "optimizer": "optimizer.name",
    "batch_size": "train.batch_size",
    "epochs": "train.epochs",
    "weight_decay": "optimizer.weight_decay",
    "dropout": "model.dropout",
}
"""The config key behind each short option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The shared options as given. `patches` are the short ones as `(option and value, key, value as YAML)`."""

    config: str | None
    patches: tuple[tuple[str, str, str], ...]
    set: tuple[str, ...]
    vs: tuple[str, ...]
    device: str
    seed: str | None
    seeds: str | None
    threads: str
    processes: str
    executor: str | None
    format: tuple[str, ...]
    output: Path | None
    plot: Path | None
    tensorboard: Path | None
    full_series: bool
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    fail_on: str | None
    baseline: Path | None
    tolerance: str
    budget: str | None
    dry_run: bool
    quiet: bool
    verbose: bool


Command = Callable[..., None]


@overload
def study(command: Callable[..., Chosen]) -> Command: ...


@overload
def study(*, fail_on: str, budget: str | None = None) -> Callable[[Callable[..., Chosen]], Command]: ...


def study(
    command: Callable[..., Chosen] | None = None, *, fail_on: str = "never", budget: str | None = None
) -> Command | Callable[..., Command]:
    """Make a study's command of a function that only says its own options.

    The command takes CONFIG, then the function's options, then the shared ones; an own option hides a shared one of the same
    name. It ends with the study's exit code.

    Args:
        command: the function.
        fail_on: what `--fail-on` is where it is not given.
        budget: likewise `--budget`; None for as much as it takes.
    """
    return _make(command, fail_on, budget) if command is not None else lambda given: _make(given, fail_on, budget)


def _make(command: Callable[..., Chosen], fail_on: str, budget: str | None) -> Command:
    own = inspect.signature(command, eval_str=True).parameters
    shared = {name: each for name, each in inspect.signature(_shared, eval_str=True).parameters.items() if name not in own}
    default: dict[str, str] = {}
    if budget is not None:
        default["budget"] = budget
        option = typer.Option(metavar="20x|30s", help=f"{BUDGET}  [default: {budget}]")
        shared["budget"] = shared["budget"].replace(annotation=Annotated[str | None, option])
    if fail_on != "never":
        default["fail_on"] = fail_on
        option = typer.Option(metavar=FAIL_ON, help=f"Exit 1 at such findings.  [default: {fail_on}]")
        shared["fail_on"] = shared["fail_on"].replace(annotation=Annotated[str | None, option])

    def carry_out(**given: Any) -> None:
        from trainlab.cli.conduct import conduct

        chosen = command(**{name: given.pop(name) for name in own})
        short = {name: given.pop(name) for name in SHORT if name in given}
        patches = tuple(patch for name, value in short.items() if value is not None for patch in _to_patches(name, value))
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items() if value is not None}
        name = command.__name__.replace("_", "-")
        raise typer.Exit(conduct(name, chosen, Shared(patches=patches, **{**_empty(), **default, **values})))

    parameters = [shared.pop("config"), *own.values(), *shared.values()]
    carry_out.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    carry_out.__annotations__ = {each.name: each.annotation for each in parameters}
    carry_out.__doc__ = command.__doc__
    carry_out.__name__ = command.__name__
    return carry_out


def _to_patches(name: str, value: str | bool) -> list[tuple[str, str, str]]:
    """`--width 64,32` is a list; a flag is what it says; `--model ./net.py:Net` is a target, and so the kind `python`."""
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [(option if value else f"--no-{option[2:]}", SHORT[name], "true" if value else "false")]
    if name in ("model", "data") and ":" in value:
        return [(f"{option} {value}", SHORT[name], "python"), (f"{option} {value}", f"{name}.target", json.dumps(value))]
    return [(f"{option} {value}", SHORT[name], f"[{value}]" if "," in value and not value.startswith(("[", "{")) else value)]


def _empty() -> Chosen:
    """Every shared option that is no patch, as if it had not been given: a command may hide one behind its own."""
    fields = inspect.signature(_shared).parameters
    hints = get_type_hints(Shared)
    return {name: () if hints[name] == tuple[str, ...] else each.default for name, each in fields.items() if name not in SHORT}


def _shared(  # read, never called
    config: Annotated[
        str | None, typer.Argument(metavar="CONFIG", help="YAML file, or the name of a config that comes with trainlab.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="KIND|TARGET", help="Network: mlp, cnn, ..., or your own, ./net.py:Net or pkg.mod:build.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="NAME|TARGET", help="Data: digits, moons, ..., or your own, ./data.py:load or pkg.mod:load."),
    ] = None,
    act: Annotated[str | None, typer.Option(metavar="NAME", help="Activation of the hidden layers.")] = None,
    layers: Annotated[str | None, typer.Option(metavar="N", help="Weight layers.")] = None,
    width: Annotated[str | None, typer.Option(metavar="N[,N...]", help="Hidden units, of all hidden layers or of each.")] = None,
    init: Annotated[str | None, typer.Option(metavar="NAME", help="Initial weights.")] = None,
    norm: Annotated[str | None, typer.Option(metavar="NAME", help="Normalisation: none, batch, layer, rms.")] = None,
    residual: Annotated[bool | None, typer.Option(help="Add each layer's input to its output.")] = None,
    lr: Annotated[str | None, typer.Option(metavar="X", help="Learning rate.")] = None,
    optimizer: Annotated[str | None, typer.Option(metavar="NAME", help="Optimizer.")] = None,
    batch_size: Annotated[str | None, typer.Option(metavar="N", help="Samples an update, or full.")] = None,
    epochs: Annotated[str | None, typer.Option(metavar="N", help="Passes over the data.")] = None,
    weight_decay: Annotated[str | None, typer.Option(metavar="X", help="L2 penalty, as torch's optimizers mean it.")] = None,
    dropout: Annotated[str | None, typer.Option(metavar="X", help="Share of hidden values dropped.")] = None,
    set: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Change the config. Repeatable.")] = None,
    vs: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE[,...]", help="One more run beside the base, changed like this. Repeatable."),
    ] = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    seed: Annotated[str | None, typer.Option(metavar="N", help="Seed of the first run, instead of the config's.")] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="N", help="Runs of each kind, with seeds seed .. seed+N-1.  [default: 1 to 5, as the question needs]"),
    ] = None,
    threads: Annotated[str, typer.Option(metavar="N", help="Threads of torch.")] = "1",
    processes: Annotated[
        str, typer.Option(metavar="N|auto", help="Processes that train, at most; one a core where it saves time.")
    ] = "auto",
    executor: Annotated[
        str | None, typer.Option(metavar="PKG.MOD:MAKE", help="Train on the concurrent.futures.Executor that it makes.")
    ] = None,
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="F[:FILE]",
            help="table, plain, json, csv, markdown, html, junit or github; to stdout or a file. Repeatable.",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the first format goes.")] = None,
    plot: Plot = None,
    tensorboard: Tensorboard = None,
    full_series: FullSeries = False,
    select: Select = None,
    ignore: Ignore = None,
    fail_on: Annotated[str | None, typer.Option(metavar=FAIL_ON, help="Exit 1 at such findings.  [default: never]")] = None,
    baseline: Baseline = None,
    tolerance: Tolerance = "2%",
    budget: Annotated[str | None, typer.Option(metavar="20x|30s", help=BUDGET)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take, and train nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no warnings.")] = False,
    verbose: Verbose = False,
) -> None:
    """Only its signature counts."""
