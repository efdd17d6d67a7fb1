"""`trainlab underfit`."""

from trainlab.cli.options import Chosen, study


@study
def underfit() -> Chosen:
    """Why does it not learn at all?"""
    return {}
