from __future__ import annotations

import pytest
import torch

from trainlab.config import validate
from trainlab.data import Dataset, load
from trainlab.errors import UserError


def make(name: str = "digits", **data) -> Dataset:
    return load(validate({"data": {"name": name, **data}}).data)


def assert_only_training_changed(spoilt: Dataset, healthy: Dataset) -> None:
    for part in ("validation", "test"):
        for one, other in zip(getattr(spoilt, part), getattr(healthy, part), strict=True):
            assert torch.equal(one, other)


FAULTS = {
    "fraction": 0.5,
    "imbalance": 10.0,
    "label_noise": 0.3,
    "outliers": 0.1,
    "noise": 0.5,
    "bootstrap": 0,
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("source", ["digits", "classification", "blobs"])
def test_only_the_training_part_is_spoilt(name, source):
    if (source, name) == ("classification", "label_noise"):
        return  # scikit-learn's own, of all samples
    parts = {"validation_fraction": 0.2}
    healthy, spoilt = make(source, **parts), make(source, **parts, **{name: FAULTS[name]})
    assert_only_training_changed(spoilt, healthy)
    same = [len(one) == len(other) and torch.equal(one, other) for one, other in zip(spoilt.train, healthy.train, strict=True)]
    assert not all(same)


def test_a_fraction_is_part_of_a_larger_one_in_the_old_order():
    whole, half, tenth = (make(fraction=fraction).train[0].tolist() for fraction in (1.0, 0.5, 0.1))
    assert [len(half), len(tenth)] == [round(len(whole) * 0.5), round(len(whole) * 0.1)]
    places = [[whole.index(row) for row in part] for part in (half, tenth)]
    assert places[0] == sorted(places[0])
    assert set(places[1]) < set(places[0])
    assert len(make("wine", fraction=1e-9).train[0]) == 1


def test_a_stratified_fraction_takes_of_every_class():
    dataset = make("iris", stratify=True, fraction=0.1)
    assert torch.bincount(dataset.train[1]).tolist() == [4, 4, 4]


def test_imbalance_is_the_ratio_of_the_first_class_to_the_last():
    balanced = torch.bincount(make("blobs", samples=3000, classes=3).train[1])
    counts = torch.bincount(make("blobs", samples=3000, classes=3, imbalance=100.0).train[1])
    assert counts[0] == balanced[0]
    assert (balanced[1] / counts[1]).item() == pytest.approx(10, rel=0.02)
    assert (balanced[2] / counts[2]).item() == pytest.approx(100, rel=0.1)
    assert torch.bincount(make("moons", imbalance=1e9).train[1]).min() == 1
    rows = make("blobs", imbalance=5.0).train[0].tolist()
    places = [make("blobs").train[0].tolist().index(row) for row in rows]
    assert places == sorted(places)


def test_label_noise_gives_another_class():
    healthy, spoilt = make().train[1], make(label_noise=0.25).train[1]
    changed = healthy != spoilt
    assert changed.sum() == round(0.25 * len(healthy))
    assert len(spoilt[changed].unique()) == 10
    assert torch.equal(make(label_noise=0.25).train[0], make().train[0])
    assert set((make(label_noise=0.1).train[1] != healthy).nonzero().flatten().tolist()) <= set(
        changed.nonzero().flatten().tolist()
    )
    assert (make("moons", label_noise=1.0).train[1] != make("moons").train[1]).all()
    noise = make(label_noise=0.9).train[1]
    agreement = (noise == healthy).float().mean()
    assert agreement.item() == pytest.approx(0.1, abs=0.002)


def test_label_noise_of_numbers_passes_them_on():
    healthy, spoilt = make("diabetes").train[1], make("diabetes", label_noise=0.5).train[1]
    assert torch.equal(healthy.sort(dim=0).values, spoilt.sort(dim=0).values)
    assert (healthy != spoilt).float().mean().item() == pytest.approx(0.5, abs=0.02)
    everything = make("linear", label_noise=1.0).train[1]
    assert (everything != make("linear").train[1]).all()


def test_label_noise_of_sequences_is_of_single_steps():
    healthy, spoilt = make("chars").train[1], make("chars", label_noise=0.1).train[1]
    assert (healthy != spoilt).sum() == round(0.1 * healthy.numel())
    assert torch.equal(make("chars", label_noise=0.1).train[0], make("chars").train[0])


def test_outliers_of_classes_are_inputs():
    healthy, spoilt = make("blobs").train, make("blobs", outliers=0.05, outlier_size=7.0).train
    moved = ((spoilt[0] - healthy[0]) / healthy[0].std(dim=0, unbiased=False)).abs()
    assert torch.equal(spoilt[1], healthy[1])
    assert (moved > 6.99).all(dim=1).sum() == round(0.05 * len(moved))
    assert (moved < 0.01).all(dim=1).sum() == len(moved) - round(0.05 * len(moved))


def test_outliers_of_numbers_are_targets():
    healthy, spoilt = make("diabetes").train, make("diabetes", outliers=0.02).train
    assert torch.equal(spoilt[0], healthy[0])
    moved = ((spoilt[1] - healthy[1]) / healthy[1].std(unbiased=False)).flatten()
    assert (moved.abs() > 9.99).sum() == round(0.02 * len(moved))
    assert {round(value) for value in moved.tolist()} == {-10, 0, 10}


def test_noise_is_in_units_of_each_feature():
    healthy, spoilt = make("breast_cancer").train[0], make("breast_cancer", noise=0.5).train[0]
    added = (spoilt - healthy).std(dim=0) / healthy.std(dim=0)
    assert torch.allclose(added, torch.full_like(added, 0.5), atol=0.06)
    assert not (make(noise=0.5).train[0] - make().train[0])[:, 0].any()  # a pixel that never changes


def test_noise_on_sequences_is_in_units_of_the_feature_over_all_steps():
    healthy, spoilt = make("adding").train[0], make("adding", noise=0.5).train[0]
    added = (spoilt - healthy).std(dim=(0, 1)) / healthy.std(dim=(0, 1))
    assert torch.allclose(added, torch.full_like(added, 0.5), atol=0.01)


def test_a_resample_is_drawn_with_replacement_and_has_a_number():
    healthy = make("wine").train
    first, again, second = (make("wine", bootstrap=number).train for number in (0, 0, 1))
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], second[0])
    rows = healthy[0].tolist()
    places = [rows.index(row) for row in first[0].tolist()]
    assert len(places) == len(rows)
    assert len(set(places)) / len(rows) == pytest.approx(1 - 1 / 2.718, abs=0.06)
    assert torch.equal(first[1], healthy[1][places])


