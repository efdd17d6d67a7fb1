"""What the whole table of `overfit` costs for each network that it trains, next to a plain run of the same script.

`python tests/benchmarks/overfit.py`. In process and without imports, both with what cores there are.
"""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn

from trainlab import data, study
from trainlab.config import Config, find_config, load, validate
from trainlab.device import count_cores
from trainlab.plan import Arm, Options

AT_MOST = 1 / 3
ROUNDS = 1


def train_plain(config: Config) -> float:
    """The source's script, as anyone would write it: seconds of one run, its evaluation included."""
    loaded = data.load(config.data)
    (inputs, target), (test, _) = loaded.train, loaded.test or loaded.train
    assert target is not None
    torch.manual_seed(0)
    began = time.perf_counter()
    model = nn.Sequential(nn.Linear(20, 100), nn.ReLU(), nn.Linear(100, 1), nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loss_function = nn.BCELoss()
    wanted = target.float()[:, None]
    for _ in range(config.train.epochs):
        optimizer.zero_grad()
        loss = loss_function(model(inputs), wanted)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        model(inputs), model(test)
    return time.perf_counter() - began


def train_table(config: Config) -> tuple[float, int]:
    """Seconds of the default study, judging and tables included, and how many networks it trained."""
    options = Options(arms=(Arm(name="base", patch={}, config=config),), seeds=(0,), seeds_given=False)
    began = time.perf_counter()
    report = study.run("overfit", config, options, study.Settings(processes=None))
    seconds = time.perf_counter() - began
    return seconds, sum(not run.how.startswith("the mean") for run in report.runs)


def main() -> None:
    """Print the row."""
    import sklearn.ensemble
    import sklearn.linear_model  # noqa: F401  # what the rules need, imported before the clock starts

    config = validate(load(find_config("overfit")).values)
    train_plain(config)  # the first torch.optim step imports half a second of code
    pairs = []
    for _ in range(ROUNDS):  # before and after, so that both see the same machine
        torch.set_num_threads(count_cores())
        plain = statistics.median(train_plain(config) for _ in range(5))
        seconds, networks = train_table(config)
        torch.set_num_threads(count_cores())
        after = statistics.median(train_plain(config) for _ in range(5))
        pairs.append(((plain + after) / 2, seconds, networks))
    plain, seconds, networks = min(pairs, key=lambda each: each[1] / each[0])
    ratio = seconds / networks / plain
    verdict = "" if ratio <= AT_MOST else "  short"
    print(f"{'overfit, the whole table':32}{'plain run':>12}{'a network':>12}{'networks':>10}{'ratio':>8}{'at most':>9}")
    row = f"{'20-100-1, 400 epochs':32}{plain:>10.3f} s{seconds / networks:>10.3f} s{networks:>10}"
    print(f"{row}{ratio:>8.2f}{AT_MOST:>9.2f}{verdict}")


if __name__ == "__main__":
    main()
