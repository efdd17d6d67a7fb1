"""Does `check` mend what is broken? `python -m tests.benchmarks.repair [--part P] [--only TEXT] [--every N] [--verbose]`.

Every faulty network of the zoo whose fault a patch can undo is given to `trainlab check --seeds 3`, and what it would write is
trained with three seeds that nothing was chosen by. It ends healthy if it does as well as its twin without the fault: a share right
in the test part, or an R2, less than 0.02 lower, or lower by what seeds and samples make of chance. The twin has the same data:
noise, missing samples and sorted files stay, since no patch can bring back what is not there. Faults of degree that cost nothing do
not count.

Beside it, in the same table: to do nothing, and the best of as many patches, drawn at random from those of all remedies, chosen by
the same measure. Faults that lie in the data count as right when they are named and nothing is patched.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch

from tests.zoo import files
from tests.zoo.cases import PARTS, Case, list_cases, make_config
from trainlab import engine
from trainlab.comparing import compare_accuracy
from trainlab.config import Config, apply_patch, parse_patch
from trainlab.errors import UserError
from trainlab.judging import list_rules
from trainlab.plan import Arm, Options, PlannedRun
from trainlab.report import Trace
from trainlab.studies._mending import CONTROL, HELD_BACK
from trainlab.studies._remedies import load_remedies
from trainlab.studies._standing import Standing, choose
from trainlab.study import Settings, run

DATA = {"D003", "D004", "D006", "D007", "D008"}
UNDONE = (
    "data.standardize",
    "data.outliers",
    "data.outlier_size",
    "data.outlier_value",
)  # faults of the data that a patch can undo
BUDGET = 30.0
SEEDS = (100, 101, 102)
WORSE = 0.02
ARMS = ("check", "nothing", "random")
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What became of one faulty network.

    Attributes:
        named: the first finding; empty where none was a fault.
        patch: what `check` would write.
        cost: of `check`, in trainings of the config.
        scores: share right or R2 of the twin, then of each arm, means over the seeds.
        healthy: by arm.
    """

    case: Case
    named: str
    patch: dict[str, Any] | None
    cost: float
    scores: dict[str, float]
    healthy: dict[str, bool]

    @property
    def is_data(self) -> bool:
        """The fault lies in the data."""
        return is_data(self.case)


def is_data(case: Case) -> bool:
    """No patch can mend it."""
    return set(case.codes) <= DATA


def repair(case: Case) -> Repair | None:
    """Check a faulty network, and train what comes of it. None of a fault of degree that costs nothing here."""
    torch.set_num_threads(1)
    config = make_config(case, 0)
    twin, faulty = try_out(undo(case)), try_out(config)
    if not (case.is_fact or is_data(case)) and does_as_well(twin, faulty):
        return None
    options = Options(arms=(Arm(name="base", patch={}, config=config),), seeds=(0, 1, 2), chosen={"try": True}, budget=BUDGET)
    report = run("check", config, options, Settings())
    values = report.answer.values
    patch = values.get("mended")
    if is_data(case):
        right = patch is None and values["cause"] in (*case.codes, *case.also)
        found = {"check": right, "nothing": False, "random": False}
        return Repair(case=case, named=values["cause"] or "", patch=patch, cost=values.get("cost", 1.0), scores={}, healthy=found)
    mended = apply_patch(config, patch).config if patch else config
    by_arm = {
        "twin": twin,
        "check": try_out(mended) if patch else faulty,
        "nothing": faulty,
        "random": try_out(mend_at_random(case, config, values.get("tried", 0))),
    }
    return Repair(
        case=case,
        named=values["cause"] or "",
        patch=patch,
        cost=values.get("cost", 1.0),
        scores={name: read_score(each) for name, each in by_arm.items()},
        healthy={name: does_as_well(by_arm["twin"], by_arm[name]) for name in ARMS},
    )


def try_out(config: Config) -> list[Trace]:
    """One trace for each of the seeds that nothing was chosen by."""
    return train([PlannedRun(name="base", patch={}, config=replace(config, seed=seed)) for seed in SEEDS])


def undo(case: Case) -> Config:
    """The network without its fault, on the same data."""
    patch = parse_patch(case.patch)
    kept = {key: value for key, value in patch.items() if key.split(".")[0] == "data" and key not in UNDONE}
    config = make_config(replace(case, patch=""), 0)
    if not kept:
        return config
    return replace(config, data=make_config(case, 0).data) if "data" in kept else apply_patch(config, kept).config


