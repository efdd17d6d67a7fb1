"""Networks that do something to the rank that they are in, once it has met the others."""

from __future__ import annotations

import os
import signal
import time

import torch.distributed as dist
from torch import Tensor, nn


class Faulty(nn.Module):
    """A line whose forward pass goes wrong on rank 1, at the second update of its training."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.line, self.how, self.seen = nn.Linear(20, 1), how, 0

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training and dist.is_initialized() and dist.get_rank() == 1 and len(inputs) == 7:
            self.seen += 1
            if self.seen == 2 and self.how == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.seen == 2 and self.how == "hangs":
                time.sleep(600)
            if self.seen == 2 and self.how == "raises":
                raise ValueError("seven is too many")
        return self.line(inputs)  # type: ignore[no-any-return]
