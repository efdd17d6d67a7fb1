from __future__ import annotations

import gc
import inspect
import subprocess
import sys

import pytest

from trainlab.cli.startup import PUT_OFF, import_torch


def test_torch_is_imported_and_the_interpreter_left_as_it_was() -> None:
    flags = sys.getdlopenflags()
    tools = (inspect.getmodule, inspect.getframeinfo)
    import_torch()
    assert (inspect.getmodule, inspect.getframeinfo) == tools
    assert "torch" in sys.modules
    assert gc.isenabled()
    assert sys.getdlopenflags() == flags


def run_fresh(code: str) -> str:
    """What a new interpreter prints last that has imported torch our way and then runs `code`."""
    start = "import importlib, sys\nfrom trainlab.cli.startup import PUT_OFF, import_torch\nimport_torch()\n"
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_put_off_is_really_part_of_torchs_import() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, torch; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert PUT_OFF in done.stdout.split()


def test_a_command_on_built_in_networks_needs_nothing_more_of_torch() -> None:
    code = """
import contextlib, io
from trainlab.cli.app import run
before = set(sys.modules)
with contextlib.redirect_stdout(io.StringIO()):
    assert run(["gradients", "--layers", "3", "--vs", "model.norm=batch", "--quiet"]) in (0, 1)
print(*(name for name in set(sys.modules) - before if name.startswith("torch.")), "torch.optim" in before)
"""
    assert run_fresh(code).split() == ["True"]


@pytest.mark.parametrize("name", [PUT_OFF, "torch._decomp", "torch._refs", "torch._dynamo"])
def test_more_of_torch_comes_whole_and_once(name: str) -> None:
    code = f"""
first = importlib.import_module({name!r})
import torch
print(first is sys.modules[{name!r}], first is getattr(torch, {name[6:]!r}), len(vars(sys.modules[PUT_OFF])) > 100)
print(type(first.__spec__.loader).__module__, importlib.import_module({name!r}) is first)
"""
    assert run_fresh(code).split() == ["True", "True", "True", "_frozen_importlib_external", "True"]


def test_tensors_without_data_and_torchs_own_optimizers_work_afterwards() -> None:
    code = """
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
with FakeTensorMode():
    print(*torch.nn.functional.conv2d(torch.empty(2, 3, 8, 8), torch.empty(4, 3, 3, 3)).shape)
layer = torch.nn.Linear(2, 1)
optimizer = torch.optim.Adam(layer.parameters())
layer(torch.ones(1, 2)).sum().backward()
optimizer.step()
"""
    assert run_fresh(code).split() == ["2", "4", "6", "6"]
