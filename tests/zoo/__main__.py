"""`make zoo`: train and judge everything, and print how far the verdicts can be believed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import torch

from tests.zoo import files
from tests.zoo.cases import PARTS, Case, list_cases
from tests.zoo.score import (
    alarms,
    count_faults,
    find_harm,
    find_old,
    group,
    is_detected,
    is_named_first,
    is_same,
    measure,
    tabulate_rules,
)
from tests.zoo.trial import Outcome, try_all


def main() -> int:
    """Print a table for each part; 1 if a goal is missed."""
    options = _read_options()
    began = time.perf_counter()
    cases = [case for case in list_cases() if not options.only or options.only in case.name]
    if options.only:  # a fault needs its healthy twin
        needed = {case.network for case in cases}
        cases = [case for case in list_cases() if case in cases or (case.kind == "healthy" and case.network in needed)]
    cases = [case for case in cases if case.part in (options.part or PARTS)]
    files.write_all()
    outcomes = run_all(cases, options.jobs, options.kept)
    parts = [part for part in PARTS if any(each.case.part == part for each in outcomes)]
    missed = False
    for part in parts:
        members = [each for each in outcomes if each.case.part == part]
        print(f"\n### {part}: {len(members)} runs\n")
        print_rules(members)
        print()
        missed |= print_bars(members)
        if options.verbose:
            print_misses(members)
    print(f"\n{len(outcomes)} runs in {time.perf_counter() - began:.0f} s")
    return int(missed)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.zoo", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--kept", type=Path, help="folder of traces: what stands there is judged again, not trained again")
    parser.add_argument("--verbose", action="store_true", help="list what went wrong")
    return parser.parse_args()


def run_all(cases: Sequence[Case], jobs: int, kept: Path | None) -> list[Outcome]:
    """Every case, network by network, the dearest first."""
    networks: dict[str, list[Case]] = {}
    for case in cases:
        networks.setdefault(case.network, []).append(case)
    parts = sorted(networks.values(), key=len, reverse=True)
    tell = partial(print, file=sys.stderr)
    if jobs == 1:
        torch.set_num_threads(1)
        return [each for part in parts for each in try_all(part, kept, tell)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        found = pool.map(partial(try_all, kept=kept), parts)
        return [each for part in found for each in part]


def print_rules(outcomes: Sequence[Outcome]) -> None:
    """The table by rule, in Markdown."""
    print("| rule | | faulty runs | detected | named first | false alarms |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for row in tabulate_rules(outcomes):
        print(f"| {' | '.join(row)} |")


def print_bars(outcomes: Sequence[Outcome]) -> bool:
    """The table of goals, in Markdown; whether one is missed."""
    print("| | reached | goal | runs |")
    print("| --- | ---: | ---: | ---: |")
    bars = measure(outcomes)
    for bar in bars:
        value = f"{bar.value:.0f}" if bar.goal == "0" else f"{100 * bar.value:.1f} %"
        print(f"| {bar.name} | {value} | {bar.goal}{'' if bar.holds else ' (missed)'} | {bar.of} |")
    return not all(bar.holds for bar in bars)


def print_misses(outcomes: Sequence[Outcome]) -> None:
    """Every verdict that is not as it should be, and how to see it."""
    cases = group(outcomes)
    counted = count_faults(outcomes)
    healthy = {case.network: members for case, members in cases.items() if case.kind == "healthy"}
    for case, members in cases.items():
        told = " / ".join(",".join(each.code for each in seed.faults) or "-" for seed in members)
        right = True
        note = ""
        if case.kind in ("healthy", "near-miss"):
            right = not any(map(alarms, members))
        elif case.kind == "fault":
            note = find_harm(members, healthy[case.network]) if case.network in healthy else ""
            if case in counted:
                right = all(is_detected(each) and is_named_first(each) for each in members)
            else:
                note = "no harm"
                right = False
        elif case.kind == "rescaled":
            old = [find_old(each, outcomes) for each in members]
            right = all(map(is_same, members, old))
            note = " / ".join(",".join(found.code for found in each.faults) or "-" for each in old)
        if not right:
            print(f"\n{case.kind} {case.what} {','.join(case.codes)}: {told}  [{note}]\n    {case.command}")


if __name__ == "__main__":
    sys.exit(main())
