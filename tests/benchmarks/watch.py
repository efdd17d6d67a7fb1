"""What watching adds to a training step, and to a process. `python tests/benchmarks/watch.py [WORD...]`.

The same steps are made watched and unwatched in turn, on one thread, and their processor time is compared: other programs on the
machine do not count. Once with the default sampling, and once with every tenth step looked at closely whatever it costs. With
words, the cases only whose names have one of them.

Beside it, where wandb is installed, `wandb.watch` of the gradients on the same steps, at every tenth of them and at every one,
offline, in a folder of its own.
"""

from __future__ import annotations

import contextlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainlab.watch import Observer

ROUNDS = 9
ADDED_MIB = 40.0  # to the interpreter
ADDED_SHARE = 0.02  # of the tensors


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.short = nn.Identity() if before == after else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, before, height, width]` to `[sample, after, height / stride, width / stride]`."""
        return functional.relu(self.body(inputs) + self.short(inputs))


def make_resnet() -> tuple[nn.Module, Tensor, Tensor]:
    """ResNet-20 on 32 pictures of 32x32."""
    widths = [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2 + [(32, 64, 2)] + [(64, 64, 1)] * 2
    blocks = [Block(*each) for each in widths]
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    model = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    return model, torch.randn(32, 3, 32, 32), torch.randint(10, (32,))


class Gpt(nn.Module):
    """Six layers of 192, six heads, 64 characters back."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(192, 6, 768, 0.1, "gelu", batch_first=True, norm_first=True)
        self.words, self.places = nn.Embedding(65, 192), nn.Parameter(torch.zeros(64, 192))
        self.body = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)
        self.head = nn.Linear(192, 65)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, place]` to `[sample x place, character]`."""
        mask = nn.Transformer.generate_square_subsequent_mask(inputs.shape[1])
        return self.head(self.body(self.words(inputs) + self.places, mask=mask, is_causal=True)).flatten(0, 1)


def make_gpt() -> tuple[nn.Module, Tensor, Tensor]:
    """Characters, 8 texts of 64."""
    return Gpt(), torch.randint(65, (8, 64)), torch.randint(65, (8 * 64,))


def make_mlp() -> tuple[nn.Module, Tensor, Tensor]:
    """A step of about 4 ms."""
    layers = [each for _ in range(6) for each in (nn.Linear(256, 256), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(256, 10)), torch.randn(128, 256), torch.randint(10, (128,))


CASES: dict[str, tuple[Callable[[], tuple[nn.Module, Tensor, Tensor]], int, float]] = {
    "ResNet-20, batch 32": (make_resnet, 10, 0.03),
    "GPT of 6 x 192, 8 x 64": (make_gpt, 10, 0.03),
    "MLP of 7 x 256, batch 128": (make_mlp, 50, 0.08),
}
"""Each case with the steps of a round, and the share of a step that watching may add."""


def make_step(build: Callable[[], tuple[nn.Module, Tensor, Tensor]]) -> tuple[nn.Module, Callable[[], None]]:
    """A network, and a training step as anyone would write it."""
    torch.manual_seed(0)
    model, inputs, target = build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(inputs), target)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return model, step


def measure(build: Callable[[], tuple[nn.Module, Tensor, Tensor]], steps: int, wandb: Any) -> list[float]:
    """Median seconds of an unwatched step, and the median shares that are added to it.

    By watching, by default and without a limit; and, where there is a run of wandb, by its watching at every tenth step and at all.
    """
    model, step = make_step(build)
    default, unlimited = Observer(), Observer(max_overhead=float("inf"))

    def time_steps() -> float:
        began = time.process_time()
        for _ in range(steps):
            step()
        return (time.process_time() - began) / steps

    def time_watched(observer: Observer, idle: float) -> float:
        if observer.began is not None:
            observer.began += idle  # what is made in between is none of the time that it watches
        observer.install()
        try:
            return time_steps()
        finally:
            observer.remove()

    def time_wandb(frequency: int) -> float:
        wandb.watch(model, log="gradients", log_freq=frequency)
        try:
            began = time.process_time()
            for _ in range(steps):
                step()
                wandb.log({})
            return (time.process_time() - began) / steps
        finally:
            wandb.unwatch(model)

    found = []
    ended = dict.fromkeys((id(default), id(unlimited)), time.perf_counter())
    for _ in range(ROUNDS + 1):
        row = [time_steps()]
        for observer in (default, unlimited):
            row.append(time_watched(observer, time.perf_counter() - ended[id(observer)]))
            ended[id(observer)] = time.perf_counter()
        row += [time_wandb(frequency) for frequency in (10, 1)] if wandb is not None else []
        found.append(row)
    kept = found[1:]  # the first ten updates are all looked at
    return [
        statistics.median(row[0] for row in kept),
        *(statistics.median(row[which] / row[0] - 1 for row in kept) for which in range(1, len(kept[0]))),
    ]


@contextlib.contextmanager
def open_wandb() -> Iterator[Any]:
    """A run of it that sends nothing anywhere; None where it is not installed."""
    try:
        import wandb
    except ModuleNotFoundError:
        print("wandb is not installed: its columns stay empty")
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        run = wandb.init(mode="offline", dir=folder, settings=wandb.Settings(silent=True, console="off"))
        yield wandb
        run.finish()


def train_and_tell(name: str) -> None:
    """Thirty steps; then in MiB the largest memory of the process so far, the largest before them, and the parameters."""
    before = read_peak()
    model, step = make_step(CASES[name][0])
    for _ in range(30):
        step()
    size = sum(each.numel() * each.element_size() for each in model.parameters())
    print(read_peak(), before, size / 2**20)


def read_peak() -> float:
    """Not getrusage: that keeps what the process had before it became this program, which is what its parent had."""
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak) / 1024


def measure_memory(name: str) -> tuple[float, float, float]:
    """Peak MiB of the plain process, what watching adds, and what it may: interpreter, a snapshot, a share of the tensors."""
    found = []
    for command in ([], ["-m", "trainlab", "watch", "-q", "--output", "/dev/null"]):
        line = [sys.executable, *command, __file__, "--tell", name]
        out = subprocess.run(line, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]).stdout
        found.append([float(each) for each in out.split()])
    peak, before, snapshot = found[0]
    return peak, found[1][0] - peak, ADDED_MIB + snapshot + ADDED_SHARE * (peak - before)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["--tell"]:
        train_and_tell(sys.argv[2])
        return
    chosen = sys.argv[1:] or list(CASES)
    with open_wandb() as wandb:
        heads = ("step", "added", "at most", "no limit", "wandb 1/10", "wandb 1/1", "memory", "added", "at most")
        print(f"{'watched, 1 thread':26}" + "".join(f"{head:>11}" for head in heads))
        for name, (build, steps, goal) in CASES.items():
            if not any(word in name for word in chosen):
                continue
            seconds, share, unlimited, *theirs = measure(build, steps, wandb)
            plain, added, most = measure_memory(name)
            shares = [f"{100 * each:.1f} %" for each in (share, goal, unlimited, *theirs)] + ["-"] * (2 - len(theirs))
            cells = [f"{1000 * seconds:.1f} ms", *shares, f"{plain:.0f} MiB", f"{added:.1f} MiB", f"{most:.1f} MiB"]
            verdict = "" if share <= goal and added <= most else "  short"
            print(f"{name:26}" + "".join(f"{cell:>11}" for cell in cells) + verdict)


if __name__ == "__main__":
    main()
