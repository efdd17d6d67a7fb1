"""The first cause of a network that does not learn: what the rules find, held against what the trials show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainlab.pages._rules import say_rule
from trainlab.report import Finding, Trace
from trainlab.studies._changes import MENDS, Kind, Trial
from trainlab.studies._levels import FITS, GAIN, HELD_OUT, find_level, read_mean

SYMPTOMS = {"F002", "G008", "L003", "L004", "L008", "M007"}  # that it does not learn, not why
PROVES: dict[str, tuple[Kind, ...]] = {
    "D": ("data",),
    "M": ("loss",),
    "G": ("start", "rate"),
    "L": ("rate",),
    "C": ("rate",),
    "F": ("penalty",),
}
"""By the family of a rule: the kinds of change that would mend what it finds."""

SINGLE = {"D003", "D004", "D005", "D006", "D008", "M003", "M008", "M011", "G009"}  # that no change tried here mends
STARTS = {
    "symmetric": "the units of a layer start as copies of each other",
    "signal": "the initial weights lose the signal on its way",
    "loss": "the initial weights make the first loss, and the first steps, giant",
}
"""What G007 found, by its kind."""

FAR = 0.5  # of the gain of the best change: what mends the cause that a rule names by less than this does not mend the cause
SKILL = 0.2  # of a random forest: surely less than this, and no more than chance, is none
NEARLY = 0.85  # of the largest gain: a change that comes earlier in the order and gains this share of it is the first cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A trial that was trained.

    Attributes:
        arm: its traces, one a seed.
        gain: how much further it got than the base, see `find_gain`.
    """

    trial: Trial
    arm: Sequence[Trace]
    gain: float

    @property
    def helps(self) -> bool:
        """By more than chance."""
        return self.gain >= GAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why it does not learn.

    Attributes:
        words: the cause in plain words, as the end of a sentence.
        code: of the rule that names it; empty where only a trial shows it.
        kind: of the change that mends it; empty where none does.
        proof: the trial that gets furthest by mending it.
        doubt: the code of a rule whose cause was tried to be mended, and which gained far less.
    """

    words: str
    code: str = ""
    kind: str = ""
    proof: Tried | None = None
    doubt: str = ""


def find_cause(faults: Sequence[Finding], tried: Sequence[Tried]) -> Cause | None:
    """The first cause; None where neither a rule nor a trial names one.

    What a rule names counts, the likeliest first, unless what would mend it was tried and something else mends far more: measured
    comes before suspected. A symptom names no cause: there the trials say what the cause is.

    Args:
        faults: findings about the base that are more than information, causes before what follows from them.
        tried: all trials.
    """
    codes = {each.code for each in faults}
    tops = [each for each in faults if each.because not in codes - {each.code} and each.code not in SYMPTOMS]
    best = choose(tried)
    if not tops:
        return None if best is None else name_trial(best)
    named = tops[0]
    kinds = () if named.code in SINGLE else PROVES[named.code[0]]
    own = [each for each in tried if each.trial.kind in kinds]
    if named.code == "G007" and best is not None and best.trial.kind not in kinds:
        own = [each for each in own if "model.init" in each.arm[0].patch]  # norms mend too much to prove anything
    proof = choose(own)
    if own and best is not None and (proof.gain if proof else 0.0) < FAR * best.gain:
        shown = name_trial(best)
        return Cause(words=shown.words, kind=shown.kind, proof=best, doubt=named.code)
    return Cause(words=say_finding(named), code=named.code, kind=proof.trial.kind if proof else "", proof=proof)


def find_nothing(base: Sequence[Trace], tried: Sequence[Tried]) -> Cause | None:
    """That there is nothing to learn, where nothing helps: it learns few samples by heart, and it and a forest tell no others.

    The rule for that (D008) cannot know of a network for images or sequences whether it has the means.
    """
    skill, error = read_mean(base, "oob_skill"), read_mean(base, "oob_skill_error")
    few = [each for each in tried if each.trial.kind in ("batch", "subset")]
    if skill is None or error is None or skill > 2 * error or skill + 2 * error >= SKILL or not few:
        return None
    if not all(find_level(each.arm, base) >= FITS for each in few) or not find_level(base, base, "test") < HELD_OUT:
        return None
    return Cause(words="nothing in the inputs tells about the targets, as far as it and a random forest can see", kind="data")


def choose(tried: Sequence[Tried]) -> Tried | None:
    """The trial that shows the cause: of those that gain nearly as much as any, the furthest of the earliest kind."""
    helping = [each for each in tried if each.helps and each.trial.kind in MENDS]
    most = max((each.gain for each in helping), default=0.0)
    near = [each for each in helping if each.gain >= NEARLY * most]
    return min(near, key=lambda each: (MENDS.index(each.trial.kind), -each.gain), default=None)


def say_finding(finding: Finding) -> str:
    """The rule's own words, as far as the first colon; of a rule of several kinds, those of the kind."""
    if finding.code == "G007" and finding.evidence.get("kind") in STARTS:
        return STARTS[finding.evidence["kind"]]
    return say_rule(finding.name).partition(": ")[0]


def name_trial(tried: Tried) -> Cause:
    """The cause that a change shows by mending it."""
    trial, patch = tried.trial, tried.arm[0].patch
    lr, before = patch.get("optimizer.lr"), tried.arm[0].config
    words = {
        "data": "the data come in a form that hides what is to be learned",
        "loss": "the loss or the output does not go with the task",
        "start": "the signal or the gradient is lost on its way: initial weights, activation or depth",
        "rate": "the learning rate stays too high" if lr is None else "",
        "optimizer": f"the optimizer: no rate tried helps it, {before.optimizer.name} learns",
        "penalty": "too much regularisation",
        "model": "the network has no biases",
        "capacity": "the network is too small",
    }[trial.kind]
    if trial.kind == "start" and "model.init" in patch:
        words = "the initial weights do not suit the network"
    elif trial.kind == "rate" and "clip.mode" in patch:
        words = "the clipping leaves too little of the gradient"
    elif trial.kind == "rate" and lr is not None:
        words = f"the learning rate is too {'high' if trial.lowers else 'low'}"
    elif trial.what == "shuffled batches":
        words = "the batches are not shuffled"
    elif trial.what == "scaled features":
        words = "the features are not scaled"
    return Cause(words=words, kind=trial.kind, proof=tried)
