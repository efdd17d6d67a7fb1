"""The options that every study shares, given to a command by a decorator: a command file is only its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

Chosen = dict[str, Any]
"""What a command's own options ask of its study; those that were not given are None."""

PATCHES = "Short ways to change the config"
OUTPUT = "Output"
JUDGING = "Judging"

SHORT = {
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
    """The shared options as given. `patches` are the short ones as `(option, key, text)`."""

    config: str | None
    patches: tuple[tuple[str, str, str], ...]
    set: tuple[str, ...]
    vs: tuple[str, ...]
    device: str
    seed: int | None
    seeds: int
    threads: int
    format: tuple[str, ...]
    output: Path | None
    plot: Path | None
    full_series: bool
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    fail_on: str | None
    baseline: Path | None
    budget: str | None
    dry_run: bool
    quiet: bool
    verbose: bool


def study(command: Callable[..., Chosen]) -> Callable[..., None]:
    """Make a study's command of a function that only says its own options.

    The command takes CONFIG, then the function's options, then the shared ones; an own option hides a shared one of the same name. It
    ends with the study's exit code.
    """
    own = inspect.signature(command, eval_str=True).parameters
    shared = {name: each for name, each in inspect.signature(_shared, eval_str=True).parameters.items() if name not in own}

    def carry_out(**given: Any) -> None:
        from trainlab.cli.conduct import conduct

        chosen = command(**{name: given.pop(name) for name in own})
        texts = {name: given.pop(name) for name in SHORT if name in given}
        patches = tuple(
            (f"--{name.replace('_', '-')}", SHORT[name], _to_text(text)) for name, text in texts.items() if text is not None
        )
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items() if value is not None}
        name = command.__name__.replace("_", "-")
        raise typer.Exit(conduct(name, chosen, Shared(patches=patches, **{**_empty(), **values})))

    parameters = [shared.pop("config"), *own.values(), *shared.values()]
    carry_out.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    carry_out.__annotations__ = {each.name: each.annotation for each in parameters}
    carry_out.__doc__ = command.__doc__
    carry_out.__name__ = command.__name__
    return carry_out


def _to_text(value: Any) -> str:
    """A short option's value as YAML: `--width 64,32` is a list."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"[{text}]" if "," in text and not text.startswith(("[", "{")) else text


def _empty() -> Chosen:
    """Every shared option that is no patch, as if it had not been given: a command may hide one behind its own."""
    fields = inspect.signature(_shared).parameters
    hints = get_type_hints(Shared)
    return {name: () if hints[name] == tuple[str, ...] else each.default for name, each in fields.items() if name not in SHORT}


def _shared(
    config: Annotated[
        str | None, typer.Argument(help="YAML file, or the name of a config that comes with trainlab.", show_default=False)
    ] = None,
    act: Annotated[str | None, typer.Option(help="Activation of the hidden layers.", rich_help_panel=PATCHES)] = None,
    layers: Annotated[str | None, typer.Option(metavar="N", help="Weight layers.", rich_help_panel=PATCHES)] = None,
    width: Annotated[str | None, typer.Option(metavar="N[,N]", help="Hidden units.", rich_help_panel=PATCHES)] = None,
    init: Annotated[str | None, typer.Option(help="Initial weights.", rich_help_panel=PATCHES)] = None,
    norm: Annotated[str | None, typer.Option(help="Normalisation: none, batch, layer, rms.", rich_help_panel=PATCHES)] = None,
    residual: Annotated[bool | None, typer.Option(help="Add each layer's input to its output.", rich_help_panel=PATCHES)] = None,
    lr: Annotated[str | None, typer.Option(metavar="X", help="Learning rate.", rich_help_panel=PATCHES)] = None,
    optimizer: Annotated[str | None, typer.Option(help="Optimizer.", rich_help_panel=PATCHES)] = None,
    batch_size: Annotated[
        str | None, typer.Option(metavar="N", help="Samples an update, or full.", rich_help_panel=PATCHES)
    ] = None,
    epochs: Annotated[str | None, typer.Option(metavar="N", help="Passes over the data.", rich_help_panel=PATCHES)] = None,
    weight_decay: Annotated[str | None, typer.Option(metavar="X", help="As torch means it.", rich_help_panel=PATCHES)] = None,
    dropout: Annotated[
        str | None, typer.Option(metavar="X", help="Share of hidden values dropped.", rich_help_panel=PATCHES)
    ] = None,
    set: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Change the config. Repeatable.")] = None,
    vs: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE[,...]", help="One more run beside the base, changed like this. Repeatable."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the first run, instead of the config's.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each kind, with seeds seed .. seed+N-1.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
    format: Annotated[
        list[str] | None, typer.Option("--format", metavar="F[:FILE]", help="table or json, to stdout or a file. Repeatable.")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the first format goes.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.png|svg|pdf", help="Draw the report.")] = None,
    full_series: Annotated[bool, typer.Option("--full-series", help="Do not thin series in JSON to 200 points.")] = False,
    select: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Judge by these rules only (prefixes). Repeatable.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Do not judge by these rules (prefixes). Repeatable.")
    ] = None,
    fail_on: Annotated[
        str | None, typer.Option(metavar="never|warning|error", help="Exit 1 at such findings. [default: never]")
    ] = None,
    baseline: Annotated[Path | None, typer.Option(metavar="REPORT.json", help="Findings that stand there do not count.")] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="20x|30s", help="At most so many trainings of the config, or so many seconds.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take, and train nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no warnings.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show everything.")] = False,
) -> None:
    """Only its signature counts."""
