"""Networks of the user's own."""

from __future__ import annotations

import copy
import random

import numpy as np
import torch
from torch import nn

from trainlab import targets
from trainlab.config.model import PythonModel, View
from trainlab.errors import UserError
from trainlab.models._sizes import Sizes

VIEW: View = "any"


def build(spec: PythonModel, sizes: Sizes) -> nn.Module:  # noqa: ARG001  # the user's code knows its own sizes
    """What the target makes, drawing from torch's global stream, and from those of numpy and Python, which follow it.

    Raises:
        UserError: there is no such target, it fails, or what it gives is no module.
    """
    made = targets.find(spec.target, "model.target")
    if isinstance(made, nn.Module):
        if spec.args:
            raise UserError("this module exists already and takes no arguments", key="model.args", value=spec.target)
        return copy.deepcopy(made)
    if not callable(made):
        raise UserError(
            f"must be a class of torch.nn.Module, a function that returns a module, or a module, not a {type(made).__name__}",
            key="model.target",
            value=spec.target,
        )
    seed = torch.initial_seed() % 2**32
    states = random.getstate(), np.random.get_state()
    try:
        random.seed(seed)
        np.random.seed(seed)
        model = targets.call(made, spec.args, "model", spec.target)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    if not isinstance(model, nn.Module):
        kind = type(model).__name__
        raise UserError(f"must give a torch.nn.Module, and gives a {kind}", key="model.target", value=spec.target)
    # A function may give the same module every time
    return copy.deepcopy(model) if "forward" in vars(model) else model
