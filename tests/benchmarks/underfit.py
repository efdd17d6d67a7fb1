"""Does `underfit` name the cause first? `python -m tests.benchmarks.underfit [--only TEXT] [--jobs N] [--write] [--verbose]`.

One cause after another is built into networks of the zoo that train well, each into several kinds of them, and `trainlab underfit`
is asked, as a user would type it. A cause counts as named if its first line says it: by a rule that stands for it, or, where only a
change that mends it shows it, in these words. The same networks as they are must not be said to be hindered by anything.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import torch

from tests.readme import write_table
from tests.zoo import files
from tests.zoo.cases import Case, find_part, make_config
from trainlab.plan import Arm, Options
from trainlab.study import Settings, run

ENOUGH = 0.95
MLP, REGRESSION, MOMENTUM, WINE = "mlp-digits-sgd", "mlp-linear-converged", "mlp-digits-momentum", "mlp-wine-sgd"
CNN, ELU, NORMED, RESNET = "cnn-digits-adam", "cnn-digits-elu", "cnn-digits-momentum", "resnet-digits-adamw"
GRU, ADDING, RNN, RECTIFIED, LSTM = "gru-digits-adam", "gru-adding-adam", "rnn-digits-adam", "rnn-digits-relu", "lstm-digits-adam"
TRANSFORMER, CHARS = "transformer-digits-adamw", "transformer-chars-adamw"
NETWORKS = (MLP, REGRESSION, MOMENTUM, WINE, CNN, ELU, NORMED, RESNET, GRU, ADDING, RNN, RECTIFIED, LSTM, TRANSFORMER, CHARS)
HEALTHY = -1  # the place of a cause that is none
KINDS = {
    "MLP": ("mlp", "residual", "deep"),
    "CNN, ResNet": ("cnn", "resnet"),
    "RNN, LSTM, GRU": ("rnn", "lstm", "gru"),
    "transformer": ("transformer",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """A cause, and what puts it into networks.

    Attributes:
        what: the cause.
        codes: of the rules that stand for it.
        words: of the first line, any of which say it too.
        into: a patch, as `--set` takes it, by network.
    """

    what: str
    codes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    into: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What `underfit` said of one network with one cause; of a healthy one `injected` is None."""

    injected: Injected | None
    network: str
    patch: str
    text: str
    values: Mapping[str, Any]
    seconds: float

    @property
    def right(self) -> bool:
        """It names the cause; of a healthy network, that it names none."""
        if self.injected is None:
            return self.values["verdict"] in ("healthy", "limited")
        return self.values["cause"] in self.injected.codes or any(words in self.text for words in self.injected.words)


