"""`trainlab overfit`."""

from trainlab.cli.options import Chosen, study


@study
def overfit() -> Chosen:
    """How large is the gap between train and test, and what closes it?"""
    return {}
