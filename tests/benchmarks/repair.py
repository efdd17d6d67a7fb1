"""Does `check` mend what is broken? `python -m tests.benchmarks.repair [--part P] [--only TEXT] [--all] [--write] [--verbose]`.

Faulty networks of the zoo are given to `trainlab check` as a user would type it, and what it would write is trained with three
seeds that nothing was chosen by: of every fault the case that is trained soonest, of those in MLPs where there is one; with
`--kind` of those in other kinds of networks, each for itself, or with `--once` the soonest of them; with `--all` every case there
is, in hours. A network ends healthy if it does as well as its twin without the fault: a share right in the test part, or an R2,
less than 0.02 lower, or lower by what seeds and samples make of chance, and never by 0.1. The twin trains as long, where that is
not the fault, on the same data: noise, missing samples and sorted files stay, since no patch can bring back what is not there. A
case that costs nothing does not count: the next one stands for the fault. What costs nothing anywhere counts if it is there or
not, whatever it costs. Where a network knows its samples by heart, the loss on the test part must be at most a tenth above the
twin's as well.

Beside it, in the same table: to do nothing, and the best of as many patches, drawn at random from those of all remedies, chosen by
the same measure. Faults that lie in the data count as right when they are named and nothing is patched, or, where a class is
rare, no more is got wrong in a test part that has all classes alike. Healthy networks of the same kinds must be left as they are.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch

from tests.readme import write_table
from tests.zoo import files
from tests.zoo.cases import PARTS, Case, list_cases, make_config
from trainlab import engine
from trainlab.comparing import compare_accuracy
from trainlab.config import Config, apply_patch, parse_patch
from trainlab.errors import UserError
from trainlab.judging import list_rules
from trainlab.plan import Arm, Options, PlannedRun
from trainlab.report import Trace
from trainlab.studies._arms import hold_back
from trainlab.studies._exploring import CONTROL
from trainlab.studies._remedies import load_remedies
from trainlab.studies._standing import Standing, choose, read_loss
from trainlab.study import Settings, run

DATA = {"D003", "D004", "D006", "D007", "D008"}
FIT = {"F001", "F004"}  # what a network knows by heart costs its loss on new samples first
UNDONE = (
    "data.standardize",
    "data.outliers",
    "data.outlier_size",
    "data.outlier_value",
)  # faults of the data that a patch can undo
LASTING = ("train.epochs", "train.batch_size")  # how long it trains
BUDGET = 40.0
SEEDS = (100, 101, 102)
WORSE = 0.02
CHANCE = 0.1  # no chance makes this much: one of three seeds that fails is no chance either
LOSSIER = 1.1
ENOUGH = 0.95
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
    seconds: float = 0.0

    @property
    def is_data(self) -> bool:
        """The fault lies in the data."""
        return is_data(self.case)


def is_data(case: Case) -> bool:
    """No patch can mend it."""
    return set(case.codes) <= DATA


def repair_first(cases: Sequence[Case]) -> Repair | None:
    """The first of the cases that costs something, else the first one if it is there whatever it costs, and how long it took."""
    began = time.perf_counter()
    found = next(filter(None, map(repair, cases)), None)
    if found is None and cases[0].is_fact:
        found = repair(cases[0], whatever=True)
    return None if found is None else replace(found, seconds=time.perf_counter() - began)


def repair(case: Case, *, whatever: bool = False) -> Repair | None:
    """Check a faulty network, and train what comes of it. None of a fault that costs nothing here, unless `whatever` it costs."""
    torch.set_num_threads(1)
    config = make_config(case, 0)
    twin, faulty = ([], []) if is_data(case) else try_out(undo(case), config)
    measure = loses_little if set(case.codes) & FIT else does_as_well
    if not (whatever or is_data(case)) and measure(twin, faulty):
        return None
    values = check(config)
    patch = values.get("mended")
    if is_data(case):
        right = values["cause"] in (*case.codes, *case.also) and (patch is None or makes_up(case, config, patch))
        found = {"check": right, "nothing": False, "random": False}
        return Repair(case=case, named=values["cause"] or "", patch=patch, cost=values.get("cost", 1.0), scores={}, healthy=found)
    mended = apply_patch(config, patch).config if patch else config
    checked, by_chance = try_out(mended, mend_at_random(case, config, values.get("tried", 0)))
    by_arm = {"twin": twin, "check": checked, "nothing": faulty, "random": by_chance}
    return Repair(
        case=case,
        named=values["cause"] or "",
        patch=patch,
        cost=values.get("cost", 1.0),
        scores={name: read_score(each) for name, each in by_arm.items()},
        healthy={name: measure(by_arm["twin"], by_arm[name]) for name in ARMS},
    )


def makes_up(case: Case, config: Config, patch: Mapping[str, Any]) -> bool:
    """Whether the patch is one for what a class lacks in samples, and costs nothing where all classes count alike."""
    if "D004" not in case.codes:
        return False
    before, after = try_out(config, apply_patch(config, patch).config)
    return does_as_well(before, after)


def check(config: Config) -> Mapping[str, Any]:
    """What the answer of a check holds."""
    arm = Arm(name="base", patch={}, config=config)
    options = Options(arms=(arm,), seeds=(0,), seeds_given=False, chosen={"try": True}, budget=BUDGET)
    return run("check", config, options, Settings()).answer.values


def is_left(case: Case) -> bool:
    """Whether a check of a healthy network changes nothing."""
    torch.set_num_threads(1)
    return check(make_config(case, 0)).get("mended") is None


def try_out(*configs: Config) -> list[list[Trace]]:
    """For each config, one trace for each of the seeds that nothing was chosen by."""
    runs = [PlannedRun(name="base", patch={}, config=replace(config, seed=seed)) for config in configs for seed in SEEDS]
    traces = train(runs)
    return [traces[start : start + len(SEEDS)] for start in range(0, len(traces), len(SEEDS))]


def undo(case: Case) -> Config:
    """The network without its fault, on the same data; trained as long, unless it overfits by that."""
    patch = parse_patch(case.patch)
    lasting = () if set(case.codes) & FIT else LASTING
    kept = {key: value for key, value in patch.items() if key in lasting or (key.split(".")[0] == "data" and key not in UNDONE)}
    config = make_config(replace(case, patch=case.twin), 0)
    whole = replace(config, data=make_config(case, 0).data) if kept.pop("data", None) else config
    return apply_patch(whole, kept).config


def mend_at_random(case: Case, config: Config, count: int) -> Config:
    """The best of so many random patches, chosen as `check` chooses."""
    stream = random.Random(case.name)
    patches = [patch for remedy in load_remedies().values() for patch in remedy.propose(config)]
    chosen = stream.sample(patches, min(count, len(patches)))
    held = hold_back(config)
    arms = {CONTROL: {}, **{str(place): patch for place, patch in enumerate(chosen)}}
    runs = []
    for name, patch in arms.items():
        try:
            changed = apply_patch(config, {**held, **patch}).config
            for each in (changed, apply_patch(config, patch).config):
                engine.prepare(each, CPU)
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
    """Whether an arm is no worse than the twin by more than 0.02, or by more than chance, of which there is less than 0.1."""
    less = read_score(twin) - read_score(arm)
    if not WORSE <= less < CHANCE:
        return less < WORSE
    part = "test" if "test-correct" in twin[0].arrays else "train"
    compared = compare_accuracy([twin, arm], part)
    return bool(compared) and compared[0].verdict != "harms"


def loses_little(twin: Sequence[Trace], arm: Sequence[Trace]) -> bool:
    """Whether the loss on the test part is at most a tenth above the twin's, and as many are right; a diverged run loses all."""
    losses = [np.mean([read_loss(trace, "test_loss") for trace in each]) for each in (twin, arm)]
    return bool(losses[1] <= LOSSIER * losses[0]) and does_as_well(twin, arm)


