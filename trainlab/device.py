"""Where a run is computed, and the random streams it draws from."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import torch

from trainlab.errors import UserError, find_nearest


def choose_device(name: str) -> torch.device:
    """The device called `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.

    `auto` takes CUDA if there is one, else the CPU.

    Raises:
        UserError: no such device here; the message lists those there are.
    """
    present = list_devices()
    if name == "auto":
        return torch.device("cuda:0" if "cuda:0" in present else "cpu")
    if name == "cuda" and "cuda:0" in present:
        return torch.device("cuda:0")
    if name in present:
        return torch.device(name)
    known = name in ("cuda", "mps") or name.startswith("cuda:")
    raise UserError(
        "no such device on this machine" if known else "must be auto, cpu, cuda, cuda:N or mps",
        key="--device",
        value=name,
        choices=("auto", *present),
        nearest=find_nearest(name, present),
    )


def list_devices() -> list[str]:
    """Names of the devices on this machine."""
    names = ["cpu"]
    if torch.cuda.is_available():
        names += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return names


def count_cores() -> int:
    """Processor cores that this process may use: what it is bound to, and what its container grants (cgroup v2)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = map(int, Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split())
        cores = min(cores, quota // period)
    return max(1, cores)


def derive_seed(seed: int, purpose: str) -> int:
    """A seed of its own for each (seed, purpose), so that drawing more for one purpose moves no other."""
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1  # torch takes 63 bits


def make_generator(seed: int, purpose: str) -> torch.Generator:
    """The generator of one (seed, purpose). Always on the CPU: a run draws the same numbers on every device."""
    return torch.Generator().manual_seed(derive_seed(seed, purpose))
