"""`trainlab check`."""

from trainlab.cli.options import Chosen, study


@study(fail_on="error")
def check() -> Chosen:
    """What is wrong with this training, and what is the cause? Every rule, one verdict."""
    return {}