def list_mendable(part: str, only: str) -> list[Case]:
    """Faults of a network that count as such: what is only worth knowing needs no mending, and a sweep is none."""
    known = list_rules()
    return [
        case
        for case in list_cases()
        if case.kind == "fault"
        and case.part == part
        and only in f"{case.what} {case.name}"
        and "C005" not in case.codes
        and not case.rates
        and set(case.codes) <= set(known)
    ]


def sample(cases: Sequence[Case], kinds: Sequence[str] = (), *, once: bool = False) -> list[list[Case]]:
    """The cases of every fault, what is trained soonest first, in each of the kinds of network; without any, MLPs before others."""
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        if not kinds or find_kind(case) in kinds:
            groups.setdefault((case.what, find_kind(case) if kinds and not once else ""), []).append(case)
    return [
        sorted(members, key=lambda case: (not kinds and find_kind(case) != "mlp", estimate(case))) for members in groups.values()
    ]


def estimate(case: Case) -> int:
    """What orders cases by how long they train."""
    config = make_config(case, 0)
    return engine.prepare(config, CPU).updates * getattr(config.model, "layers", 2)


def find_kind(case: Case) -> str:
    """The kind of network, as its file's name has it."""
    return case.network.partition("-")[0]


def list_healthy(part: str, only: str) -> list[Case]:
    """Networks as they are."""
    return [case for case in list_cases() if case.kind == "healthy" and case.part == part and only in case.name]


