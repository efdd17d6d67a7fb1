"""Learning-rate schedules: what the rate is multiplied with at each update.

All but one are functions of the time alone: `find_factor`. `plateau` goes by what the loss has done; `Pace` remembers that, for
runs with schedules of their own side by side.
"""

from trainlab.schedules._factors import Clock, find_factor
from trainlab.schedules._pace import Pace, start

__all__ = ["Clock", "Pace", "find_factor", "start"]
