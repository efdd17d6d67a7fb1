import numpy as np

from trainlab.pictures.check import draw
from trainlab.report import Series

from .reports import make_report, make_run


def make_arm(name, losses, **metrics):
    return [
        make_run(
            name,
            seed=seed,
            metrics=metrics,
            series={"loss": Series(per="epoch", at=np.arange(1, len(loss) + 1), values=np.array(loss, dtype=float))},
        )
        for seed, loss in enumerate(losses)
    ]


def test_every_seed_is_a_line_and_every_run_a_row():
    runs = make_arm("base", [[2, 1, 0.5], [2, 1, 0.6]], train_accuracy=1.0, test_accuracy=0.9)
    runs += make_arm("optimizer.lr=1.0", [[2, np.inf, np.nan]], train_accuracy=0.1, test_accuracy=0.1)
    losses, levels = draw(make_report("check", "Healthy.", runs)).axes
    assert len(losses.lines) == 3
    assert losses.get_yscale() == "log"
    assert [label.get_text() for label in levels.get_yticklabels()] == ["base", "optimizer.lr=1.0"]
    assert levels.get_xlabel() == "accuracy"
    assert [text.get_text() for text in levels.get_legend().get_texts()] == ["train", "test"]


def test_a_loss_below_0_is_drawn_on_a_plain_scale():
    losses, levels = draw(make_report("check", "x", make_arm("base", [[1, -1]], train_loss=-1.0))).axes
    assert losses.get_yscale() == "linear"
    assert levels.get_xlabel() == "loss"


def test_without_measurements_the_picture_says_so():
    losses, levels = draw(make_report("check", "x", [make_run()])).axes
    assert losses.texts[0].get_text() == "no loss was measured"
    assert levels.texts[0].get_text() == "nothing was measured at the end"
