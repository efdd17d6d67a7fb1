"""Which changes may mend a config: what the remedies propose for what was found, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from trainlab.config import Config, apply_patch, name_patch
from trainlab.errors import UserError
from trainlab.report import Finding, Patch
from trainlab.studies._remedies import load_remedies

RATE = "optimizer.lr"
TUNINGS = {"adaptive-optimizer": 3, "normalisation": 1, "falling-rate": 1}  # tried on what mends, and of each so many strengths
NEAR = {"higher-rate": 3, "lower-rate": 1 / 3}  # times the rate, to tune it
BEYOND = {"lower-rate": (1 / 3, 1 / 10), "higher-rate": (3.0, 10.0)}  # of the best rate, where it is the last one tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A patch that a remedy proposes, and the config that it makes.

    Attributes:
        name: the patch as text.
        patch: with all those before it.
        remedies: whose patches they are, the last one's last.
        reason: the last one's.
        codes: of the findings that they are for.
    """

    name: str
    patch: Patch
    config: Config
    remedies: tuple[str, ...] = ()
    reason: str = ""
    codes: tuple[str, ...] = ()


def propose(start: Change, base: Change, findings: Sequence[Finding]) -> list[Change]:
    """Every change that a remedy proposes for what was found, the likeliest first; each config once.

    A remedy's first strength comes before its second, a remedy that fits the finding best before others, the cause before what
    follows from it. What follows from a fault that no remedy knows is left alone: the cause must be mended by other means.

    Args:
        start: the config without any patch.
        base: what is to be mended, of `start` and the patches so far.
        findings: on `base`.
    """
    known = load_remedies()
    mendable = {code for remedy in known.values() for code in remedy.codes}
    faults = [each for each in findings if each.severity != "info"]
    roots = _find_roots(faults)
    places = {code: place for place, code in enumerate(dict.fromkeys(each.code for each in faults))}
    weighed: list[tuple[int, int, str, int, str, Patch, Finding]] = []
    for finding in faults:
        if roots[finding.code] not in mendable:
            continue
        for name, remedy in known.items():
            if finding.code not in remedy.codes or (name in base.remedies and name not in NEAR):  # only a rate is changed twice
                continue
            rank = getattr(remedy, "rank", 0)
            fit = remedy.codes.index(finding.code) + 3 * places[finding.code] + rank
            for strength, patch in enumerate(remedy.propose(base.config, finding)):
                weighed.append((fit + strength, rank, name, strength, remedy.reason, patch, finding))
    changes: dict[str, Change] = {}
    seen = [base.config]
    for _, _, name, _, reason, patch, finding in sorted(weighed, key=lambda each: each[:4]):
        change = _make(start, base, name, reason, patch, [finding.code])
        if change is None:
            continue
        if change.config not in seen:
            seen.append(change.config)
            changes[change.name] = change
    return list(changes.values())


def leaves_one(config: Config, samples: int) -> bool:
    """Whether batch norm meets a last batch of one sample, on which it cannot train; while a part is held back it may not."""
    norm, size = getattr(config.model, "norm", None), config.train.batch_size
    return getattr(norm, "name", "none") == "batch" and size is not None and samples % size == 1


def _make(start: Change, base: Change, remedy: str, reason: str, patch: Patch, codes: Iterable[str]) -> Change | None:
    whole = _join(base.patch, patch)
    try:
        config = apply_patch(start.config, whole).config
    except UserError:  # a patch that this config cannot have
        return None
    return Change(
        name=name_patch(whole),
        patch=whole,
        config=config,
        remedies=(*(base.remedies if len(whole) > len(patch) else ()), remedy),  # nothing of those before it may be left
        reason=reason,
        codes=tuple(dict.fromkeys([*base.codes, *codes])),
    )


def _join(first: Patch, then: Patch) -> dict[str, Any]:
    """One patch after another: a later key replaces what an earlier one has set in it, or a whole section."""
    kept = {key: value for key, value in first.items() if not any(key == new or key.startswith(f"{new}.") for new in then)}
    return {**kept, **then}


def _find_roots(findings: Sequence[Finding]) -> dict[str, str]:
    """For each code, the code that all of it follows from."""
    because = {each.code: each.because for each in reversed(findings)}
    roots = {}
    for code in because:
        root, seen = code, {code}
        while (above := because.get(root)) in because and above not in seen and above is not None:
            root = above
            seen.add(root)
        roots[code] = root
    return roots


def extend(start: Change, best: Change | None, tried: Iterable[Change]) -> list[Change]:
    """Rates beyond the best, where that is the last one tried on its side: a better one may lie there, and a safer one."""
    beyond = BEYOND.get(best.remedies[-1]) if best is not None else None
    if best is None or beyond is None or RATE not in best.patch:
        return []
    rate = best.patch[RATE]
    rates = [change.patch[RATE] for change in tried if change.remedies == best.remedies]
    if rate != (min(rates) if beyond[0] < 1 else max(rates)):
        return []
    patches = [{**best.patch, RATE: float(f"{rate * factor:.3g}")} for factor in beyond]
    return [replace(best, name=name_patch(patch), patch=patch, config=apply_patch(start.config, patch).config) for patch in patches]


def tune(start: Change, best: Change, second: Sequence[Change] = ()) -> list[Change]:
    """What helps many a network further, whatever was wrong with it: another optimizer, normalisation, a rate nearby or that falls.

    Args:
        start: the config without any patch.
        best: what mends it.
        second: other changes that do, each to be joined with the best, if it changes more than other values of the same.
    """
    config, known = best.config, load_remedies()
    more = [each for each in second if not set(each.patch) <= set(best.patch)]
    patches: list[tuple[str, Patch]] = [(each.remedies[-1], each.patch) for each in more]
    for name, most in TUNINGS.items():
        patches += [(name, patch) for patch in islice(known[name].propose(config), most)]
    if config.optimizer.lr:
        patches += [(name, {RATE: float(f"{config.optimizer.lr * factor:.3g}")}) for name, factor in NEAR.items()]
    made = [_make(start, best, name, known[name].reason, patch, best.codes) for name, patch in patches]
    return [change for change in made if change is not None and change.config != config]
