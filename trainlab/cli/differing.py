"""From two files to a report on what differs: what `trainlab diff` does."""

from __future__ import annotations

import re
from pathlib import Path

from trainlab.cli import streams
from trainlab.cli.reporting import read_report, write_report
from trainlab.errors import UserError


def carry_out(old: Path, new: Path, tolerance: str, *, formats: list[str], output: Path | None, verbose: bool) -> int:
    """Compare, report, and give the exit code.

    Raises:
        UserError: a file is no report, or an option is wrong.
    """
    share = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", tolerance)
    if not share:
        raise UserError("must be a share in per cent, as in `2%`", key="--tolerance", value=tolerance)
    destinations = streams.parse_destinations(formats, output)
    streams.check_places([each.path for each in destinations])
    before, after = read_report(old, "OLD.json"), read_report(new, "NEW.json")

    from trainlab.diffing import compare_reports

    report = compare_reports(before, after, float(share[1]) / 100)
    write_report(report, destinations, verbose=verbose)
    return report.exit_code
