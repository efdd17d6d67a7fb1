"""The command line: one subcommand a file in `trainlab.cli.commands`, one place where errors become messages."""

from __future__ import annotations

import contextlib
import datetime
import inspect
import os
import platform
import signal
import sys
import tempfile
import traceback
from typing import Annotated, Any

import typer

import trainlab
from trainlab import plugins
from trainlab.cli.exits import ExitCode
from trainlab.cli.option_parsing import Command
from trainlab.errors import Problem, UserError, find_nearest

COMMANDS = "trainlab.cli.commands"
GROUPS = ("config",)


def build(only: str | None = None) -> typer.Typer:
    """The application with all its subcommands, or with the one that is asked for: to read the options of all takes time."""
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
    names = plugins.list_names(COMMANDS)
    for name in [only] if only in names else names:
        module = plugins.load(COMMANDS, name)
        if name in GROUPS:
            app.add_typer(module.app, name=name)
        else:
            command = getattr(module, name.replace("-", "_"))
            # As a short help the first line is wrapped; otherwise it would be cut.
            kind = getattr(module, "COMMAND", Command)
            app.command(name, cls=kind, short_help=(inspect.getdoc(command) or "").partition("\n")[0])(command)
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
        typed = sys.argv[1:] if arguments is None else arguments
        code = build(typed[0] if typed else None)(args=typed, prog_name="trainlab", standalone_mode=False)
        return int(code or 0)
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except UserError as error:
        for problem in error.problems:
            _say(f"trainlab: error: {problem}")
        return ExitCode.USAGE
    except BrokenPipeError:  # the reader of --help or --version has gone away
        return ExitCode.CLEAN
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # the option parser's own
            return _explain_usage(error)
        return report_bug()


def _explain_usage(error: Any) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        _say(error.format_message())
        return ExitCode.USAGE
    message = error.format_message()
    if option := getattr(error, "option_name", None):
        known = [name for each in (context.command.params if context else ()) for name in (*each.opts, *each.secondary_opts)]
        if type(error).__name__ == "NoSuchOption":
            message = str(Problem(message="there is no such option", key=option, nearest=find_nearest(option, known)))
    _say(f"trainlab: error: {message[:1].lower()}{message[1:].rstrip('.')}")
    _say(f"Try '{context.command_path if context is not None else 'trainlab'} --help'.")
    return ExitCode.USAGE


def report_bug() -> int:
    """Put the traceback of the exception at hand into a file and say where."""
    versions = [f"trainlab {trainlab.__version__}", f"python {platform.python_version()} on {platform.platform()}"]
    versions += [f"{name} {module.__version__}" for name in ("torch", "numpy") if (module := sys.modules.get(name))]
    text = "\n".join([*versions, f"arguments: {sys.argv[1:]}", str(datetime.datetime.now()), traceback.format_exc()])
    with tempfile.NamedTemporaryFile("w", prefix="trainlab-bug-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(text)
    _say(f"trainlab: error: this is a bug in trainlab: {traceback.format_exc().strip().splitlines()[-1]}")
    _say(f"The details are in {file.name}; please report them.")
    return ExitCode.BUG


def _say(message: str) -> None:
    with contextlib.suppress(OSError):  # nobody is listening
        sys.stderr.write(f"{message}\n")


def _leave(*_: object) -> None:
    """On Ctrl-C before training and after it: libraries that are being imported swallow KeyboardInterrupt, and go on in pieces."""
    os._exit(ExitCode.INTERRUPTED)


def main() -> None:
    """The entry point of the process."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # for as long as the process lives
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    code = run()
    # A script that was watched may have threads and exit handlers of its own.
    if "pytest" not in sys.modules and "trainlab.watch" not in sys.modules:
        # Taking torch apart at exit takes a quarter of a second and does nothing for anyone.
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
