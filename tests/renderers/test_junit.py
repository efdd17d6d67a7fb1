import dataclasses

from junitparser import Failure, JUnitXml, Skipped

from trainlab.renderers._target import Target
from trainlab.renderers.junit import render
from trainlab.report import Answer

from .reports import make_empty, make_report

RULES = {"G001": "vanishing-gradient", "G006": "non-finite", "G003": "dead-units", "F001": "overfitting"}


def read(report):
    return JUnitXml.fromstring(render(report, Target()).encode())


def find(suites, run, code):
    (suite,) = (suite for suite in suites if suite.name == run)
    (case,) = (case for case in suite if case.name.startswith(code))
    return case


def test_a_rule_that_found_an_error_fails_and_one_that_found_nothing_passes():
    suites = read(dataclasses.replace(make_report(), rules=RULES))
    (failure,) = find(suites, "base", "G001").result
    assert isinstance(failure, Failure)
    assert failure.type == "error"
    assert failure.text.startswith("error (model.0.weight, 3 of 3 seeds): first/last")
    sound = find(suites, "base", "G006")
    assert (sound.name, sound.is_passed) == ("G006 non-finite", True)


def test_what_could_not_be_judged_is_skipped_with_the_reason():
    (skipped,) = find(read(make_report()), "base", "G003").result
    assert isinstance(skipped, Skipped)
    assert skipped.message.startswith("fewer than 2 updates")
    assert isinstance(find(read(make_report()), "model.norm=batch", "run").result[0], Skipped)


def test_what_counts_for_the_exit_code_fails():
    def fails(fail_on, code):
        return not find(read(dataclasses.replace(make_report(), fail_on=fail_on)), "base", code).is_passed

    assert not fails("never", "G004")
    assert not fails("error", "G004")
    assert fails("warning", "G004")
    assert not fails("warning", "F001"), "it is known"


def test_a_metric_that_is_worse_fails():
    worse = Answer(text="Worse.", values={"worse_metrics": ["base: test_loss"]})
    suites = read(dataclasses.replace(make_empty(), answer=worse))
    (failure,) = find(suites, "base", "base: test_loss").result
    assert isinstance(failure, Failure)
    assert (failure.type, failure.message) == ("worse", "Worse.")
    assert (suites.tests, suites.failures) == (1, 1)


def test_the_counts_are_those_of_the_cases():
    suites = read(dataclasses.replace(make_report(), rules=RULES))
    for suite in suites:
        cases = list(suite)
        failed = sum(any(isinstance(each, Failure) for each in case.result) for case in cases)
        skipped = sum(any(isinstance(each, Skipped) for each in case.result) for case in cases)
        assert (suite.tests, suite.failures, suite.skipped, suite.errors) == (len(cases), failed, skipped, 0)
    assert suites.tests == sum(suite.tests for suite in suites)
    assert suites.failures == sum(suite.failures for suite in suites) > 0


def test_a_report_of_nothing_is_well_formed():
    (suite,) = read(make_empty())
    assert (suite.name, suite.tests) == ("base", 0)
