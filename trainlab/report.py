"""What was measured and what is said about it: plain frozen data that any renderer can show.

Nothing here computes. Traces hold numpy arrays; everything that a Report holds is ready for JSON, except that a number may
still be NaN or infinite (a renderer decides how to write that).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from trainlab.config import Config

Severity = Literal["error", "warning", "info"]
Patch = Mapping[str, Any]
Number = float | int | None
FEW = 4  # kinds of findings that the short form of a report names


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One quantity over a run.

    Attributes:
        per: what `at` counts.
        at: int64 `[T]`: the update or epoch, counted from 1, at which each value was taken; 0 is before training.
        values: float64 `[T]`, or `[T, parameter]` in the order of `Trace.parameters`.
    """

    per: Literal["update", "epoch"]
    at: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One trainable parameter: its name, the class of the module that owns it, its shape."""

    name: str
    module: str
    shape: tuple[int, ...]

    @property
    def is_weight(self) -> bool:
        """A matrix or filter of a layer, as opposed to a bias or the scale of a normalisation."""
        return len(self.shape) >= 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module without children whose output was looked at: its name and class."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NonFinite:
    """Where a run first left the finite numbers.

    Attributes:
        update: counted from 1.
        direction: `forward`: an output or the loss; `backward`: a gradient; `update`: the weights after the step.
        where: the first module (forward), or the parameter closest to the loss (backward, update); `loss` if every output was
            finite.
        value: what appeared.
        last_finite: the largest absolute value seen just before it, in the same place; None if there was none.
    """

    update: int
    direction: Literal["forward", "backward", "update"]
    where: str
    value: Literal["nan", "inf"]
    last_finite: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LossScaling:
    """What became of the loss scale of an fp16 run.

    Attributes:
        skipped: updates that were skipped, because a gradient overflowed.
        scale: at the end.
    """

    skipped: int
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What was measured in one run. No tensors.

    Attributes:
        name: `base`, or the patch as text.
        patch: what differs from the base.
        config: the run, completely.
        seed: its seed, also in `config`.
        parameters: the trainable parameters, in registration order.
        modules: the leaf modules, in registration order.
        series: quantities over time, by probe name.
        arrays: other measurements by name: `[module]`, `[sample]`, ...
        metrics: single numbers by name; None where there is nothing to measure.
        updates: updates finished.
        planned: updates that the config asks for.
        nonfinite: where the run first left the finite numbers; None if it never did. It was stopped there, or, under a loss scale,
            when ten updates in a row could not be saved.
        scaling: of the loss; None without.
        best_epoch: the epoch whose weights and running statistics were kept, where early stopping is on, counted from 1; else None.
        stopped: the epoch after which early stopping ended the run; None if it never did.
        sizes: samples by part (`{"train": 800, "test": 200}`).
        task: what is learned: a number, one of two classes, one of many, or nothing (no target).
        how: how the engine trained it: `stacked`, or `one by one` with the reason.
    """

    name: str
    patch: Patch
    config: Config
    seed: int
    parameters: tuple[Parameter, ...]
    modules: tuple[Module, ...] = ()
    series: Mapping[str, Series] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    metrics: Mapping[str, Number] = field(default_factory=dict)
    updates: int = 0
    planned: int = 0
    nonfinite: NonFinite | None = None
    scaling: LossScaling | None = None
    best_epoch: int | None = None
    stopped: int | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    task: Literal["regression", "binary", "multiclass", "none"] = "none"
    how: str = "stacked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A patch that may mend a finding, and, once tried, what it did next to doing nothing."""

    remedy: str
    patch: Patch
    reason: str
    measured: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule's verdict on one run, or on the whole study.

    Attributes:
        code: the rule's code (`G001`); never reused.
        name: the rule's name (`vanishing-gradient`).
        severity: error: training fails or its result is wrong; warning: it suffers; info: worth knowing.
        message: one sentence with the number, its limit and the place.
        where: the parameter or module it is about, or the empty string.
        evidence: the numbers behind the message.
        run: name of the run; filled in by the judge.
        seeds: in how many of how many seeds it held (`{"held": 3, "of": 3}`); filled in by the judge.
        because: code of the finding that this one follows from, if any.
        known: it stands in the baseline report, and so does not count for the exit code.
    """

    code: str
    name: str
    severity: Severity
    message: str
    where: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    run: str = "base"
    seeds: Mapping[str, int] = field(default_factory=lambda: {"held": 1, "of": 1})
    because: str | None = None
    known: bool = False
    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something that could not be judged (a rule's code) or could not be run (code `run`), and why."""

    code: str
    reason: str
    run: str = "base"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric of one run next to the base: the difference, its 95 % interval, and what follows.

    `interval` is plain, `corrected` after Holm's correction over the arms of the table; the verdict goes by the corrected one.
    """

    run: str
    metric: str
    difference: float
    interval: tuple[float, float]
    corrected: tuple[float, float]
    verdict: Literal["helps", "no-difference", "harms"]
    against: str = "base"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a Table.

    Attributes:
        name: its heading, also its name in JSON.
        kind: how a renderer may draw it. `number`: scientific or plain, whichever reads better; `percent`: a share of 1;
            `text`: as it is; `verdict`: a word that may be coloured; `log-bar`: a positive number as a bar on a log scale shared
            by the column; `curve`: a list of numbers as a small line; `strip`: a list of positive numbers as a log-scaled heat
            strip.
        priority: 0 is always shown; where the terminal is too narrow, the highest goes first.
    """

    name: str
    kind: Literal["text", "number", "percent", "verdict", "log-bar", "curve", "strip"] = "text"
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of plain values under named columns; a cell may be None.

    Attributes:
        compares: it shows what the report's comparisons say, so that no other table needs to.
        shown: places of the rows that a short view is content with; empty for those that it chooses itself.
        is_timed: it shows times, which differ from run to run: JSON keeps it apart from what can be repeated.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    compares: bool = False
    shown: tuple[int, ...] = ()
    is_timed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The first line of every report, and the numbers in it."""

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A Trace as a report shows it: see `runs` in the report's JSON Schema."""

    name: str
    patch: Patch
    seed: int
    config: Mapping[str, Any]
    metrics: Mapping[str, Number]
    layers: tuple[Mapping[str, Any], ...]
    modules: tuple[Mapping[str, Any], ...]
    series: Mapping[str, Series]
    how: str = "stacked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything a renderer may show.

    Attributes:
        command: the subcommand that made it.
        complete: False if it was interrupted before all was measured.
        environment: versions, device, threads, seed.
        rules: names by code of the rules that were asked: one that neither found anything in a run nor was skipped there found it
            sound.
        fail_on: least severity that makes the exit code 1, or `never`.
        exit_code: what the process will exit with.
        seconds: wall-clock time by phase; the only part that differs between two runs of the same thing.
    """

    command: str
    complete: bool
    environment: Mapping[str, Any]
    answer: Answer
    runs: tuple[Run, ...] = ()
    tables: tuple[Table, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    fail_on: str = "never"
    exit_code: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Something was judged, and nothing found at or above `fail_on` that is not known."""
        return self.exit_code == 0

    def __str__(self) -> str:
        """What a command prints into a pipe: nothing is cut, nothing coloured."""
        from trainlab import plugins

        table = plugins.load("trainlab.renderers", "table")
        return str(table.render(self, table.Target()))

    def __repr__(self) -> str:
        kinds = list(dict.fromkeys(f"{each.severity} {each.code} {each.name}" for each in self.findings if not each.known))
        named = [*kinds[:FEW], *(["..."] if len(kinds) > FEW else [])]
        return f"<Report of {self.command}: {', '.join(named) or ('nothing found' if self.ok else 'nothing could be judged')}>"


recent: deque[Report] = deque(maxlen=4)
"""Reports that the functions of the Python API have given, the latest last: a test that fails tells of them."""
