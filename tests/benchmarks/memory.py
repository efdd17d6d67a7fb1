"""Memory and time of 10,000 runs, next to 64 of the same. `python tests/benchmarks/memory.py`."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

FEW, MANY = 64, 10_000
MOST_MIB = 1024.0
MOST_RATIO = 1.1


def sweep(count: int) -> None:
    """Sweep so many learning rates of the chain, into a JSON report that nobody keeps; print what it took."""
    from trainlab import study
    from trainlab.config import find_config, load, validate
    from trainlab.plan import Arm, Options
    from trainlab.renderers import json as renderer
    from trainlab.renderers._target import Target

    config = validate(load(find_config("configs/lr-sweep")).values)
    options = Options(
        arms=(Arm(name="base", patch={}, config=config),),
        seeds=(0,),
        chosen={"lr": tuple(float(f"{rate:.8g}") for rate in np.logspace(-6, -1, count))},
    )
    study.run(
        "lr-sweep", config, replace(options, chosen={"lr": (0.01, 0.1)}), study.Settings()
    )  # imports, and torch's first calls
    began = time.process_time()  # of one process on one thread: the same as its time where nobody else wants the core
    report = study.run("lr-sweep", config, options, study.Settings())
    trained = time.process_time()
    with Path("/dev/null").open("w", encoding="utf-8") as file:
        file.writelines(renderer.stream(report, Target()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(json.dumps({"peak": peak, "report": trained - began, "whole": time.process_time() - began}))


def measure(count: int) -> dict[str, float]:
    """The same in a process of its own, so that nothing else counts."""
    done = subprocess.run([sys.executable, __file__, str(count)], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print the table."""
    if len(sys.argv) > 1:
        sweep(int(sys.argv[1]))
        return
    before, many, after = measure(FEW), measure(MANY), measure(FEW)  # in turn: all see the same machine
    print(f"{'rates of the chain':28}{FEW:>12,}{MANY:>12,}{'ratio':>10}{'at most':>12}")
    for key, name in (("report", "trained and judged, ms a run"), ("whole", "and written as JSON")):
        few = (before[key] + after[key]) / 2 / FEW * 1e3
        each = many[key] / MANY * 1e3
        verdict = "" if each / few <= MOST_RATIO else "  short"
        print(f"{name:28}{few:>12.2f}{each:>12.2f}{each / few:>10.2f}{MOST_RATIO:>12.2f}{verdict}")
    verdict = "" if many["peak"] <= MOST_MIB else "  short"
    print(f"{'peak memory, MiB':28}{before['peak']:>12.0f}{many['peak']:>12.0f}{'':>10}{MOST_MIB:>12.0f}{verdict}")


if __name__ == "__main__":
    main()