def test_the_order_of_it_all():
    """Scaled by what is left after the faults; the resample, whose scale would differ from member to member, comes last."""
    settings = {"noise": 0.3, "label_noise": 0.1, "fraction": 0.5, "validation_fraction": 0.1}
    raw, scaled = make("wine", **settings), make("wine", **settings, standardize=True)
    mean, std = raw.train[0].double().mean(dim=0), raw.train[0].double().std(dim=0, unbiased=False)
    for part in ("train", "validation", "test"):
        before, after = getattr(raw, part), getattr(scaled, part)
        assert torch.allclose(after[0].double(), (before[0].double() - mean) / std, atol=1e-4)
        assert torch.equal(after[1], before[1])
    drawn = make("wine", **settings, standardize=True, bootstrap=3)
    assert torch.equal(drawn.test[0], scaled.test[0])
    assert {tuple(row) for row in drawn.train[0].tolist()} < {tuple(row) for row in scaled.train[0].tolist()}


def test_one_fault_moves_no_other():
    one = make("wine", label_noise=0.2).train[1]
    both = make("wine", label_noise=0.2, noise=0.3, outliers=0.1).train[1]
    assert torch.equal(one, both)


def test_own_keys_of_a_source_keep_their_own_meaning():
    linear = make("linear", outliers=0.05, outlier_value=77.0)
    assert (linear.train[1] == 77).sum() == 5
    noisy, calm = make("moons", noise=0.3), make("moons", noise=0.0)
    assert not torch.equal(noisy.test[0], calm.test[0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "diabetes", "imbalance": 2.0}, r"data.imbalance: needs one class a sample \(got 2.0\)"),
        ({"name": "chars", "standardize": True}, r"data.standardize: needs numbers, and these inputs are tokens \(got true\)"),
        ({"name": "copy", "noise": 0.1}, "data.noise: needs numbers"),
        ({"name": "copy", "outliers": 0.1}, "data.outliers: needs numbers"),
        ({"fraction": 0.0}, "data.fraction: must be a number above 0 and of at most 1"),
        ({"imbalance": 0.5}, "data.imbalance: must be a number of at least 1"),
        ({"label_noise": 1.5}, "data.label_noise: must be a number of at least 0 and of at most 1"),
        ({"name": "linear", "outlier_size": 3.0}, "`linear` has no `outlier_size`"),
        ({"name": "ones", "label_noise": 0.1}, "`ones` has no `label_noise`"),
    ],
)
def test_mistakes(data, message):
    with pytest.raises(UserError, match=message):
        make(**data)


def test_all_mistakes_at_once():
    with pytest.raises(UserError) as caught:
        make("copy", noise=0.1, imbalance=2.0, stratify=True, standardize=True)
    assert [problem.key for problem in caught.value.problems] == [
        "data.stratify",
        "data.imbalance",
        "data.standardize",
        "data.noise",
    ]
