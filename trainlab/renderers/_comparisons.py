"""Comparisons as tables: how much an arm differs from its control."""

from __future__ import annotations

from trainlab.renderers._numbers import format_signed
from trainlab.report import Column, Comparison, Report, Table


def tabulate_comparisons(report: Report, *, plain: bool) -> list[Table]:
    """A table for each metric, unless one of the study shows them; the plain interval, which decides nothing, only on request."""
    if any(table.compares for table in report.tables):
        return []
    grouped: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in report.comparisons:
        grouped.setdefault((comparison.metric, comparison.against), []).append(comparison)
    arms = max(map(len, grouped.values()), default=1)
    corrected = "95 % interval" if arms == 1 else "95 % interval, corrected"
    return [
        Table(
            name="comparisons",
            title=f"{metric.replace('_', ' ')} next to {against}",
            columns=(
                Column(name="run"),
                Column(name="difference", kind="number"),
                Column(name=corrected, kind="number"),
                *((Column(name="plain interval", kind="number", priority=1),) * plain),
                Column(name="verdict", kind="verdict"),
            ),
            rows=tuple(
                (
                    comparison.run,
                    format_signed(comparison.difference),
                    _format_interval(comparison.corrected),
                    *((_format_interval(comparison.interval),) * plain),
                    comparison.verdict,
                )
                for comparison in members
            ),
        )
        for (metric, against), members in grouped.items()
    ]


def _format_interval(interval: tuple[float, float]) -> str:
    return " to ".join(map(format_signed, interval))
