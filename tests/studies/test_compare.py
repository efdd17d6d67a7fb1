from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from tests.rules.traces import broken, make_series
from tests.studies.plans import list_runs, make_finding, make_options, make_run, read_rows
from trainlab.config import Config, apply_patch
from trainlab.config.data import Classification
from trainlab.config.optimizer import Adam
from trainlab.config.training import Train
from trainlab.errors import UserError
from trainlab.plan import Conclusion, Options
from trainlab.report import Trace
from trainlab.studies import compare
from trainlab.studies._contest import find_reach, find_target
from trainlab.studies._grid import MOST, make_grid, shorten_keys

CONFIG = Config(data=Classification(), loss="bce", train=Train(epochs=10, batch_size=50))
ACTS = {"model.activation": ["relu", "tanh"]}
GRID = {**ACTS, "model.width": [8, 16, 32]}


def cross(vary: Mapping[str, Any], config: Config = CONFIG, **chosen: Any) -> Options:
    return make_options(config, seeds=(0, 1, 2), vary=vary, **chosen)


def make_cell(
    options: Options,
    reached: Mapping[str, Sequence[float]],
    *,
    losses: Mapping[str, Any] | None = None,
    patches: Mapping[str, Mapping[str, Any]] | None = None,
    **fields: Any,
) -> list[Trace]:
    """A run for each cell and seed, right in these shares of 400 test samples; cells are named by the runs of the first plan."""
    plan = compare.first(CONFIG, options)
    traces = []
    for run in plan.runs:
        share = reached[run.name][run.config.seed]
        trace = make_run(
            run.name,
            run.patch,
            seed=run.config.seed,
            config=CONFIG,
            loss=(losses or {}).get(run.name, np.linspace(1.0, 0.1, 10)),
            arrays={"test-correct": np.arange(400) < round(share * 400)},
            metrics={"train_accuracy": share, "test_accuracy": share, "train_loss": 1 - share, "test_loss": 1 - share},
            samples=(800, 400),
            task="binary",
            **{"planned": 160, **fields},
        )
        traces.append(trace)
    return traces


def conclude(options: Options, traces: Sequence[Trace], *findings: Any) -> Conclusion:
    return compare.conclude(CONFIG, options, traces, findings, ())


