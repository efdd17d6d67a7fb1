from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.runs import train
from tests.probes.toy import SMALL, look


def test_the_texts_example() -> None:
    """From (0, 0) along (1, 1)/sqrt 2 the loss is (1 - s^2/2)^2: 0.990025 at 0.1, 0.765625 at 0.5, 0.25 at 1."""
    trace = look(0.0, 0.0, "escape")
    assert trace.arrays["escape-direction"].tolist() == pytest.approx([0.5**0.5, 0.5**0.5])
    found = dict(zip(trace.arrays["escape-steps"].tolist(), trace.arrays["escape-loss"].tolist(), strict=True))
    assert found == pytest.approx({step: (1 - step**2 / 2) ** 2 for step in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)})
    assert (found[0.1], found[0.5], found[1.0]) == pytest.approx((0.990025, 0.765625, 0.25))
    assert trace.arrays["escape-back"].tolist() == pytest.approx(list(found.values()))
    assert (trace.metrics["escape_step"], trace.metrics["escape_loss"]) == pytest.approx((1.0, 0.25))
    assert trace.arrays["escape-shares"].tolist() == pytest.approx([0.5, 0.5])
    assert trace.metrics["escape_slope"] == 0.0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_it_is_turned_the_way_that_leads_lower(sign: float) -> None:
    trace = look(sign * 0.2, sign * 0.2, "escape")  # the near minimum lies further along
    direction = trace.arrays["escape-direction"]
    assert (sign * direction > 0).all()
    assert trace.metrics["escape_slope"] < 0
    assert trace.arrays["escape-loss"].min() <= trace.arrays["escape-back"].min()


def test_a_way_down_may_be_short(tmp_path: Path) -> None:
    """w^4/4 - w^2/2000 at 0: curvature -0.001, and from 0.045 on it rises; curvature alone would ask for long steps."""
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.w = nn.Parameter(torch.zeros(1))\n\n"
        "    def forward(self, inputs):\n        return 1 + inputs * (self.w**4 / 4 - self.w**2 / 2000)\n"
    )
    values = {"model": {"kind": "python", "target": f"{tmp_path}/net.py:Net"}, "data": "ones", "loss": "sum"}
    (trace,) = train({**values, "train": {"updates": 0}}, probes=["escape"])
    assert trace.metrics["escape_step"] == pytest.approx(0.02, rel=0.6)
    step = trace.metrics["escape_step"]
    assert trace.metrics["escape_loss"] == pytest.approx(1 + step**4 / 4 - step**2 / 2000, abs=1e-12)
    assert trace.metrics["escape_loss"] < 1
    assert len(trace.arrays["escape-steps"]) == 6


def test_in_a_valley_it_leads_along() -> None:
    trace = look(1.0, 1.0, "escape")
    first, second = trace.arrays["escape-direction"]
    assert first == pytest.approx(-second)


def test_of_many_weights_the_parameters_are_told() -> None:
    (trace,) = train(SMALL, probes=["escape"])
    assert "escape-direction" not in trace.arrays
    assert len(trace.arrays["escape-shares"]) == len(trace.parameters)
    assert trace.arrays["escape-shares"].sum() == pytest.approx(1.0)