CAUSES = (
    Injected(
        what="rate too low",
        codes=("L002", "G008"),
        words=("learning rate is too low",),
        into={MLP: "optimizer.lr=1e-4", CNN: "optimizer.lr=1e-5", GRU: "optimizer.lr=3e-5", TRANSFORMER: "optimizer.lr=1e-5"},
    ),
    Injected(
        what="rate too high",
        codes=("L001", "L003", "L008", "G008"),
        words=("learning rate is too high",),
        into={MLP: "optimizer.lr=3", CNN: "optimizer.lr=1", GRU: "optimizer.lr=3", TRANSFORMER: "optimizer.lr=1"},
    ),
    Injected(
        what="initial weights all zero",
        codes=("G007",),
        words=("initial weights do not suit",),
        into={MLP: "model.init=zeros", CNN: "model.init=zeros", GRU: "model.init=zeros", RESNET: "model.init=zeros"},
    ),
    Injected(
        what="initial weights too large",
        codes=("G007", "G002", "G004"),
        words=("initial weights do not suit",),
        into={
            MLP: "model.init={name: normal, std: 10.0}",
            CNN: "model.init={name: normal, std: 5.0}",
            RNN: "model.init={name: normal, std: 10.0}",
            CHARS: "model.init={name: normal, std: 3.0}",
        },
    ),
    Injected(
        what="initial weights too small",
        codes=("G007", "G001"),
        words=("initial weights do not suit",),
        into={
            MLP: "model.layers=6,model.init={name: normal, std: 0.01}",
            CNN: "model.layers=6,model.init={name: normal, std: 0.0001}",
            GRU: "model.layers=4,model.init={name: normal, std: 1.0e-5}",
        },
    ),
    Injected(
        what="features not scaled",
        codes=("D001",),
        words=("features are not scaled",),
        into={
            WINE: "data.standardize=false",
            CNN: "data={name: npz, path: digits-images-units.npz}",
            LSTM: "data={name: npz, path: digits-images-units.npz}",
            GRU: "data={name: npz, path: digits-images-units.npz}",
        },
    ),
    Injected(
        what="labels that mean nothing",
        codes=("D008", "D003"),
        words=("nothing in the inputs tells",),
        into={
            MLP: "data.label_noise=0.9",
            CNN: "data.label_noise=0.9",
            GRU: "data.label_noise=0.9",
            TRANSFORMER: "data.label_noise=0.9",
        },
    ),
    Injected(
        what="labels that are noisy",
        codes=("D003",),
        into={
            MLP: "data.label_noise=0.4",
            CNN: "data.label_noise=0.4",
            GRU: "data.label_noise=0.4",
            TRANSFORMER: "data.label_noise=0.4",
        },
    ),
    Injected(
        what="batches that are sorted",
        codes=("D002",),
        words=("batches are not shuffled",),
        into={
            MLP: "data={name: npz, path: digits-sorted.npz, test_fraction: 0.0},train.shuffle=false",
            CNN: "data={name: npz, path: digits-images-sorted.npz, test_fraction: 0.0},train.shuffle=false",
            GRU: "data={name: npz, path: digits-images-sorted.npz, test_fraction: 0.0},train.shuffle=false",
        },
    ),
    Injected(
        what="classes out of balance",
        codes=("D004",),
        into={"mlp-digits-adam": "data.imbalance=60", CNN: "data.imbalance=60", GRU: "data.imbalance=60"},
    ),
    Injected(
        what="outliers",
        codes=("D005", "G009"),
        into={
            REGRESSION: "data.outliers=0.02,data.outlier_value=100",
            "mlp-classification-decay": "data.outliers=0.02,data.outlier_size=200",
            ADDING: "data.outliers=0.02,data.outlier_size=100",
        },
    ),
    Injected(
        what="a hole in the data",
        codes=("D006",),
        into={
            WINE: "data={name: npz, path: wine-hole.npz}",
            CNN: "data={name: npz, path: digits-images-hole.npz}",
            GRU: "data={name: npz, path: digits-images-hole.npz}",
        },
    ),
    Injected(
        what="too few units",
        words=("network is too small",),
        into={MOMENTUM: "model.width=1", ELU: "model.width=1", LSTM: "model.width=1", GRU: "model.width=1"},
    ),
    Injected(
        what="penalties too strong",
        codes=("F003",),
        words=("too much regularisation",),
        into={
            MLP: "optimizer.weight_decay=1",
            "mlp-digits-adam": "regularize.l1=0.1",
            CNN: "optimizer.weight_decay=3",
            GRU: "optimizer.weight_decay=1",
            "mlp-digits-dropout": "model.dropout=0.95",
        },
    ),
    Injected(
        what="the squared error on classes",
        codes=("M001",),
        words=("loss or the output does not go with the task",),
        into={MLP: "loss=mse,model.output=softmax", CNN: "loss=mse,model.output=softmax", GRU: "loss=mse,model.output=softmax"},
    ),
    Injected(
        what="a wrong output activation",
        codes=("M002", "M001"),
        words=("loss or the output does not go with the task",),
        into={
            REGRESSION: "model.output=sigmoid",
            CNN: "model.output=softmax",
            ADDING: "model.output=sigmoid",
            "lstm-adding-adam": "model.output=sigmoid",
        },
    ),
    Injected(
        what="samples that mix in a batch",
        codes=("M003",),
        into={
            WINE: "model={kind: layers, modules: [{Linear: [13, 16]}, {BatchNorm1d: {num_features: 16, "
            "track_running_stats: false}}, ReLU, {Linear: [16, 3]}]}",
            CNN: "model={kind: layers, modules: [{Unflatten: [1, [1, 8, 8]]}, {Conv2d: [1, 8, 3]}, {BatchNorm2d: {num_features: 8, "
            "track_running_stats: false}}, ReLU, {AdaptiveAvgPool2d: [2]}, Flatten, {Linear: [32, 10]}]}",
            MOMENTUM: "model={kind: layers, modules: [{Unflatten: [1, [8, 8]]}, {TransformerEncoderLayer: {d_model: 8, nhead: 2, "
            "dim_feedforward: 16, dropout: 0.0}}, Flatten, {Linear: [64, 10]}]}",
        },
    ),
    Injected(
        what="dead units",
        codes=("G003",),
        into={
            MLP: "model.init={name: he_normal, bias: -20}",
            CNN: "model.init={name: he_normal, bias: -100}",
            RECTIFIED: "model.init={name: he_normal, bias: -500}",
        },
    ),
    Injected(
        what="a gradient that vanishes",
        codes=("G001",),
        words=("signal or the gradient is lost",),
        into={
            "mlp-digits-adam": "model.layers=10,model.activation=sigmoid",
            CNN: "model.layers=9,model.activation=sigmoid,model.pooling=none",
            RESNET: "model.layers=20,model.activation=sigmoid,model.norm=none,model.residual=false",
        },
    ),
    Injected(
        what="a gradient that explodes",
        codes=("G002", "G007", "G006"),
        into={
            MLP: "model.layers=20,model.init={name: he_normal, gain: 2}",
            NORMED: "model.layers=12,model.norm=none,model.pooling=none,model.init={name: he_normal, gain: 2}",
            RECTIFIED: "clip={mode: none},model.recurrent_init={name: identity, gain: 5},optimizer={name: sgd, lr: 0.01}",
        },
    ),
    Injected(
        what="clipping that leaves nothing",
        codes=("C001",),
        words=("clipping leaves too little",),
        into={
            MLP: "clip={mode: norm, threshold: 0.001}",
            NORMED: "clip={mode: norm, threshold: 0.001}",
            "resnet-digits-onecycle": "clip={mode: norm, threshold: 0.0001}",
        },
    ),
)


