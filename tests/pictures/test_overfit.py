import dataclasses

from trainlab.pictures.overfit import draw

from .reports import make_overfit, make_report, make_run


def test_means_over_seeds_and_the_gap():
    runs = [make_run(seed=seed, metrics={"train_accuracy": 1.0, "test_accuracy": test}) for seed, test in enumerate((0.8, 0.9))]
    [levels] = draw(make_report("overfit", "0.15", runs)).axes
    assert [text.get_text() for text in levels.texts] == ["gap 0.150"]
    assert levels.get_xlabel() == "accuracy"
    assert [text.get_text() for text in levels.get_legend().get_texts()] == ["train", "test"]


def test_the_base_is_on_top_and_patches_are_read_whole():
    levels, differences = draw(make_overfit()).axes
    labels = [label.get_text() for label in levels.get_yticklabels()]
    assert labels[0] == "base"
    assert "train.early_stopping=10,\noptimizer.weight_decay=0.001" in labels
    assert levels.yaxis_inverted()
    assert sorted(text.get_text() for text in differences.texts) == ["harms", "helps", "helps", "no difference"]


def test_without_accuracies_losses_are_compared():
    [levels] = draw(make_report("overfit", "x", [make_run(metrics={"train_loss": 0.1, "test_loss": 0.5})])).axes
    assert levels.get_xlabel() == "loss"
    assert [text.get_text() for text in levels.texts] == ["gap 0.400"]


def test_the_metric_that_says_most_is_chosen():
    report = make_overfit()
    others = tuple(dataclasses.replace(each, metric="weight_norm", difference=99.0) for each in report.comparisons)
    _, differences = draw(dataclasses.replace(report, comparisons=(*others, *report.comparisons))).axes
    assert differences.get_xlabel() == "accuracy gap, minus base"
