"""What lives in the zoo: networks that train well, one YAML file each, and what is done to them.

`tuning/` and `reporting/` hold the networks. Thresholds may be chosen by what the first ones show, never by the others: no kind of
network on any data set stands in both. `faults.yaml` says what is done to them, as patches that `--set` and `--vs` take too:

    trainlab check tests/zoo/tuning/mlp-digits-adam.yaml --set optimizer.lr=3

A rule that sets runs side by side is judged by the study that does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from tests.zoo import files
from trainlab.config import Config, apply_patch, load, parse_patch, validate

FOLDER = Path(__file__).parent
PARTS = ("tuning", "reporting")
SEEDS = (0, 1, 2)

Kind = Literal["healthy", "fault", "near-miss", "rescaled", "twin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One network as it is, or with one thing done to it.

    Attributes:
        network: name of its file.
        part: its folder.
        kind: `healthy`: as it is. `fault`: something is wrong. `near-miss`: looks alike and does no harm. `rescaled`: other units;
            `twin`: the same in the old ones.
        what: name of the fault, near-miss or rescaling; empty for a healthy network.
        patch: what was done, as `--set` takes it; or, from `--lr` on, the rates of a sweep.
        codes: the rules that must find it, any of which may be named first; of a near-miss those that must be silent.
        also: other rules that may be named first, where one of `codes` was found too.
        is_fact: it is there or not, whatever it costs; otherwise it counts only where it costs something.
        twin: of a fault, the patch that makes the same network without it; empty where that is the network as it is.
        of: of a rescaling, the patch of the same run in the old units; empty for the network as it is.
        gate: it is among those that the test suite trains.
        study: the command that judges it.
    """

    network: str
    part: str
    kind: Kind
    what: str = ""
    patch: str = ""
    codes: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    is_fact: bool = False
    twin: str = ""
    of: str = ""
    gate: bool = False
    study: str = "check"

    @property
    def name(self) -> str:
        """Short, and its own."""
        return " ".join(filter(None, (self.network, self.what, self.patch)))

    @property
    def command(self) -> str:
        """What to type to see it."""
        change = self.patch if self.rates or not self.patch else f"--set '{self.patch}'"
        return f"trainlab {self.study} tests/zoo/{self.part}/{self.network}.yaml {change}".rstrip()

    @property
    def rates(self) -> tuple[float, ...]:
        """Of a sweep."""
        _, _, given = self.patch.partition("--lr ")
        return tuple(map(float, filter(None, given.split(","))))


def list_networks(part: str) -> list[str]:
    """The names of the networks of one part."""
    return sorted(path.stem for path in (FOLDER / part).glob("*.yaml"))


def find_part(network: str) -> str:
    """In which part a network stands."""
    return next(part for part in PARTS if (FOLDER / part / f"{network}.yaml").is_file())


def make_config(case: Case, seed: int) -> Config:
    """The whole config of a case."""
    document = load(FOLDER / case.part / f"{case.network}.yaml")
    config = validate(document.values, document.sources)
    if case.patch and not case.rates:
        config = apply_patch(config, _read_patch(case.patch)).config
    return replace(config, seed=seed)


def find_architecture(config: Config) -> str:
    """What kind of network it is; of one that is made of modules, by what they do."""
    model = config.model
    if model.kind == "layers":
        text = repr(model)
        return "transformer" if "Transformer" in text else "cnn" if "Conv2d" in text else "mlp"
    return "residual mlp" if getattr(model, "residual", False) is True and model.kind == "mlp" else model.kind


def _read_patch(text: str) -> dict[str, Any]:
    patch = parse_patch(text)
    data = patch.get("data")
    if isinstance(data, dict) and "path" in data:
        patch["data"] = {**data, "path": str(files.FOLDER / data["path"])}
    return patch


def list_cases() -> list[Case]:
    """Everything: the healthy, the faulty, the near-misses, the rescaled and what they are compared with."""
    healthy = [Case(network=name, part=part, kind="healthy") for part in PARTS for name in list_networks(part)]
    rescaled = list(_read("rescalings.yaml", "rescaled"))
    twins = [Case(network=each.network, part=each.part, kind="twin", what="before", patch=each.of) for each in rescaled if each.of]
    return [*healthy, *_read("faults.yaml", "fault"), *_read("near-misses.yaml", "near-miss"), *rescaled, *dict.fromkeys(twins)]


def _read(file: str, kind: Kind) -> Iterator[Case]:
    for entry in yaml.safe_load((FOLDER / file).read_text(encoding="utf-8")):
        for network, patches in entry["in"].items():
            for patch in patches if isinstance(patches, list) else [patches]:
                yield Case(
                    network=network,
                    part=find_part(network),
                    kind=kind,
                    what=entry["what"],
                    patch=patch,
                    codes=tuple(entry.get("codes", ())),
                    also=tuple(entry.get("also", ())),
                    is_fact=entry.get("fact", False),
                    twin=entry.get("twins", {}).get(network, ""),
                    of=entry.get("of", ""),
                    gate=network in entry.get("gate", ()),
                    study=entry.get("study", "check"),
                )