class TestGrid:
    def test_every_combination_the_base_first(self) -> None:
        options = replace(cross(GRID), arms=make_options(replace(CONFIG, model=replace(CONFIG.model, width=16))).arms)
        plan = compare.first(CONFIG, options)
        assert [name for name, _, seed in list_runs(plan) if seed == 0] == [
            "base",
            "model.activation=relu,model.width=8",
            "model.activation=relu,model.width=32",
            "model.activation=tanh,model.width=8",
            "model.activation=tanh,model.width=16",
            "model.activation=tanh,model.width=32",
        ]
        assert all(run.config.vary == {} == dict(run.config.rules) for run in plan.runs)

    def test_a_base_outside_stands_beside(self) -> None:
        grid = make_grid(CONFIG, cross({"model.width": [7, 9]}))
        assert [(cell.label, cell.levels, cell.places) for cell in grid.cells] == [
            ("base", (32,), ()),
            ("width 7", (7,), (0,)),
            ("width 9", (9,), (1,)),
        ]

    def test_five_seeds_where_none_are_asked_for(self) -> None:
        plan = compare.first(CONFIG, replace(cross(ACTS), seeds=(3,), seeds_given=False))
        assert {run.config.seed for run in plan.runs} == {3, 4, 5, 6, 7}

    def test_the_grid_of_the_config_gives_way_to_a_list_and_to_another_grid(self) -> None:
        config = replace(CONFIG, vary=ACTS)
        assert len(make_grid(config, make_options(config)).cells) == 2
        assert make_grid(config, make_options(config, {"model.width": 9})).factors == {}
        assert list(make_grid(config, make_options(config, vary={"model.width": [8, 9]})).factors) == ["model.width"]

    @pytest.mark.parametrize(
        ("vary", "message"),
        [
            ({"model.activaton": ["relu", "tanh"]}, "did you mean 'model.activation'"),
            ({"model.dropout": [0.1, 2.0]}, "model.dropout"),
            ({"model.width": [8]}, "must list two values or more"),
            ({"model.width": []}, "must list two values or more"),
            ({"model.width": [8, 16, 8]}, "is the same run as model.width=8"),
            (
                {"model.width": list(range(1, 12)), "optimizer.lr": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]},
                "11 x 6 = 66 combinations are too many",
            ),
            ({"seed": [0, 1]}, "seed: is what every run is repeated with"),
            ({"optimizer.name": ["sgd", "adam"], "optimizer.momentum": [0.0, 0.9]}, "`adam` has no `momentum`"),
        ],
    )
    def test_what_cannot_be_is_told(self, vary: dict[str, Any], message: str) -> None:
        with pytest.raises(UserError) as caught:
            compare.first(CONFIG, cross(vary))
        assert message in "\n".join(map(str, caught.value.problems))
        assert len(caught.value.problems) == 1

    def test_nothing_to_compare(self) -> None:
        with pytest.raises(UserError, match="nothing to compare"):
            compare.first(CONFIG, make_options(CONFIG))

    def test_as_many_as_allowed(self) -> None:
        assert len(compare.first(CONFIG, cross({"model.width": list(range(1, MOST + 1))})).runs) == 3 * MOST

    def test_a_target_is_no_number_for_losses_of_two_kinds(self) -> None:
        with pytest.raises(UserError, match="different kinds"):
            compare.first(CONFIG, cross({"loss": ["bce", "mse"]}, target=0.1))

    def test_short_keys_tell_apart(self) -> None:
        assert shorten_keys(["train.batch_size", "model.init.name"]) == {
            "train.batch_size": "batch size",
            "model.init.name": "init",
        }
        both = ["optimizer.name", "regularize.input_noise", "data.noise", "optimizer.momentum", "model.norm.momentum"]
        assert shorten_keys(both)["model.norm.momentum"] == "model.norm.momentum"


