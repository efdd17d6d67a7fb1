from __future__ import annotations

from tests.remedies.proposing import propose_for

LINEAR = {"Linear": [64, 10]}


def mend(module: object) -> object:
    patches = propose_for("separate-samples", model={"kind": "layers", "modules": [module, LINEAR]})
    return patches[0]["model.modules"][0] if patches else None


def test_statistics_are_kept_and_softmax_goes_over_features() -> None:
    assert mend({"BatchNorm1d": {"num_features": 64, "track_running_stats": False}}) == {"BatchNorm1d": {"num_features": 64}}
    assert mend({"Softmax": [0]}) == {"Softmax": [-1]}
    assert mend({"Softmax": {"dim": 0}}) == {"Softmax": [-1]}


def test_what_is_right_is_left() -> None:
    assert mend({"Softmax": [-1]}) is None
    assert mend({"BatchNorm1d": [64]}) is None
    assert propose_for("separate-samples") == []


def test_between_layers_relu_is_an_activation_too() -> None:
    def mend_all(*modules: object) -> list[object]:
        return [
            patch["model.modules"] for patch in propose_for("separate-samples", model={"kind": "layers", "modules": list(modules)})
        ]

    assert mend_all({"Softmax": [0]}, LINEAR) == [[{"Softmax": [-1]}, LINEAR], [{"ReLU": []}, LINEAR]]
    assert mend_all(LINEAR, {"Softmax": [0]}) == [[LINEAR, {"Softmax": [-1]}]], "an output is no hidden activation"
    assert mend_all({"Softmax": [-1]}, LINEAR) == []
