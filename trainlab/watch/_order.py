"""In which order a script calls backward, unscales, clips and steps."""

from __future__ import annotations

from dataclasses import dataclass, field

FAULTS = ("before-backward", "inside-accumulation", "before-unscaling")


@dataclass(slots=True)
class Order:
    """What was called since the last step, one letter a call: `b`ackward, `s`cale, `u`nscale, `c`lip."""

    calls: list[str] = field(default_factory=list)

    def note(self, call: str) -> None:
        """One more call."""
        self.calls.append(call)

    def close(self) -> tuple[bool, list[str]]:
        """A step ends the round.

        Returns:
            clipped: gradients were clipped in this round.
            faults: of `FAULTS`, what is wrong with where they were.
        """
        calls = "".join(self.calls)
        self.calls.clear()
        first, last = calls.find("c"), calls.rfind("c")
        if first < 0 or "b" not in calls:
            return first >= 0, []
        faults = []
        if "b" not in calls[:first]:
            faults.append("before-backward")
        elif "b" in calls[last:]:
            faults.append("inside-accumulation")
        if "s" in calls and "u" not in calls[:last]:
            faults.append("before-unscaling")
        return True, faults