class TestWinner:
    NAMES = ("base", "model.activation=tanh")

    def test_one_that_beats_the_other_in_every_seed(self) -> None:
        options = cross(ACTS)
        traces = make_cell(options, {"base": (0.80, 0.81, 0.79), "model.activation=tanh": (0.92, 0.93, 0.91)})
        found = conclude(options, traces)
        assert found.answer.values["best"] == "model.activation=tanh"
        assert found.answer.text.startswith(
            "Activation tanh is best: test accuracy 92.0 %, +12.0 points over activation relu, the next ("
        )
        first, second = read_rows(found, "cells")
        assert (first["activation"], first["verdict"]) == ("tanh", "best")
        assert (second["activation"], second["verdict"]) == ("relu", "worse; the base")
        (comparison,) = found.comparisons
        assert (comparison.run, comparison.against, comparison.verdict) == ("base", "model.activation=tanh", "harms")

    def test_seeds_that_disagree_are_noise(self) -> None:
        options = cross(ACTS)
        traces = make_cell(options, {"base": (0.70, 0.90, 0.80), "model.activation=tanh": (0.85, 0.84, 0.86)})
        found = conclude(options, traces)
        assert found.answer.values["best"] is None
        assert found.answer.values["first"] == ["model.activation=tanh", "base"]
        assert found.answer.text.startswith("No clear winner: activation tanh and relu cannot be told apart")
        assert {row["verdict"] for row in read_rows(found, "cells")} == {"first", "in doubt; the base"}

    def test_three_seeds_of_one_sign_are_no_proof(self) -> None:
        # A bootstrap over three seeds never draws beyond them, and would take a coin that falls the same way thrice for a law
        options = cross(ACTS)
        traces = make_cell(options, {"base": (0.80, 0.80, 0.80), "model.activation=tanh": (0.81, 0.98, 0.86)})
        assert conclude(options, traces).answer.values["best"] is None

    def test_one_seed_cannot_tell(self) -> None:
        options = replace(cross(ACTS), seeds=(0,))
        found = conclude(options, make_cell(options, {"base": (0.5,), "model.activation=tanh": (0.9,)}))
        assert "one seed cannot tell whether that is chance" in found.answer.text
        assert found.answer.values["best"] is None
        assert [row["verdict"] for row in read_rows(found, "cells")] == [None, "the base"]

    def test_of_two_seeds_more_are_asked_for(self) -> None:
        options = replace(cross(ACTS), seeds=(0, 1))
        found = conclude(options, make_cell(options, {"base": (0.3, 0.5), "model.activation=tanh": (0.7, 0.6)}))
        assert found.answer.text.endswith("2 seeds; more tell more: try --seeds 5).")

    def test_seeds_that_are_lacking_are_told(self) -> None:
        options = cross(ACTS)
        traces = make_cell(options, {"base": (0.5, 0.5, 0.5), "model.activation=tanh": (0.9, 0.9, 0.9)})
        assert conclude(options, traces).tables[0].title == "side by side, means over 3 seeds"
        assert conclude(options, traces[:-2]).tables[0].title == "side by side, means over 1 to 3 seeds"

    def test_a_run_that_left_the_numbers_got_nothing_right(self) -> None:
        options = cross(ACTS)
        traces = make_cell(options, {"base": (0.9, 0.9, 0.9), "model.activation=tanh": (0.95, 0.95, 0.95)})
        gone = {"test-correct": np.full(400, np.nan)}
        traces = [replace(each, nonfinite=broken(), arrays=gone) if each.name != "base" else each for each in traces]
        found = conclude(options, traces, make_finding("G006", "model.activation=tanh", held=3, of=3))
        assert found.answer.values["best"] == "base"
        assert read_rows(found, "cells")[1]["verdict"] == "worse; diverged"
        assert found.findings == ()  # of the base and the best only

    def test_all_intervals_allow_for_how_many_there_are(self) -> None:
        vary = {"model.width": [2, 4, 8, 16, 32, 64]}
        names = [name for name, _, seed in list_runs(compare.first(CONFIG, cross(vary))) if seed == 0]
        options = cross(vary)
        found = conclude(
            options, make_cell(options, {name: (0.8 + 0.01 * at, 0.81 + 0.01 * at, 0.82) for at, name in enumerate(names)})
        )
        for each in found.comparisons:
            assert each.corrected[0] <= each.interval[0] <= each.difference <= each.interval[1] <= each.corrected[1]
        assert any(each.corrected != each.interval for each in found.comparisons)


class TestFactors:
    def make(self, **chosen: Any) -> Conclusion:
        """tanh is 0.1 better whatever the width; the width does nothing that the seeds do not."""
        options = cross(GRID, **chosen)
        names = [name for name, _, seed in list_runs(compare.first(CONFIG, options)) if seed == 0]
        noise = {"8": (0.0, 0.01, -0.01), "16": (0.01, -0.01, 0.0), "32": (-0.01, 0.0, 0.01)}
        reached = {
            name: [0.8 + 0.1 * ("tanh" in name) + each for each in noise.get(name.rpartition("=")[2], (0.0, 0.0, 0.0))]
            for name in names
        }
        return conclude(options, make_cell(options, reached))

    def test_each_on_its_own(self) -> None:
        rows = read_rows(self.make(), "factors")
        assert [row["value"] for row in rows] == ["relu", "tanh", "8", "16", "32"]
        assert rows[1]["test accuracy"] - rows[0]["test accuracy"] == pytest.approx(0.1)
        assert [row["verdict"] for row in rows] == [None, "better", None, "no difference", "no difference"]
        assert rows[1]["next to its first value"].startswith("+10.0 points (")
        text = self.make().answer.text
        assert "On its own, activation: tanh +10.0 points (" in text
        assert text.endswith("next to relu; width makes no difference beyond noise.")

    def test_a_cell_that_could_not_run_takes_its_row_with_it(self) -> None:
        options = cross(GRID)
        names = [name for name, _, seed in list_runs(compare.first(CONFIG, options)) if seed == 0]
        reached = {name: [0.9 if "tanh" in name else 0.8] * 3 for name in names}
        reached["model.activation=relu,model.width=8"] = [0.1] * 3  # would pull relu down, but its neighbour is missing
        traces = [each for each in make_cell(options, reached) if each.name != "model.activation=tanh,model.width=8"]
        rows = read_rows(conclude(options, traces), "factors")
        assert [row["test accuracy"] for row in rows[:2]] == pytest.approx([0.8, 0.9])

    def test_two_of_them_crossed(self) -> None:
        found = self.make()
        (relu, tanh) = read_rows(found, "grid")
        assert (relu["activation"], tanh["activation"]) == ("relu", "tanh")
        assert tanh["16"] - relu["16"] == pytest.approx(0.1)

    def test_one_factor_is_told_by_the_cells(self) -> None:
        options = cross(ACTS)
        found = conclude(options, make_cell(options, {"base": (0.8,) * 3, "model.activation=tanh": (0.9,) * 3}))
        assert {table.name for table in found.tables} == {"cells"}


