import dataclasses

from trainlab.pictures.overfit import draw
from trainlab.report import Column, Table

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


def make_remedies():
    """A report in which remedies were tried: one strength served the choice only."""
    report = make_overfit()
    columns = tuple(Column(name=name) for name in ("remedy", "run"))
    rows = (("base", "base"), ("dropout 0.5", "model.dropout=0.5"), ("weight decay 0.04", "optimizer.weight_decay=0.04"))
    curve = Table(
        name="learning-curve",
        title="",
        columns=tuple(Column(name=name) for name in ("share", "samples", "train", "test")),
        rows=(("50 %", 400, 1.0, 0.78), ("100 %", 800, 1.0, 0.81)),
    )
    doubts = Table(
        name="uncertainty",
        title="",
        columns=tuple(Column(name=name) for name in ("answers", "samples", "sure in one pass", "sure over all", "spread")),
        rows=(("right", 800, 0.92, 0.89, 0.1), ("wrong", 200, 0.8, 0.7, 0.2)),
    )
    tables = (Table(name="remedies", title="", columns=columns, rows=rows), curve, doubts)
    return dataclasses.replace(report, tables=tables)


def test_remedies_in_the_order_of_their_table_under_their_own_names():
    levels, differences, _, _ = draw(make_remedies()).axes
    assert [label.get_text() for label in levels.get_yticklabels()] == ["base", "dropout 0.5", "weight decay 0.04"]
    assert len(differences.texts) == 2  # the others are not in the table
    assert differences.get_ylim() == levels.get_ylim()


def test_the_learning_curve_and_the_uncertainty_stand_below():
    _, _, curve, doubts = draw(make_remedies()).axes
    assert [line.get_xdata().tolist() for line in curve.lines] == [[400, 800], [400, 800]]
    assert [label.get_text() for label in doubts.get_xticklabels()] == ["right", "wrong"]
    without = dataclasses.replace(make_remedies(), tables=make_remedies().tables[:2])
    assert [text.get_text() for text in draw(without).axes[3].texts] == ["no dropout, or no classes, to be sure of"]
