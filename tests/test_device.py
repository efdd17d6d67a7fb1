from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from trainlab.device import choose_device, count_cores, derive_seed, list_devices, make_generator
from trainlab.errors import UserError


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_without_a_gpu_auto_is_the_cpu(no_gpu):
    assert list_devices() == ["cpu"]
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")


def test_with_gpus_auto_is_the_first(two_gpus):
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda:0")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_a_device_that_is_not_here(no_gpu, name):
    with pytest.raises(UserError, match=f"--device: no such device on this machine.*{name}.*Choices: auto, cpu"):
        choose_device(name)


def test_a_gpu_that_is_not_there(two_gpus):
    with pytest.raises(UserError, match=r"no such device on this machine .*'cuda:1'.* auto, cpu, cuda:0, cuda:1"):
        choose_device("cuda:7")


def test_no_device_at_all(no_gpu):
    with pytest.raises(UserError, match=r"must be auto, cpu, cuda, cuda:N or mps .*did you mean 'cpu'"):
        choose_device("cpuu")


def test_seeds_differ_by_seed_and_by_purpose_and_fit_torch():
    seeds = {derive_seed(seed, purpose) for seed in range(100) for purpose in ("weights", "shuffle", "dropout")}
    assert len(seeds) == 300
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(1, "1/2") != derive_seed(11, "/2")


def test_a_seed_is_the_same_in_every_process():
    assert derive_seed(0, "weights") == 4283426181684004966  # another number would change every report
    drawn = torch.rand(3, generator=make_generator(0, "weights"))
    assert torch.equal(drawn, torch.rand(3, generator=make_generator(0, "weights")))
    assert not torch.equal(drawn, torch.rand(3, generator=make_generator(0, "shuffle")))


def test_drawing_leaves_the_global_stream_alone():
    before = torch.get_rng_state()
    torch.rand(5, generator=make_generator(3, "shuffle"))
    assert torch.equal(before, torch.get_rng_state())


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    for quota, cores in (("max 100000", 4), ("250000 100000", 2), ("50000 100000", 1), ("900000 100000", 4)):
        monkeypatch.setattr(Path, "read_text", lambda *_, quota=quota, **__: f"{quota}\n")
        assert count_cores() == cores
