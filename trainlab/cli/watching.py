"""From options to a script that runs under observation: what `trainlab watch` does."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from trainlab.cli import streams
from trainlab.cli.exits import ExitCode
from trainlab.cli.misplaced import find_misplaced
from trainlab.cli.option_parsing import Command
from trainlab.cli.reporting import check_beside, write_beside, write_report
from trainlab.cli.status_line import StatusLine
from trainlab.cli.values import parse_count, parse_percent
from trainlab.errors import UserError, check_choice

if TYPE_CHECKING:
    from types import TracebackType

    from trainlab.watch import Ended, Events, Options
    from trainlab.watch._ranks import Place
    from trainlab.watch._seen import Seen

STREAMED = "jsonl"
_ROOM = os.path.dirname(os.path.dirname(__file__))


class WatchCommand(Command):
    """Its own options end where the script, or the module after `-m`, begins; what follows is the script's."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As every command, with `--` put where the options end."""
        flags = {name for each in self.params if getattr(each, "is_flag", False) for name in each.opts} | {"-h", "--help"}
        place = 0
        while place < len(args) and args[place].startswith("-") and args[place] != "--":
            name = args[place]
            place += 1 if name in flags or "=" in name else 2
            if name == "-m":
                break
        if args[place : place + 1] != ["--"]:
            args = [*args[:place], "--", *args[place:]] if place < len(args) else args
        return super().parse_args(ctx, args)


def carry_out(script: str | None, arguments: list[str] | None, module: str | None, output: Path | None, **given: Any) -> None:
    """Run the script, report, and end as the script ended.

    Raises:
        UserError: an option is wrong, or there is no such script.
    """
    rest, typed = tuple(arguments or ()), sys.argv[1:]  # while it runs, `sys.argv` is the script's
    if module is not None and script is not None:
        rest, script = (script, *rest), None
    if module is None and script is None:
        raise UserError("say what to run: a script, or -m and a module", key="SCRIPT")
    options = _read_options(given)
    written, streamed = _split(list(given["format"] or ["table"]), output)
    # The script may change the working directory
    written = [replace(each, path=each.path and each.path.absolute()) for each in written]
    plot, tensorboard = (given[name] and given[name].absolute() for name in ("plot", "tensorboard"))
    check_beside("watch", plot, tensorboard)
    streams.check_places([*(each.path for each in written), *([plot] if plot else [])])

    from trainlab.watch import Script, judge, run
    from trainlab.watch._ranks import find_place

    _obey_signals()
    place = find_place(os.environ)
    target = Script(file=Path(script) if script is not None else None, module=module or "", arguments=rest)
    reports = place is None or not place.rank
    drawn = not given["quiet"] and sys.stderr.isatty() and reports and not (streamed and streamed.path is None)
    with contextlib.ExitStack() as stack:
        events = stack.enter_context(_open_events(streamed)) if streamed is not None and reports else None
        with contextlib.closing(StatusLine(sys.stderr, show=drawn)) as status:
            ended = run(target, options, status.show, events, place)
        _tell(ended.error)
        if place is not None and place.rank:
            _send(place, ended)
            _end(ended, ExitCode.CLEAN)
        try:
            report = judge(ended, options, _gather(place) if place is not None else ())
            if events is not None:
                events.end(report)
        except Exception:  # a fault of ours, which the script's own end is not to suffer from
            from trainlab.cli.app import report_bug

            code = report_bug()
            _end(ended, code if options.fail_on != "never" else ExitCode.CLEAN)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    # stdout is the script's
    write_report(report, written, typed, stream=sys.stderr, verbose=given["verbose"], full_series=given["full_series"])
    write_beside(report, plot, tensorboard)
    if not given["quiet"]:
        refused = isinstance(ended.error, SystemExit) and ended.error.code == ExitCode.USAGE
        for option in find_misplaced(rest, (*given, "output"), refused=refused):
            sys.stderr.write(f"trainlab: {option} stands behind the script and went to it: put it before, to have it here\n")
    _end(ended, report.exit_code if report.fail_on != "never" else ExitCode.CLEAN)


def _split(formats: list[str], output: Path | None) -> tuple[list[streams.Destination], streams.Destination | None]:
    """The documents that are written when the script has ended, and the one that is written while it runs."""
    places = [place for place, text in enumerate(formats) if text.partition(":")[0] == STREAMED]
    if len(places) > 1:
        raise UserError("is given twice", key="--format", value=STREAMED)
    if not places:
        return streams.parse_destinations(formats, output), None
    file = formats[places[0]].partition(":")[2]
    if file and output is not None and places[0] == 0:
        raise UserError(f"the first format has a file already: `--format {formats[0]}`", key="--output", value=str(output))
    path = Path(file) if file else output if places[0] == 0 else None
    if path is not None:
        streams.check_writable(path, "--format" if file else "--output")
    others = [text for text in formats if text.partition(":")[0] != STREAMED]
    documents = streams.parse_destinations(others, output if places[0] else None) if others else []
    return documents, streams.Destination(format=STREAMED, path=path)


