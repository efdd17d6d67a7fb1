"""`make zoo`: train and judge everything, and print how far the verdicts can be believed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import torch

from tests.readme import write_table
from tests.zoo import files
from tests.zoo.cases import PARTS, Case, list_cases
from tests.zoo.score import (
    Bar,
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

RESULTS = Path(__file__).parent / "results.md"


def main() -> int:
    """Print the goals and a table of rules for each part; 1 if a goal is missed."""
    options = _read_options()
    began = time.perf_counter()
    everything = list_cases()
    cases = [case for case in everything if options.only in case.name and case.part in (options.part or PARTS)]
    if options.only:  # a fault needs its healthy twin, other units the old ones
        needed = {case.network for case in cases}
        cases += [case for case in everything if case not in cases and case.network in needed and case.kind in ("healthy", "twin")]
    files.write_all()
    outcomes = run_all(cases, options.jobs, options.kept)
    parts = {part: [each for each in outcomes if each.case.part == part] for part in PARTS}
    bars = {part: measure(members) for part, members in parts.items() if members}
    overall, rules = compose_overall(bars), "\n".join(compose_rules(part, parts[part]) for part in bars)
    print(f"{overall}\n{rules}")
    if options.verbose:
        for part in bars:
            print_misses(parts[part])
    if options.write:
        write_results(overall, rules)
    print(f"\n{len(outcomes)} runs in {time.perf_counter() - began:.0f} s")
    return int(not all(bar.holds for part in bars.values() for bar in part))


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.zoo", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--kept", type=Path, help="folder of traces: what stands there is judged again, not trained again")
    parser.add_argument("--write", action="store_true", help="into README and results.md")
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


def compose_overall(bars: Mapping[str, Sequence[Bar]]) -> str:
    """The goals and what was reached in each part, in Markdown."""
    lines = [f"| | goal | {' | '.join(bars)} |", f"| --- | ---: |{' ---: |' * len(bars)}"]
    for row in zip(*bars.values(), strict=True):
        reached = [f"{_say(bar)} of {bar.of}{'' if bar.holds else ' (missed)'}" for bar in row]
        lines.append(f"| {row[0].name} | {row[0].goal} | {' | '.join(reached)} |")
    return "\n".join(lines) + "\n"


def _say(bar: Bar) -> str:
    return f"{bar.value:.0f}" if bar.goal == "0" else f"{100 * bar.value:.1f} %"


def compose_rules(part: str, outcomes: Sequence[Outcome]) -> str:
    """The table by rule, in Markdown."""
    lines = [f"{part}:", "", "| rule | | in | faulty runs | detected | named first | near-misses | false alarms |"]
    lines += ["| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    lines += [f"| {' | '.join(row)} |" for row in tabulate_rules(outcomes)]
    return "\n".join(lines) + "\n"


def write_results(overall: str, rules: str) -> None:
    """The goals into README, between their marks; everything into `results.md`."""
    RESULTS.write_text(f"What `make zoo` printed.\n\n{overall}\n{rules}", encoding="utf-8")
    write_table("zoo", overall)


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
