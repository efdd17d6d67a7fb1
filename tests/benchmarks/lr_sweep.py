"""Does the rate that `lr-sweep` recommends hold up? `python tests/benchmarks/lr_sweep.py [NAME ...]`.

For each config the recommendation, found with three seeds, is tried with ten that the search has not seen, next to a grid of four
rates a decade. It passes a seed if it lies within a factor of 3 of the seed's best rate, or if its loss ends above that of the best
by at most 2 % of the fall. Beside it, how far the suggestion of `--range-test` lies from the median of the best rates.

Then what a sweep costs: 64 rates with 3 seeds and 500 epochs of the source chain, next to the same runs in a plain torch loop.
`cost` as the only NAME measures that alone.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from engine import CHAIN, make_runs, time_it, train_plain

from trainlab import engine
from trainlab.config import Config, validate
from trainlab.plan import Arm, Options, PlannedRun
from trainlab.studies._arms import find_end, make_arm
from trainlab.study import Settings, run

SEEDS = range(100, 110)
PASSES = 0.9  # of the seeds, over all configs: what the recommendation is meant to pass, and
DIVERGES = 0.1  # of the seeds of one config: where it may fail at most
CHEAPER = 15.0  # times: what the engine is meant to save over a plain loop
GRID = [float(f"{rate:.2g}") for rate in np.logspace(-5, 1, 25)]
DIGITS = {"data": {"name": "digits"}, "loss": "cross_entropy"}
CONFIGS: dict[str, dict[str, Any]] = {
    "source chain": {
        "model": {
            "layers": 3,
            "width": 1,
            "activation": "relu",
            "output": "same",
            "init": {"name": "constant", "value": 1.0},
            "bias": False,
        },
        "data": {"name": "linear", "samples": 100, "slope": 3.0, "intercept": 2.0, "noise": 0.1, "seed": 42},
        "loss": "mse",
        "train": {"epochs": 200},
    },
    "digits MLP, SGD": {"model": {"layers": 3, "width": 32}, "train": {"epochs": 15, "batch_size": 64}, **DIGITS},
    "digits MLP, momentum": {
        "model": {"layers": 3, "width": 32},
        "optimizer": {"name": "sgd", "momentum": 0.9},
        "train": {"epochs": 10, "batch_size": 64},
        **DIGITS,
    },
    "digits MLP, Adam": {
        "model": {"layers": 3, "width": 32},
        "optimizer": {"name": "adam"},
        "train": {"epochs": 10, "batch_size": 64},
        **DIGITS,
    },
    "digits tanh, AdamW": {
        "model": {"layers": 4, "width": 24, "activation": "tanh"},
        "optimizer": {"name": "adamw"},
        "train": {"epochs": 8, "batch_size": 128},
        **DIGITS,
    },
    "digits batch norm, SGD": {
        "model": {"layers": 4, "width": 24, "norm": "batch"},
        "train": {"epochs": 8, "batch_size": 64},
        **DIGITS,
    },
    "wine, RMSProp": {
        "model": {"layers": 2, "width": 16},
        "data": {"name": "wine"},
        "loss": "cross_entropy",
        "optimizer": {"name": "rmsprop"},
        "train": {"epochs": 40, "batch_size": 32},
    },
    "breast cancer, AdaGrad": {
        "model": {"layers": 2, "width": 16},
        "data": {"name": "breast_cancer"},
        "loss": "bce_logits",
        "optimizer": {"name": "adagrad"},
        "train": {"epochs": 20, "batch_size": 64},
    },
    "diabetes, regression, Adam": {
        "model": {"layers": 3, "width": 32},
        "data": {"name": "diabetes"},
        "loss": "mse",
        "optimizer": {"name": "adam"},
        "train": {"epochs": 30, "batch_size": 64},
    },
    "moons, full batch, SGD": {
        "model": {"layers": 3, "width": 16, "activation": "tanh"},
        "data": {"name": "moons", "samples": 400, "noise": 0.15},
        "loss": "bce_logits",
        "train": {"epochs": 300},
    },
    "negative loss (sum), SGD": {
        "model": {"layers": 3, "width": 8, "activation": "tanh", "output": "tanh"},
        "data": {"name": "random", "samples": 64, "features": 4},
        "loss": "sum",
        "train": {"epochs": 60},
    },
    "iris, deep sigmoid, Adam": {
        "model": {"layers": 4, "width": 16, "activation": "sigmoid"},
        "data": {"name": "iris"},
        "loss": "cross_entropy",
        "optimizer": {"name": "adam"},
        "train": {"epochs": 100, "batch_size": 32},
    },
    "digits CNN, Adam": {
        "model": {"kind": "cnn"},
        "optimizer": {"name": "adam"},
        "train": {"epochs": 3, "batch_size": 64},
        **DIGITS,
    },
    "adding problem, GRU, Adam": {
        "model": {"kind": "gru", "width": 16},
        "data": {"name": "adding", "samples": 512, "length": 10},
        "loss": "mse",
        "optimizer": {"name": "adam"},
        "train": {"epochs": 10, "batch_size": 64},
    },
}


def try_rates(config: Config, rates: list[float]) -> dict[float, list[tuple[float, float]]]:
    """First and final loss at each rate with each seed."""
    runs = []
    for rate in rates:
        arm = make_arm(config, {"optimizer.lr": rate})
        runs += [PlannedRun(name=arm.name, patch=arm.patch, config=replace(arm.config, seed=seed)) for seed in SEEDS]
    works = [engine.prepare(each.config, torch.device("cpu")) for each in runs]
    found: dict[float, list[tuple[float, float]]] = {rate: [] for rate in rates}
    for trace in engine.train(runs, works, [], lambda _: True):
        found[trace.config.optimizer.lr].append((float(trace.series["loss"].values[0]), find_end(trace)))
    return found


def recommend(config: Config, **chosen: Any) -> float | None:
    """What the command says."""
    options = Options(arms=(Arm(name="base", patch={}, config=config),), seeds=(0,), seeds_given=False, chosen=chosen)
    rate: float | None = run("lr-sweep", config, options, Settings()).answer.values["recommended"]
    return rate


def judge(config: Config, rate: float | None) -> tuple[float, float, float]:
    """Shares of the seeds in which a rate passes and in which it diverges; the median of the seeds' best rates."""
    rates = sorted({*GRID, *([rate] if rate else [])})
    found = try_rates(config, rates)
    passed, dead, bests = 0, 0, []
    for index in range(len(SEEDS)):
        ends = {each: found[each][index][1] for each in rates}
        best = min(ends, key=ends.__getitem__)
        bests.append(best)
        if rate is None:
            continue
        fall = found[rates[0]][index][0] - ends[best]
        passed += max(rate / best, best / rate) <= 3 or ends[rate] - ends[best] <= 0.02 * fall
        dead += not np.isfinite(ends[rate]) or ends[rate] > found[rates[0]][index][0]
    return passed / len(SEEDS), dead / len(SEEDS), float(np.median(bests))


