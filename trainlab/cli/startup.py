"""Importing torch in less time than `import torch` takes. Never done in a process that runs a user's script."""

from __future__ import annotations

import gc
import os
import sys


def import_torch() -> None:
    """Import torch and the study engine, libraries' symbols bound as they are used and the garbage collector off.

    A quarter of torch's import time is spent on collecting garbage that is none, and on binding symbols that are never called. The
    collector is on afterwards, also where it was off before: a process that only starts up begins without it.
    """
    gc.disable()
    flags = sys.getdlopenflags() if hasattr(sys, "getdlopenflags") else None
    if flags is not None:
        sys.setdlopenflags(os.RTLD_LAZY)
    try:
        import trainlab.study  # noqa: F401  # imports torch
    finally:
        if flags is not None:
            sys.setdlopenflags(flags)
        gc.freeze()  # what an import has made stays: no collection need look at it
        gc.enable()