class TestUpdates:
    def test_the_last_512_samples_count(self) -> None:
        losses = make_series([1.0] * 10 + [0.0] * 20)
        trace = make_run("base", config=CONFIG, samples=(800, 0), batch_size=50)
        trace = replace(trace, config=CONFIG, series={"batch-loss": losses})
        assert find_reach(trace, 0.5) == 16  # 11 batches of 50 are the first that hold 512: 6 of 11 must be low
        assert find_reach(trace, -1.0) is None
        assert find_reach(trace, None) is None
        full = replace(trace, config=replace(CONFIG, train=Train(epochs=30)))
        assert find_reach(full, 0.5) == 11
        assert find_reach(replace(full, nonfinite=broken()), 0.5) is None

    def test_the_target_is_what_the_slowest_of_those_that_learn_ends_at(self) -> None:
        runs = [make_run(str(end), loss=[2.0, (2 + end) / 2, end]) for end in (0.1, 0.5, 1.9)]
        assert find_target([[each] for each in runs]) == 0.5
        assert find_target([[make_run("a", loss=[1.0, 1.0])]]) is None
        other = replace(runs[1], config=apply_patch(runs[1].config, {"loss": "mse"}).config)
        assert find_target([[runs[0]], [other]]) is None

    def make(self, slow: int, fast: int) -> Conclusion:
        options = cross(ACTS, by="updates", target=0.5)
        traces = make_cell(options, {"base": (0.8,) * 3, "model.activation=tanh": (0.8,) * 3})
        return conclude(options, [self.add(trace, slow if trace.name == "base" else fast) for trace in traces])

    def add(self, trace: Trace, at: int) -> Trace:
        values = np.where(np.arange(1, 161) < at + trace.seed, 1.0, 0.0)
        return replace(trace, series={**trace.series, "batch-loss": make_series(values)})

    def test_the_sooner_the_better(self) -> None:
        found = self.make(100, 50)
        assert found.answer.values["best"] == "model.activation=tanh"
        assert (
            "updates to a loss of 0.5: 56, 0.528 times that of activation relu, the next (95 % interval 0.517 to 0.539, 3 seeds)"
            in found.answer.text
        )
        assert found.comparisons[0].metric == "log_updates_to_target"

    def test_who_never_gets_there_took_longest(self) -> None:
        found = self.make(1000, 50)
        rows = read_rows(found, "cells")
        assert [row["updates to 0.5"] for row in rows] == [56, None]
        assert found.answer.values["best"] == "model.activation=tanh"

    def test_nobody_gets_there(self) -> None:
        assert self.make(1000, 1000).answer.text == "Nothing to choose by: no run gets to a loss of 0.5."


