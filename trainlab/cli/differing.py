"""From two files to a report on what differs: what `trainlab diff` does."""

from __future__ import annotations

import sys
from pathlib import Path

from trainlab.cli import streams
from trainlab.cli.reporting import check_beside, read_report, write_beside, write_report
from trainlab.cli.values import parse_percent


def carry_out(
    old: Path, new: Path, tolerance: str, *, formats: list[str], output: Path | None, plot: Path | None, verbose: bool
) -> int:
    """Compare, report, and give the exit code.

    Raises:
        UserError: a file is no report, or an option is wrong.
    """
    share = parse_percent(tolerance, "--tolerance")
    destinations = streams.parse_destinations(formats, output)
    check_beside("diff", plot, None)
    streams.check_places([*(each.path for each in destinations), *([plot] if plot else [])])
    before, after = read_report(old, "OLD.json"), read_report(new, "NEW.json")

    from trainlab.diffing import compare_reports

    report = compare_reports(before, after, share)
    write_report(report, destinations, sys.argv[1:], verbose=verbose)
    write_beside(report, plot, None)
    return report.exit_code
