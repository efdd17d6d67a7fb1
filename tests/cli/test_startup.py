from __future__ import annotations

import gc
import sys

from trainlab.cli.startup import import_torch


def test_torch_is_imported_and_the_interpreter_left_as_it_was() -> None:
    flags = sys.getdlopenflags()
    import_torch()
    assert "torch" in sys.modules
    assert gc.isenabled()
    assert sys.getdlopenflags() == flags
