"""One thread for torch, as on a shared machine, and hypothesis without a clock."""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # before anything imports torch; subprocesses inherit it

from hypothesis import settings

settings.register_profile("trainlab", deadline=None, derandomize=True)
settings.load_profile("trainlab")