def name_cause(task: tuple[int, str, str]) -> Named:
    """What `underfit` says of a network with a patch; `task` is the cause's place in CAUSES, HEALTHY of none."""
    torch.set_num_threads(1)
    place, network, patch = task
    began = time.perf_counter()
    config = make_config(Case(network=network, part=find_part(network), kind="fault", patch=patch), 0)
    options = Options(arms=(Arm(name="base", patch={}, config=config),), seeds=(0,), seeds_given=False, chosen={}, budget=None)
    answer = run("underfit", config, options, Settings()).answer
    return Named(
        injected=None if place == HEALTHY else CAUSES[place],
        network=network,
        patch=patch,
        text=answer.text,
        values=answer.values,
        seconds=time.perf_counter() - began,
    )


def list_tasks(only: str = "") -> list[tuple[int, str, str]]:
    """Every cause in every network, then the networks as they are, where the name of one of them contains `only`."""
    causes = [(place, network, patch) for place, each in enumerate(CAUSES) for network, patch in each.into.items()]
    tasks = [*causes, *((HEALTHY, network, "") for network in NETWORKS)]
    return [task for task in tasks if only in f"{name_task(task)} {task[1]}"]


def name_task(task: tuple[int, str, str]) -> str:
    """The cause, or `healthy`."""
    return "healthy" if task[0] == HEALTHY else CAUSES[task[0]].what


def tabulate(found: Sequence[Named]) -> str:
    """How many of the causes were named first, by kind of network, in Markdown; last the healthy networks."""
    columns = {name: [each for each in found if find_kind(each) in kinds] for name, kinds in KINDS.items()}
    lines = [f"| cause | {' | '.join(columns)} |", f"| --- |{' ---: |' * len(columns)}"]
    for cause in CAUSES:
        members = {name: [each.right for each in column if each.injected is cause] for name, column in columns.items()}
        lines += [f"| {cause.what} | {' | '.join(map(count, members.values()))} |"] if any(members.values()) else []
    causes = [count([each.right for each in column if each.injected]) for column in columns.values()]
    healthy = [count([not each.right for each in column if not each.injected]) for column in columns.values()]
    lines += [f"| **named first** | {' | '.join(causes)} |", f"| healthy networks said to be hindered | {' | '.join(healthy)} |"]
    return "\n".join(lines) + "\n"


def find_kind(named: Named) -> str:
    """The kind of network, as its file's name has it."""
    return named.network.partition("-")[0]


def count(values: Sequence[bool]) -> str:
    """`2 of 3`; `-` of none."""
    return f"{sum(values)} of {len(values)}" if values else "-"


def tell(named: Named) -> None:
    """One line for a network."""
    what = named.injected.what if named.injected else "healthy"
    sign, cause = "+" if named.right else "-", named.values["cause"]
    print(f"{sign}  {what} | {named.network} {named.patch} | {cause} | {named.seconds:.0f} s | {named.text}", flush=True)


def main() -> int:
    """Print the table; 1 if fewer than 95 % of the causes are named first, or a healthy network is said to be hindered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only causes and networks whose name contains this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="the table into README")
    parser.add_argument("--verbose", action="store_true", help="one line for each network")
    options = parser.parse_args()
    files.write_all()
    began = time.perf_counter()
    found = []
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for named in pool.map(name_cause, list_tasks(options.only)):
            found.append(named)
            if options.verbose:
                tell(named)
    table = tabulate(found)
    print(f"\n{table}\n{time.perf_counter() - began:.0f} s")
    if options.write:
        write_table("underfit", table)
    causes, healthy = ([each.right for each in found if (each.injected is None) == none] for none in (False, True))
    return int(sum(causes) < ENOUGH * len(causes) or not all(healthy))


if __name__ == "__main__":
    sys.exit(main())
