"""How long a command takes as a whole process, next to importing what it needs. `python tests/benchmarks/startup.py`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 9
CASES = {
    "gradients / import torch": (
        [sys.executable, "-m", "trainlab", "gradients", "--act", "sigmoid", "--layers", "30"],
        [sys.executable, "-c", "import torch"],
        0.85,
    ),
    "--help / import typer": ([sys.executable, "-m", "trainlab", "--help"], [sys.executable, "-c", "import typer"], 2.0),
}
"""A command, what it is measured against, and the ratio that it is to stay below."""


def time_process(command: list[str]) -> float:
    """Wall-clock seconds of one process, its output thrown away."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    print(f"{'whole process':28}{'seconds':>10}{'against':>10}{'ratio':>8}{'at most':>9}")
    for name, (command, other, goal) in CASES.items():
        time_process(command), time_process(other)  # fill the disk cache
        pairs = [(time_process(command), time_process(other)) for _ in range(ROUNDS)]  # in turn: both see the same machine
        ratio = statistics.median(mine / theirs for mine, theirs in pairs)
        medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
        print(f"{name:28}{medians[0]:>9.3f}s{medians[1]:>9.3f}s{ratio:>8.2f}{goal:>9.2f}{'' if ratio <= goal else '  short'}")


if __name__ == "__main__":
    main()
