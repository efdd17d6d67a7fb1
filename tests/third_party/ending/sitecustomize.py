"""Imported by python when it starts, and seeds torch; at its end the script's weights and random state are written down.

So two runs of a script can be compared bit for bit whatever it prints, and not a line of it is changed.
"""

import atexit
import hashlib
import os
import sys


def tell():
    networks = [each for each in vars(sys.modules["__main__"]).values() if isinstance(each, torch.nn.Module)]
    tensors = [tensor for each in networks for tensor in each.state_dict().values()]
    parts = [hashlib.sha256(tensor.detach().cpu().contiguous().numpy().tobytes()).hexdigest() for tensor in tensors]
    parts.append(hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest())
    with open(os.environ["DIGEST"], "w") as file:
        print(*parts, sep="\n", file=file)


if "DIGEST" in os.environ:
    import torch

    torch.manual_seed(0)  # some scripts leave that to the clock
    atexit.register(tell)
