"""Trains the zoo and judges it, by the studies, the engine and the rules that the commands use."""

from __future__ import annotations

import hashlib
import math
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from tests.zoo.cases import SEEDS, Case, make_config
from trainlab import engine, study
from trainlab.config import Config
from trainlab.judging import choose_rules, judge
from trainlab.plan import Arm, Options, PlannedRun
from trainlab.report import Finding, Skipped, Trace
from trainlab.studies import check

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One case with one seed: what was found, what was reached.

    Attributes:
        findings: as the report tells them.
        skipped: the rules that could not judge.
        score: share right in the test part, or R2; of the training part where there is no other.
        loss: training loss at the end; infinite for a run that left the finite numbers.
        first_loss: of the first epoch.
    """

    case: Case
    seed: int
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    score: float
    loss: float
    first_loss: float

    @property
    def faults(self) -> list[Finding]:
        """What the report calls a fault."""
        return [each for each in self.findings if each.severity != "info"]

    @property
    def verdict(self) -> str:
        """What the report's first line names."""
        return self.faults[0].code if self.faults else "healthy"


def try_all(cases: Sequence[Case], kept: Path | None = None, tell: Callable[[str], None] = lambda _: None) -> list[Outcome]:
    """Train and judge every case with every seed.

    Args:
        cases: those of one network train together.
        kept: a folder of traces of earlier trials; what stands there is judged again without being trained.
        tell: told of the progress.
    """
    outcomes: list[Outcome] = []
    networks = list(dict.fromkeys(case.network for case in cases))
    for network in networks:
        began = time.perf_counter()
        members = [case for case in cases if case.network == network and case.study == "check"]
        runs = [PlannedRun(name=case.name, patch={}, config=make_config(case, seed)) for case in members for seed in SEEDS]
        traces = train(runs, kept)
        pairs = [(case, seed) for case in members for seed in SEEDS]
        outcomes += [judge_one(case, seed, trace) for (case, seed), trace in zip(pairs, traces, strict=True)]
        outcomes += [carry_out(case, seed) for case in cases if case.network == network and case.study != "check" for seed in SEEDS]
        tell(f"{network}: {len(runs)} runs, {time.perf_counter() - began:.1f} s")
    return outcomes


def train(runs: Sequence[PlannedRun], kept: Path | None = None) -> list[Trace]:
    """The traces of all runs, measured by all that the rules need."""
    rules, _, _ = choose_rules(check.RULES, {})
    probes = sorted({*check.PROBES, *(name for rule in rules for name in rule.needs if name not in engine.ALWAYS)})
    files = [_find_file(run.config, probes, kept) for run in runs]
    traces: dict[int, Trace] = {}
    for position, file in enumerate(files):
        if file is not None and file.exists():
            traces[position] = pickle.loads(file.read_bytes())
    missing = [position for position in range(len(runs)) if position not in traces]
    works = [engine.prepare(runs[position].config, CPU) for position in missing]
    for position, trace in zip(missing, engine.train([runs[each] for each in missing], works, probes), strict=True):
        traces[position] = trace
        if (file := files[position]) is not None:
            file.write_bytes(pickle.dumps(trace))
    return [traces[position] for position in range(len(runs))]


def _find_file(config: Config, probes: Sequence[str], kept: Path | None) -> Path | None:
    if kept is None:
        return None
    kept.mkdir(parents=True, exist_ok=True)
    key = repr((replace(config, rules={}), probes))
    return kept / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.pickle"


def judge_one(case: Case, seed: int, trace: Trace) -> Outcome:
    """The verdict of `trainlab check` on one run."""
    config = make_config(case, seed)
    options = _choose(case, seed, config)
    plan = check.first(config, options)
    rules, reported, _ = choose_rules(plan.rules, config.rules)
    trace = replace(trace, name="base", config=config)
    findings, skipped, _ = judge(rules, [trace], reported)
    conclusion = check.conclude(config, options, [trace], findings, skipped)
    loss = trace.series["loss"].values
    measure = "r2" if trace.task == "regression" else "accuracy"
    score = trace.metrics.get(f"test_{measure}", trace.metrics.get(f"train_{measure}"))
    end = trace.metrics.get("train_loss")
    return Outcome(
        case=case,
        seed=seed,
        findings=conclusion.findings,
        skipped=tuple(skipped),
        score=-math.inf if score is None or trace.nonfinite else float(score),
        loss=math.inf if end is None or trace.nonfinite or not np.isfinite(end) else float(end),
        first_loss=float(loss[0]) if len(loss) else math.nan,
    )


def carry_out(case: Case, seed: int) -> Outcome:
    """The verdict of the study that sets runs side by side; what they reach is not one number."""
    config = make_config(case, seed)
    report = study.run(case.study, config, _choose(case, seed, config), study.Settings())
    none = math.nan
    return Outcome(case=case, seed=seed, findings=report.findings, skipped=report.skipped, score=none, loss=none, first_loss=none)


def _choose(case: Case, seed: int, config: Config) -> Options:
    chosen = {"lr": case.rates} if case.rates else {}
    return Options(arms=(Arm(name="base", patch={}, config=config),), seeds=(seed,), chosen=chosen)
