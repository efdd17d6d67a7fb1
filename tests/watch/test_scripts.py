"""Short scripts of many kinds: watching changes nothing in them, and sees what they do."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from tests.watch.running import SCRIPTS, list_codes, list_records, run_plainly, run_watched, see
from trainlab import watch

LINES = [(path.stem,) for path in sorted(SCRIPTS.glob("*.py")) if path.stem not in ("digest", "no_torch")]
LINES += [("scaled", "fused"), ("spoilt", "targets"), ("parts", "turns"), ("parts", "scaled")]


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_weights_losses_and_generators_are_the_same_bits(line: tuple[str, ...]) -> None:
    assert see(*line)[0] == run_plainly(*line)


def test_torch_is_as_it_was_afterwards() -> None:
    import torch
    from torch.optim import lr_scheduler
    from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

    def list_patched() -> list[object]:
        places = (torch.nn.utils, torch.nn.utils.clip_grad, torch.amp.GradScaler, torch.no_grad, torch.inference_mode)
        found = [vars(place)[name] for place in places for name in vars(place)]
        found += [torch.autograd.backward, torch.optim.Optimizer.__init__, lr_scheduler.LRScheduler.__init__]
        return [each for each in found if getattr(each, "__module__", "").startswith("trainlab")]

    run_watched("plain_loop")
    assert list_patched() == []
    assert not _global_optimizer_pre_hooks
    assert not _global_optimizer_post_hooks


class TestPlainLoop:
    def test_what_is_seen(self) -> None:
        (record,) = list_records("plain_loop")
        assert (record.name, record.steps) == ("Sequential", 16)
        assert [each.name for each in record.parameters] == ["0.weight", "0.bias", "1.weight", "1.bias", "4.weight", "4.bias"]
        losses = [float.fromhex(each) for each in see("plain_loop")[0].split()[2:]]
        trained = [loss for epoch in range(4) for loss in losses[6 * epoch : 6 * epoch + 4]]
        assert list(record.losses) == trained
        assert list(record.rates) == [0.01] * 8 + [0.005] * 8
        assert record.at == [*range(1, 11)]

    def test_norms_before_and_after_clipping(self) -> None:
        (record,) = list_records("plain_loop")
        assert list(record.clipped) == list(range(1, 17))
        for update, (raw, used, angle) in record.clipped.items():
            assert (used, angle) == (min(raw, 0.5), 0.0)
            if update in record.at:
                held = math.hypot(*record.norms[record.at.index(update)])
                assert held == pytest.approx(used, rel=1e-5), "what the step sees"

    def test_a_healthy_script_raises_no_error(self) -> None:
        report = see("plain_loop")[2]
        assert [each for each in report.findings if each.severity == "error"] == []
        assert not {"M005", "M006", "M009", "M010"} & list_codes("plain_loop")
        assert {"M005", "M006", "M009", "M010"}.isdisjoint(each.code for each in report.skipped)


def test_sampling() -> None:
    _, ended = run_watched("by_hand", every=7)
    assert ended.observer.records[0].at == [*range(1, 11), 14, 21, 28]
    _, ended = run_watched("by_hand", every=7, max_overhead=0.0)
    assert ended.observer.records[0].at == [*range(1, 11)]


def test_two_models_are_two_runs_and_a_sample_is_no_evaluation() -> None:
    judging, making = list_records("two_players")
    assert (making.steps, judging.steps, making.name, judging.name) == (24, 24, "Sequential 2", "Sequential")
    losses = [float.fromhex(each) for each in see("two_players")[0].split()[2:]]
    assert list(judging.losses) == losses[::2]
    assert list(making.losses) == losses[1::2]
    assert {"M006", "M009", "M004"}.isdisjoint(list_codes("two_players"))


def test_a_closure_is_one_update_with_the_gradient_of_its_first_call() -> None:
    (record,) = list_records("closure")
    assert record.steps == 12
    assert all(each > 0 for each in record.norms[0])
    assert record.losses[0] == float.fromhex(see("closure")[0].split()[2])


def test_accumulated_losses_are_summed() -> None:
    (record,) = list_records("accumulation")
    losses = [float.fromhex(each) for each in see("accumulation")[0].split()[2:]]
    assert list(record.losses) == pytest.approx([sum(losses[start : start + 4]) for start in range(0, 56, 4)], rel=1e-12)
    assert "M006" not in list_codes("accumulation")


@pytest.mark.parametrize("arguments", [(), ("fused",)], ids=["plain", "fused"])
def test_a_loss_scale_is_taken_off_and_skipped_steps_are_counted(arguments: tuple[str, ...]) -> None:
    (record,) = list_records("scaled", *arguments)
    assert record.nonfinite is None
    metrics = see("scaled", *arguments)[2].runs[0].metrics
    assert metrics["skipped_updates"] > 0
    assert metrics["loss_scale"] == 2.0 ** (127 - metrics["skipped_updates"])
    assert max(map(max, record.norms)) < 1000
    assert record.losses[-1] == float.fromhex(see("scaled", *arguments)[0].split()[-1])
    assert record.steps == 20 - (0 if arguments else metrics["skipped_updates"])


def test_optimizers_of_one_parameter_each_make_one_update_of_their_model() -> None:
    (record,) = list_records("in_backward")
    assert (record.steps, record.name, len(record.tensors)) == (15, "Sequential", 4)
    assert np.array(record.norms).all()
    assert np.array(record.changes) == pytest.approx(0.1 * np.array(record.norms), rel=1e-4), "plain SGD"
    assert "M004" not in list_codes("in_backward")


@pytest.mark.parametrize("arguments", [(), ("scaled",)], ids=["plain", "scaled"])
def test_optimizers_that_step_parts_of_a_model_make_one_update_of_it(arguments: tuple[str, ...]) -> None:
    (record,) = list_records("parts", *arguments)
    assert [each.name for each in record.parameters] == ["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"]
    assert {each["name"] for each in record.optimizers.values()} == {"SGD", "AdamW"}
    assert record.steps == len(record.losses) == 12 - record.counts["skipped"]
    assert np.array(record.norms).all()
    first = np.array(record.changes)[0]
    assert first[[0, 4]] == pytest.approx(0.002 * np.array(record.norms)[0][[0, 4]], rel=1e-4), "the first step of momentum"
    assert (record.counts["skipped"] > 0) == bool(arguments)
    assert "M004" not in list_codes("parts", *arguments)


def test_optimizers_that_take_turns_are_runs_of_their_own() -> None:
    assert [(each.steps, len(each.parameters)) for each in list_records("parts", "turns")] == [(12, 2), (12, 4)]


def test_updates_by_hand_are_seen_from_the_backward_passes() -> None:
    (record,) = list_records("by_hand")
    assert (record.steps, record.by_hand) == (30, True)
    assert sorted(each.name for each in record.parameters) == ["bias", "weight"]
    used = np.array([min(1.0, 0.5 / record.clipped[update][0]) for update in record.at])[:, None]
    assert len(record.changes) == len(record.at) == 12
    assert np.array(record.changes) == pytest.approx(0.1 * used * np.array(record.norms), rel=1e-3)
    assert list(record.clipped) == list(range(1, 31))
    assert record.objective is not None
    assert record.objective.loss == "mse"
    assert {"C004", "M006"}.isdisjoint(list_codes("by_hand"))


def test_what_is_compiled_is_compiled_once() -> None:
    assert see("compiled")[0].endswith("compiled 2\n")
    (record,) = list_records("compiled")
    assert (record.steps, record.compiled, record.parameters[0].name) == (12, True, "0.weight")
    assert record.clipped == {}, "there is no looking into what is compiled"


def test_sparse_gradients_have_norms() -> None:
    (record,) = list_records("sparse")
    assert np.array(record.norms).all()
    assert np.array(record.changes) == pytest.approx(0.1 * np.array(record.norms), rel=1e-4)


class TestFirstBadNumber:
    def test_the_operation_and_the_layer_are_named(self) -> None:
        (record,) = list_records("log_of_zero")
        assert record.nonfinite is not None
        assert (record.nonfinite.update, record.nonfinite.direction, record.nonfinite.where) == (5, "forward", "log (after 2)")
        assert "log (after 2)" in next(each.message for each in see("log_of_zero")[2].findings if each.code == "G006")

    @pytest.mark.parametrize(("part", "feature"), [("inputs", 3), ("targets", 0)])
    def test_bad_data_are_the_cause(self, part: str, feature: int) -> None:
        finding, *_ = see("spoilt", part)[2].findings
        assert (finding.code, finding.evidence[part], finding.severity) == ("D006", 2, "error")
        assert "of a batch" in finding.message
        assert next(each for each in see("spoilt", part)[2].findings if each.code == "G006").because == "D006"


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_predictions_compared_with_every_target() -> None:
    finding = next(each for each in see("broadcast")[2].findings if each.code == "M008")
    assert (finding.evidence["prediction"], finding.evidence["target"]) == ([64, 1], [64])


def test_functional_training_is_said_to_be_invisible() -> None:
    assert "torch.func" in see("functional")[2].answer.text
    assert see("functional")[2].exit_code == 4


def test_models_are_let_go_of() -> None:
    assert see("folds")[0].endswith("gone [True, True, True]\n")
    assert [each.steps for each in list_records("folds")] == [4, 4, 4]


def test_torch_is_not_imported_for_a_script_that_does_not() -> None:
    line = f"sys.argv = ['trainlab', 'watch', {str(SCRIPTS / 'no_torch.py')!r}]"
    told = "atexit.register(lambda: print('torch' in sys.modules))"
    code = f"import sys, atexit; {line}; from trainlab.cli.app import main; {told}; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False\nFalse\n")
    assert "torch was not imported" in done.stderr


class TestEndingEarly:
    def test_after_so_many_updates(self) -> None:
        out, ended = run_watched("plain_loop", max_steps=7)
        assert (out, ended.error, ended.complete) == ("", None, False)
        assert ended.observer.records[0].steps == 7

    def test_at_an_error(self) -> None:
        _, ended = run_watched("log_of_zero", stop_on="error")
        assert (ended.complete, ended.observer.records[0].steps) == (False, 5)
        report = watch.judge(ended, watch.Options())
        assert "--stop-on error" in report.notes[0]

    def test_a_healthy_script_goes_on(self) -> None:
        assert run_watched("plain_loop", stop_on="error")[1].complete
