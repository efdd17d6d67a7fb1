"""Does the clipping that `clip` recommends train what dies without it? `python tests/benchmarks/clip.py [LENGTH ...]`.

The ReLU network of `configs/clip-rnn` over sequences of 100, 300 and 1,000 steps, each with three seeds: the update at which each
seed dies unclipped, what is recommended, and where each seed ends with it, next to the loss of the best constant. 1,000 steps take
some minutes.
"""

from __future__ import annotations

import sys

import torch
from lr_sweep import say_bar

from trainlab.config import apply_patch, find_config, load, validate
from trainlab.plan import Arm, Options
from trainlab.report import Run
from trainlab.studies._arms import SEEDS
from trainlab.study import Settings, run

LENGTHS = (100, 300, 1000)
BELOW = 0.9  # of the loss of the best constant: where a network that has learned ends, in every seed


def main(lengths: list[int]) -> None:
    """One block a length."""
    torch.set_num_threads(1)
    for length in lengths or LENGTHS:
        config = apply_patch(validate(load(find_config("clip-rnn")).values), {"data.length": length}).config
        options = Options(arms=(Arm(name="base", patch={}, config=config),), seeds=(config.seed,), seeds_given=False)
        report = run("clip", config, options, Settings())
        print(f"\n{length} steps: {report.answer.text}")
        died = [each.metrics["diverged_at"] for each in report.runs if each.name == "base"]
        say_bar("unclipped, seeds that die, and at which update", f"{died}", "all", met=len(died) == SEEDS and None not in died)
        best = [each for each in report.runs if each.name == report.answer.values.get("recommended")]
        shares = [find_share(each) for each in best]
        reached = f"{[round(share, 2) for share in shares]}"
        say_bar(
            "recommended, final loss of that of a constant", reached, f"each < {BELOW}", met=bool(shares) and max(shares) < BELOW
        )


def find_share(each: Run) -> float:
    """The final training loss over that of the best constant."""
    final, constant = each.metrics["train_loss"], each.metrics["constant_loss"]
    return final / constant if final is not None and constant is not None else float("inf")


if __name__ == "__main__":
    main([int(length) for length in sys.argv[1:]])