@contextlib.contextmanager
def _open_events(destination: streams.Destination) -> Iterator[Events]:
    """Lines to a file, or to stderr, each of them there as soon as it is written."""
    from trainlab.watch import Events

    if destination.path is None:
        yield Events(lambda line: (sys.stderr.write(line), sys.stderr.flush()))
        return
    with destination.path.open("w", encoding="utf-8", buffering=1) as file:
        yield Events(file.write)


def _read_options(given: dict[str, Any]) -> Options:
    from trainlab.causes import FAIL_ON
    from trainlab.cli.conduct import read_baseline
    from trainlab.watch import Options

    problems = [*check_choice("--fail-on", given["fail_on"], FAIL_ON), *check_choice("--stop-on", given["stop_on"], FAIL_ON)]
    if problems:
        raise UserError(problems)
    return Options(
        every=parse_count(given["every"], "--every"),
        max_overhead=parse_percent(given["max_overhead"], "--max-overhead"),
        max_steps=None if given["max_steps"] is None else parse_count(given["max_steps"], "--max-steps"),
        select=tuple(given["select"] or ()),
        ignore=tuple(given["ignore"] or ()),
        fail_on=given["fail_on"],
        stop_on=given["stop_on"],
        baseline=read_baseline(given["baseline"]).known,
    )


def _obey_signals() -> None:
    """Ctrl-C as python has it; SIGTERM ends the script with a report, unless the script has its own mind about it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:

        def end(number: int, _: object) -> None:
            from trainlab.watch import Terminated

            raise Terminated(number)

        signal.signal(signal.SIGTERM, end)


def _tell(error: BaseException | None) -> None:
    """The script's own traceback as python would have shown it, without our frames."""
    from trainlab.watch import Terminated

    if error is None or isinstance(error, SystemExit | Terminated):
        return
    waiting: list[BaseException | None] = [error]
    met: list[BaseException] = []
    while waiting:
        each = waiting.pop()
        if each is not None and each not in met:
            met.append(each)
            _take_out(each)
            waiting += [each.__cause__, each.__context__]
    sys.excepthook(type(error), error, error.__traceback__)


def _take_out(error: BaseException) -> None:
    """Take our frames out of a traceback: those it begins with, and those between the script and torch."""
    kept = []
    trace = error.__traceback__
    while trace is not None:
        if not _is_ours(trace):
            kept.append(trace)
        trace = trace.tb_next
    for one, other in itertools.pairwise([*kept, None]):
        one.tb_next = other  # type: ignore[union-attr]
    error.__traceback__ = kept[0] if kept else None


def _is_ours(trace: TracebackType) -> bool:
    name = trace.tb_frame.f_code.co_filename
    return name.startswith(_ROOM) and not name.endswith("example.py")


def _send(place: Place, ended: Ended) -> None:
    """Rank 0 reports what this one has seen."""
    from trainlab.watch._seen import look_back
    from trainlab.watch._wire import pack

    try:
        place.send(pack(look_back(ended, place.rank)))
    except RuntimeError as error:  # the script's own end is not to suffer from it
        sys.stderr.write(f"trainlab: rank {place.rank} could not send what it saw: {error}\n")


def _gather(place: Place) -> list[Seen | None]:
    """What the other ranks have seen. torchrun ends all as soon as one has failed: the report is written nevertheless."""
    from trainlab.watch._wire import unpack

    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    try:
        found = place.gather(lambda: bool(told))
    except RuntimeError as error:
        sys.stderr.write(f"trainlab: what the other ranks saw could not be read: {error}\n")
        found = {}
    return [unpack(found[rank]) if rank in found else None for rank in range(1, place.size)]


def _end(ended: Ended, code: int) -> NoReturn:
    """End as the script did; where that was well, with this code."""
    from trainlab.watch import Terminated

    if isinstance(ended.error, KeyboardInterrupt | Terminated):
        number = signal.SIGINT if isinstance(ended.error, KeyboardInterrupt) else signal.SIGTERM
        raise typer.Exit(ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED)
    if isinstance(ended.error, SystemExit):
        if ended.error.code not in (None, 0):
            raise ended.error
    elif ended.error is not None:
        raise typer.Exit(1)
    raise typer.Exit(code)