def tell(found: Repair) -> None:
    """One line for a case."""
    scores = " ".join(f"{name} {score:.3f}" for name, score in found.scores.items())
    state = " ".join(f"{name}{'+' if found.healthy[name] else '-'}" for name in ARMS)
    cost = f"cost {found.cost:.1f}, {found.seconds:.0f} s"
    print(
        f"{state}  {found.case.codes[0]} {found.case.name} | {found.named} | {found.patch} | {cost} | {scores}",
        flush=True,
    )


def tabulate(found: Mapping[str, tuple[Sequence[Repair], Sequence[bool]]]) -> str:
    """What became of the faulty and the healthy networks of each part, in Markdown."""
    columns = [count(repairs, left) for repairs, left in found.values()]
    lines = [f"| | {' | '.join(found)} |", f"| --- |{' ---: |' * len(found)}"]
    lines += [f"| {name} | {' | '.join(column[name] for column in columns)} |" for name in columns[0]]
    return "\n".join(lines) + "\n"


def count(repairs: Sequence[Repair], left: Sequence[bool]) -> dict[str, str]:
    """One column, by row."""
    mendable = [each for each in repairs if not each.is_data]
    data = [each.healthy["check"] for each in repairs if each.is_data]
    names = (
        "healthy after `check --write`",
        "healthy after doing nothing",
        "healthy after as many random patches, the best of them",
    )
    shares = {arm: share([each.healthy[arm] for each in mendable]) for arm in ARMS}
    return {
        **{name: f"{100 * shares[arm]:.1f} % of {len(mendable)}" for name, arm in zip(names, ARMS, strict=True)},
        "cost of `check`, in trainings of the config, mean": f"{share([each.cost for each in mendable]):.1f}",
        "faults of the data that are named, and nothing made worse": f"{sum(data)} of {len(data)}",
        "healthy networks that are changed": f"{len(left) - sum(left)} of {len(left)}",
    }


def share(values: Sequence[float]) -> float:
    """The mean; not a number of nothing."""
    return float(np.mean(values)) if values else float("nan")


def main() -> int:
    """Print the table; 1 if fewer than 95 % end healthy in a part, or a healthy network is changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--only", default="", help="only networks and faults whose name contains this")
    parser.add_argument("--kind", action="append", default=[], help="of network: cnn, resnet, rnn, lstm, gru, transformer, ...")
    parser.add_argument("--once", action="store_true", help="each fault in one kind of network, that which is trained soonest")
    parser.add_argument("--all", action="store_true", help="every case of every fault, not the sample")
    parser.add_argument("--skip", type=int, default=0, help="begin with this fault")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="the table into README")
    parser.add_argument("--verbose", action="store_true", help="one line for each fault")
    options = parser.parse_args()
    files.write_all()
    began = time.perf_counter()
    parts: dict[str, tuple[list[Repair], list[bool]]] = {}
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for part in options.part or PARTS:
            cases = list_mendable(part, options.only)
            repairs = []
            groups = [[case] for case in cases] if options.all else sample(cases, options.kind, once=options.once)
            for found in pool.map(repair_first, groups[options.skip :]):
                if found is not None:
                    repairs.append(found)
                    if options.verbose:
                        tell(found)
            healthy = [
                case for case in list_healthy(part, options.only) if options.all or find_kind(case) in (options.kind or ["mlp"])
            ]
            parts[part] = repairs, list(pool.map(is_left, healthy))
    table = tabulate(parts)
    print(f"\n{table}\n{time.perf_counter() - began:.0f} s")
    if options.write:
        write_table("repair", table)
    mended = [share([each.healthy["check"] for each in repairs if not each.is_data]) for repairs, _ in parts.values()]
    return int(any(each < ENOUGH for each in mended) or not all(all(left) for _, left in parts.values()))


if __name__ == "__main__":
    sys.exit(main())