def measure_cost(rounds: int = 3) -> tuple[float, float]:
    """Median seconds of the plain loop and of the engine, in turn, so that both see the same machine."""
    cpu = torch.device("cpu")
    runs = [replace(each, config=replace(each.config, seed=seed)) for each in make_runs(CHAIN, 64) for seed in range(3)]

    def plain() -> None:
        for each in runs:
            train_plain(engine.prepare(each.config, cpu))

    def together() -> None:
        engine.train(runs, [engine.prepare(each.config, cpu) for each in runs], ())

    train_plain(engine.prepare(runs[0].config, cpu))  # the first torch.optim step imports half a second of code
    pairs = [(time_it(plain, cpu), time_it(together, cpu)) for _ in range(rounds)]
    return float(np.median([pair[0] for pair in pairs])), float(np.median([pair[1] for pair in pairs]))


def main(names: list[str]) -> None:
    """Print the table and the cost."""
    torch.set_num_threads(1)
    if names != ["cost"]:
        print_table(names)
    if not names or "cost" in names:
        plain, together = measure_cost()
        print(f"\n64 rates x 3 seeds x 500 epochs of the chain: plain loop {plain:.1f} s, engine {together:.2f} s")
        say_bar(
            "times cheaper than a plain loop", f"{plain / together:.1f}", f"at least {CHEAPER:.0f}", met=plain / together >= CHEAPER
        )


def say_bar(what: str, reached: str, goal: str, *, met: bool) -> None:
    """One goal, what was reached, and whether that is enough."""
    print(f"{what:46}  {reached:>18}  {goal:14}{'reached' if met else 'short'}")


def print_table(names: list[str]) -> None:
    """One row a config."""
    print(f"{'config':30}{'recommended':>12}{'best':>10}{'passes':>9}{'diverges':>10}{'range test':>12}{'of best':>9}")
    shares = []
    for name, values in CONFIGS.items():
        if names and name not in names:
            continue
        config = validate(values)
        rate, hint = recommend(config), recommend(config, range_test=True)
        passed, dead, best = judge(config, rate)
        shares.append((passed, dead))
        line = f"{name:30}{rate or '-':>12}{best:>10.3g}{passed:>9.0%}{dead:>10.0%}{hint or '-':>12}"
        print(line + (f"{hint / best:>9.2g}" if hint else ""), flush=True)
    passed, dead = float(np.mean([share for share, _ in shares])), max(share for _, share in shares)
    print()
    say_bar(f"seeds that pass, over {len(shares)} configs", f"{passed:.0%}", f"at least {PASSES:.0%}", met=passed >= PASSES)
    say_bar("seeds that diverge, most in one config", f"{dead:.0%}", f"at most {DIVERGES:.0%}", met=dead <= DIVERGES)


if __name__ == "__main__":
    main(sys.argv[1:])
