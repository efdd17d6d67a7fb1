"""What a script has computed, bit for bit: printed, so that two runs can be compared."""

import hashlib
import random

import numpy as np
import torch


def tell(modules, losses):
    parts = [tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8) for each in modules for tensor in each]
    weights = hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest()
    states = hashlib.sha256(
        torch.get_rng_state().numpy().tobytes() + repr(random.getstate()).encode() + repr(np.random.get_state()).encode()
    ).hexdigest()
    print(weights[:16], states[:16], *(float(torch.as_tensor(loss).detach()).hex() for loss in losses))


def make_data(samples=64, inputs=8):
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    features = torch.randn(samples, inputs)
    return features, (features.sum(1, keepdim=True) > 0).float()
