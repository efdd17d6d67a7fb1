"""The command line: one subcommand a file in `trainlab.cli.commands`, one place where errors become messages."""

from __future__ import annotations

import datetime
import os
import platform
import sys
import tempfile
import traceback
from typing import Annotated

import typer

import trainlab
from trainlab import plugins
from trainlab.cli.exits import ExitCode
from trainlab.errors import UserError

GROUPS = ("config",)


def build() -> typer.Typer:
    """The application with all its subcommands."""
    app = typer.Typer(
        name="trainlab",
        help="Find out what is wrong with the way a neural network trains, and prove which change mends it.",
        no_args_is_help=True,
        add_completion=True,
        rich_markup_mode=None,  # rich would double the time that --help takes
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, module in plugins.load_all("trainlab.cli.commands").items():
        if name in GROUPS:
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, name.replace("-", "_")))
    return app


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"trainlab {trainlab.__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def run(arguments: list[str] | None = None) -> int:
    """Carry out one command line.

    Args:
        arguments: without the program's name; those of the process if None.

    Returns:
        The exit code. Never raises for bad input or for our own bugs.
    """
    try:
        code = build()(args=arguments, prog_name="trainlab", standalone_mode=False)
        return int(code or 0)
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except UserError as error:
        for problem in error.problems:
            _say(f"error: {problem}")
        return ExitCode.USAGE
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # the option parser's own
            return _explain_usage(error)
        return _report_bug()


def _explain_usage(error: Exception) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "trainlab"
    _say(f"error: {error.format_message()}")  # type: ignore[attr-defined]
    _say(f"Try '{command} --help'.")
    return ExitCode.USAGE


def _report_bug() -> int:
    """Put the traceback into a file and say where."""
    versions = [f"trainlab {trainlab.__version__}", f"python {platform.python_version()} on {platform.platform()}"]
    versions += [f"{name} {module.__version__}" for name in ("torch", "numpy") if (module := sys.modules.get(name))]
    text = "\n".join([*versions, f"arguments: {sys.argv[1:]}", str(datetime.datetime.now()), traceback.format_exc()])
    with tempfile.NamedTemporaryFile("w", prefix="trainlab-bug-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(text)
    _say(f"error: this is a bug in trainlab: {traceback.format_exc().strip().splitlines()[-1]}")
    _say(f"The details are in {file.name}; please report them.")
    return ExitCode.BUG


def _say(message: str) -> None:
    sys.stderr.write(f"trainlab: {message}\n" if not message.startswith("Try") else f"{message}\n")


def main() -> None:
    """The entry point of the process."""
    code = run()
    if "pytest" not in sys.modules:
        # Taking torch apart at exit takes a quarter of a second and does nothing for anyone.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