def mend_at_random(case: Case, config: Config, count: int) -> Config:
    """The best of so many random patches, chosen as `check` chooses."""
    stream = random.Random(case.name)
    patches = [patch for remedy in load_remedies().values() for patch in remedy.propose(config)]
    chosen = stream.sample(patches, min(count, len(patches)))
    held = {"data.validation_fraction": HELD_BACK} if getattr(config.data, "validation_fraction", None) == 0 else {}
    arms = {CONTROL: {}, **{str(place): patch for place, patch in enumerate(chosen)}}
    runs = []
    for name, patch in arms.items():
        try:
            changed = apply_patch(config, {**held, **patch}).config
            engine.prepare(changed, CPU)
        except UserError:
            continue
        runs.append(PlannedRun(name=name, patch=patch, config=changed))
    if len(runs) < 2:
        return config
    standings = [Standing(name=trace.name, traces=(trace,), findings=(), errors=0, warnings=0) for trace in train(runs)]
    return apply_patch(config, arms[choose(standings).name]).config


def train(runs: Sequence[PlannedRun]) -> list[Trace]:
    """All of them, and how well they do."""
    return engine.train(runs, [engine.prepare(each.config, CPU) for each in runs], ["accuracy", "baselines"])


def read_score(traces: Sequence[Trace]) -> float:
    """Share right or R2, in the test part or, where there is none, in the training part; 0 or -1 for a run that diverged."""
    measure = "r2" if traces[0].task == "regression" else "accuracy"
    part = "test" if f"test_{measure}" in traces[0].metrics else "train"
    worst = -1.0 if measure == "r2" else 0.0
    found = [trace.metrics.get(f"{part}_{measure}") for trace in traces]
    return float(
        np.mean([worst if each is None or trace.nonfinite else max(worst, each) for each, trace in zip(found, traces, strict=True)])
    )


def does_as_well(twin: Sequence[Trace], arm: Sequence[Trace]) -> bool:
    """Whether an arm is no worse than the twin by more than 0.02, or by more than chance."""
    if read_score(arm) > read_score(twin) - WORSE:
        return True
    part = "test" if "test-correct" in twin[0].arrays else "train"
    compared = compare_accuracy([twin, arm], part)
    return bool(compared) and compared[0].verdict != "harms"


def list_mendable(part: str, only: str) -> list[Case]:
    """Faults that count as such: what is only worth knowing needs no mending."""
    known = list_rules()
    return [
        case
        for case in list_cases()
        if case.kind == "fault"
        and case.part == part
        and only in f"{case.what} {case.name}"
        and "C005" not in case.codes
        and set(case.codes) <= set(known)
    ]


def tell(found: Repair) -> None:
    """One line for a case."""
    scores = " ".join(f"{name} {score:.3f}" for name, score in found.scores.items())
    state = " ".join(f"{name}{'+' if found.healthy[name] else '-'}" for name in ARMS)
    print(
        f"{state}  {found.case.codes[0]} {found.case.name} | {found.named} | {found.patch} | cost {found.cost:.1f} | {scores}",
        flush=True,
    )


def tabulate(repairs: Sequence[Repair]) -> str:
    """The shares that end healthy, in Markdown."""
    mendable = [each for each in repairs if not each.is_data]
    data = [each for each in repairs if each.is_data]
    lines = ["| | faults that a patch can mend | end healthy |", "| --- | ---: | ---: |"]
    lines += [
        f"| {name} | {len(mendable)} | {100 * np.mean([each.healthy[arm] for each in mendable]):.1f} % |"
        for arm, name in zip(ARMS, ("`check`", "do nothing", "random patches, as many"), strict=True)
        if mendable
    ]
    if mendable:
        lines.append(f"\nMean cost of `check`: {np.mean([each.cost for each in mendable]):.1f} trainings of the config.")
    if data:
        right = sum(each.healthy["check"] for each in data)
        lines.append(f"Faults of the data, named first and nothing patched: {right} of {len(data)}.")
    return "\n".join(lines)


def main() -> int:
    """Print the table; 1 if fewer than 95 % end healthy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--only", default="", help="only faults whose name contains this")
    parser.add_argument("--every", type=int, default=1, help="only every n-th fault")
    parser.add_argument("--skip", type=int, default=0, help="begin with this one")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="one line for each fault")
    options = parser.parse_args()
    files.write_all()
    began, holds = time.perf_counter(), True
    for part in options.part or PARTS:
        cases = list_mendable(part, options.only)[options.skip :: options.every]
        repairs = []
        with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
            for found in pool.map(repair, cases):
                if found is not None:
                    repairs.append(found)
                    if options.verbose:
                        tell(found)
        print(f"\n{part}\n\n{tabulate(repairs)}\n\n{time.perf_counter() - began:.0f} s", flush=True)
        mendable = [each.healthy["check"] for each in repairs if not each.is_data]
        holds = holds and (not mendable or bool(np.mean(mendable) >= 0.95))
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
