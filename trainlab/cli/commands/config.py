"""`trainlab config show | validate | schema | init`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from trainlab.errors import Problem, UserError, collect

app = typer.Typer(help="Show, describe or start a config.", no_args_is_help=True)


@app.command()
def show(
    config: Annotated[str, typer.Argument(help="YAML file, or the name of a config that comes with trainlab.")] = "gradients",
    set: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Change the config. Repeatable.")] = None,
    arithmetic: Annotated[
        bool, typer.Option("--arithmetic", help="Print what it comes to instead: batches, updates, parameters, memory, time.")
    ] = False,
    ranks: Annotated[
        str | None, typer.Option(metavar="N", help="Processes that share the samples, for --arithmetic.  [default: 1]")
    ] = None,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="Where to measure, for --arithmetic.  [default: auto]")] = None,
) -> None:
    """Print the whole config as it would be used, defaults included."""
    from trainlab import targets
    from trainlab.cli import streams
    from trainlab.cli.conduct import load_config, locate, read_sets
    from trainlab.cli.values import parse_count
    from trainlab.config import find_config, format_sections, to_values

    problems: list[Problem] = []
    changes = read_sets(set or [], problems)
    with collect(problems):
        source = find_config(config)
        resolved, sources, warnings = load_config(source, changes)
    for option, value in (("--ranks", ranks), ("--device", device)):
        if value is not None and not arithmetic:
            problems.append(Problem(message="is read with --arithmetic only", key=option, value=value))
    with collect(problems):
        processes = parse_count(ranks or "1", "--ranks")
    if problems:
        raise UserError(problems)
    for warning in warnings:
        typer.echo(f"trainlab: {warning}", err=True)
    if arithmetic:
        from trainlab.cli.startup import import_torch

        import_torch()
        from trainlab.arithmetic import count, format_figures

        targets.set_home(source.parent)
        try:
            figures = count(resolved, device or "auto", processes)
        except UserError as error:
            raise locate(error, sources) from error
        streams.write(format_figures(figures), None)
        return
    streams.write(format_sections(to_values(resolved)), None)


@app.command()
def validate(files: Annotated[list[str], typer.Argument(metavar="CONFIG...", help="YAML files.")]) -> None:
    """Say what is wrong with config files, all of it at once; nothing where nothing is. Made for a commit hook."""
    from trainlab.cli.conduct import load_config, locate, make_arms
    from trainlab.config import find_config
    from trainlab.plan import Options
    from trainlab.studies._grid import make_grid

    problems: list[Problem] = []
    for file in files:
        with collect(problems):
            resolved, sources, _ = load_config(find_config(file), ())
            arms, _ = make_arms(resolved, sources, ())
            try:
                if resolved.vary:
                    make_grid(resolved, Options(arms=tuple(arms), seeds=(0,)))
            except UserError as error:
                raise locate(error, sources) from error
    if problems:
        raise UserError(problems)


@app.command()
def schema() -> None:
    """Print the JSON Schema of config files, for editors."""
    from trainlab.cli import streams
    from trainlab.config import build_schema

    streams.write(json.dumps(build_schema(), indent=2) + "\n", None)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("trainlab.yaml"),
    like: Annotated[str, typer.Option(metavar="NAME", help="The config that comes with trainlab to start from.")] = "overfit",
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Write a commented config to start from."""
    from trainlab.cli import streams
    from trainlab.config import find_config, list_configs

    streams.check_writable(file, "FILE")
    if file.exists() and not force:
        raise UserError("is there already; --force replaces it", key="FILE", value=str(file))
    path = find_config(like)
    streams.write(path.read_text(encoding="utf-8"), file)
    command = next((name for name in list_configs() if path.stem.startswith(name)), "overfit")  # each is named after it
    streams.write(f"wrote {file}; try: trainlab {command} {file}\n", None)
