"""Importing torch in less time than `import torch` takes."""

from __future__ import annotations

import gc
import os
import sys


def import_torch() -> None:
    """Import torch with the garbage collector off and its libraries' symbols bound as they are used.

    A quarter of torch's import time is spent on collecting garbage that is none, and on binding symbols that are never called. Never
    done in a process that runs a user's script.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    flags = sys.getdlopenflags() if hasattr(sys, "getdlopenflags") else None
    if flags is not None:
        sys.setdlopenflags(os.RTLD_LAZY)
    try:
        import torch  # noqa: F401
    finally:
        if flags is not None:
            sys.setdlopenflags(flags)
        if was_enabled:
            gc.enable()
            gc.freeze()  # what an import has made stays: no later collection need look at it