class TestEqualUpdates:
    VARY: ClassVar = {"train.batch_size": [50, 100, "full"]}

    def make(self, options: Options) -> list[Trace]:
        names = ("base", "train.batch_size=100", "train.batch_size=full")
        traces = make_cell(options, dict.fromkeys(names, (0.9, 0.91, 0.89)))
        planned = dict(zip(names, (160, 80, 10), strict=True))
        return [replace(trace, planned=planned[trace.name]) for trace in traces]

    def test_what_makes_fewer_updates_is_trained_again_with_as_many(self) -> None:
        options = cross(self.VARY)
        plan = compare.then(CONFIG, options, self.make(options), lambda _: ())
        assert plan is not None
        assert {run.name: (run.config.train.updates, run.config.train.epochs) for run in plan.runs} == {
            "train.batch_size=100,train.updates=160,train.epochs=20": (160, 20),
            "train.batch_size=full,train.updates=160,train.epochs=160": (160, 160),
        }
        assert len(plan.runs) == 6

    def test_then_it_is_enough_and_both_stories_are_told(self) -> None:
        options = cross(self.VARY)
        traces = self.make(options)
        plan = compare.then(CONFIG, options, traces, lambda _: ())
        assert plan is not None
        again = [
            replace(traces[run.config.seed], name=run.name, patch=run.patch, config=run.config, seed=run.config.seed)
            for run in plan.runs
        ]
        assert compare.then(CONFIG, options, [*traces, *again], lambda _: ()) is None
        found = conclude(options, [*traces, *again])
        assert found.answer.text.startswith("At equal epochs (10) no clear winner (")
        assert "; at equal updates (160) no clear winner (" in found.answer.text
        assert len(read_rows(found, "cells-equal-updates")) == 3

    def tell(self, seeds: int = 3, **more: float) -> str:
        """Of rates and batch sizes, each cell with what it reaches at equal epochs and, where that is another, at equal updates."""
        vary = {"optimizer.lr": [0.1, 0.5], "train.batch_size": [50, 100]}
        config = replace(CONFIG, optimizer=replace(CONFIG.optimizer, lr=0.1))
        options = replace(make_options(config, vary=vary), seeds=tuple(range(seeds)))
        shares = {"base": 0.7, "optimizer.lr=0.5,train.batch_size=50": 0.9, **more}
        traces = []
        for run in compare.first(config, options).runs:
            traces += self.stand(run, shares.get(run.name, 0.7), 160 if run.config.train.batch_size == 50 else 80)
        plan = compare.then(config, options, traces, lambda _: ())
        assert plan is not None
        for run in plan.runs:
            traces += self.stand(run, shares.get(f"{run.name.partition(',train.updates')[0]} held", 0.7), 160)
        return compare.conclude(config, options, traces, (), ()).answer.text

    def stand(self, run: Any, share: float, planned: int) -> list[Trace]:
        right = np.arange(400) < round(share * 400)
        known = {"metrics": {"test_accuracy": share}, "arrays": {"test-correct": right}, "samples": (800, 400), "task": "binary"}
        return [make_run(run.name, run.patch, seed=run.config.seed, config=run.config, loss=[1.0, 0.1], planned=planned, **known)]

    def test_a_winner_and_what_matters_where(self) -> None:
        text = self.tell()
        assert text == (
            "Of lr / batch size, at equal epochs (10) 0.5 / 50 is best (test accuracy 90.0 %); at equal updates (160) 0.5 / 50 is "
            "best (90.0 %). On its own, lr and batch size matter in both."
        )
        held = {"optimizer.lr=0.5,train.batch_size=100 held": 0.9}
        assert self.tell(**held) == (
            "Of lr / batch size, at equal epochs (10) 0.5 / 50 is best (test accuracy 90.0 %); at equal updates (160) no clear "
            "winner (0.5 / 50 first, 90.0 %). On its own, lr matters in both, batch size only at equal epochs."
        )

    def test_one_seed_tells_no_chance(self) -> None:
        assert self.tell(seeds=1).endswith("first, 90.0 %). One seed cannot tell whether that is chance: try --seeds 5.")

    def test_only_where_it_is_wanted(self) -> None:
        assert compare.then(CONFIG, cross(ACTS), [], lambda _: ()) is None
        options = cross(self.VARY, equal="epochs")
        assert compare.then(CONFIG, options, self.make(options), lambda _: ()) is None
        assert not compare.goes_on(options)
        assert "equal" not in conclude(options, self.make(options)).answer.text


def test_without_a_score_the_loss_decides() -> None:
    config = Config(optimizer=Adam(lr=0.1))
    options = make_options(config, {"optimizer.lr": 0.2}, seeds=(0, 1, 2))
    traces = [
        make_run(name, seed=seed, config=config, loss=[1.0, end], metrics={"train_loss": end * (1 + 0.01 * seed)})
        for name, end in (("base", 0.5), ("optimizer.lr=0.2", 0.1))
        for seed in range(3)
    ]
    found = compare.conclude(config, options, traces, (), ())
    assert found.answer.values["best"] == "optimizer.lr=0.2"
    assert "train loss 0.101, 0.2 times that of base, the next (95 % interval 0.2 to 0.2" in found.answer.text


def test_signals_by_depth_where_they_are_changed() -> None:
    options = cross(ACTS)
    modules = [("model.0", "Linear"), ("model.1", "ReLU"), ("model.2", "Linear"), ("model.3", "ReLU"), ("model.4", "Linear")]
    traces = [
        replace(
            make_run(name, seed=seed, gradients=[4.0, 2.0, 1.0], modules=modules, loss=[1.0, 0.5], metrics={"train_loss": 0.5}),
            parameters=tuple(
                replace(each, name=f"model.{2 * at}.weight")
                for at, each in enumerate(make_run("x", gradients=[1.0] * 3).parameters[::2])
            ),
            arrays={
                "initial-variance": np.array([8.0, 9, 4.0, 9, 2.0]),
                "initial-mean": np.array([3.0, 9, 0.0, 9, 7.0]),
                "initial-std": np.array([4.0, 9, 2.0, 9, 7.0]),
                "initial-gradient-square": np.array([3.0, 9, 1.0, 9, 8.0]),
            },
            series={"gradient-norm": make_series([[4.0, 2.0, 1.0]]), "loss": make_series([1.0, 0.5], per="epoch")},
        )
        for name in ("base", "model.activation=tanh")
        for seed in range(3)
    ]
    traces = [replace(each, patch={} if each.name == "base" else {"model.activation": "tanh"}) for each in traces]
    row = read_rows(compare.conclude(CONFIG, options, traces, (), ()), "depth")[0]
    assert (row["variance last/first"], row["weight gradient first/last"]) == (0.25, 4.0)
    assert row["input to output"] == [25.0, 4.0, 98.0]
    assert row["input to output again"] == [3.0, 1.0, 8.0]
    assert row["forward a layer"] == pytest.approx(4 / 25)  # the output layer, whose width the data set, is left out
    assert row["backward a layer"] == pytest.approx(3 / 1)


def test_times_are_told_apart_from_the_rest() -> None:
    options = cross(ACTS)
    traces = make_cell(options, {"base": (0.8,) * 3, "model.activation=tanh": (0.9,) * 3})
    table = compare.tabulate_times(traces, {"base": 0.002, "model.activation=tanh": 0.004})
    assert table.is_timed
    assert table.title == "time, each trained by itself (differs from run to run)"
    assert table.rows[0] == ("base", 2.0, 16, pytest.approx(0.032), pytest.approx(0.32))


def test_where_larger_batches_begin_to_cost() -> None:
    options = cross({"train.batch_size": [50, 100, "full"]})
    names = ("base", "train.batch_size=100", "train.batch_size=full")
    traces = make_cell(options, dict.fromkeys(names, (0.8,) * 3))
    for full, told in ((0.0035, "100"), (0.0019, "800")):
        table = compare.tabulate_times(traces, dict(zip(names, (0.001, 0.0012, full), strict=True)))
        assert table.title.endswith(f"; up to {told} samples an update takes less than twice the least")
