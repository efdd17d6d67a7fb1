import pytest

from trainlab.errors import Problem, UserError, check_choice, collect, find_nearest, find_source


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem(message="must be positive"), "must be positive"),
        (Problem(message="must be positive", key="optimizer.lr"), "optimizer.lr: must be positive"),
        (Problem(message="must be positive", key="lr", value="-1", source="a.yaml:3"), "a.yaml:3: lr: must be positive (got -1)"),
        (Problem(message="is unknown", nearest="relu"), "is unknown; did you mean 'relu'?"),
        (Problem(message="is unknown", choices=("a", "b")), "is unknown. Choices: a, b."),
    ],
)
def test_a_problem_reads_as_one_line(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_a_user_error_from_text_takes_the_fields_of_a_problem() -> None:
    error = UserError("must be positive", key="lr", value="-1")
    assert error.problems == (Problem(message="must be positive", key="lr", value="-1"),)


def test_a_user_error_shows_all_problems_a_line_each() -> None:
    error = UserError(iter([Problem(message="a"), Problem(message="b")]))
    assert len(error.problems) == 2
    assert str(error) == "a\nb"


def test_a_user_error_of_one_problem() -> None:
    assert UserError(Problem(message="a")).problems == (Problem(message="a"),)


def test_located_fills_in_where_the_key_or_its_section_stands() -> None:
    sources = {"": "a.yaml:1", "model": "a.yaml:2", "model.layers": "a.yaml:3"}
    keys = ["model.layers", "model.width", "seed", ""]
    error = UserError([*(Problem(message="a", key=key) for key in keys), Problem(message="a", key="model", source="--set")])
    assert [problem.source for problem in error.located(sources).problems] == [
        "a.yaml:3",
        "a.yaml:2",
        "a.yaml:1",
        "a.yaml:1",
        "--set",
    ]


def test_located_without_sources_leaves_it_open() -> None:
    assert UserError("a", key="b").located({}).problems[0].source is None


def test_find_source_prefers_the_closest_section() -> None:
    assert find_source("a.b.c", {"a": "1", "a.b": "2"}) == "2"
    assert find_source("b", {"a": "1"}) is None


def test_find_source_of_what_is_missing_is_what_asks_for_it() -> None:
    assert find_source("data.path", {"": "0", "data.name": "1"}) == "1"
    assert find_source("data.path", {"data": "2", "data.name": "1"}) == "2"
    assert find_source("name", {"name": "3", "other.name": "1"}) == "3"


@pytest.mark.parametrize(("word", "nearest"), [("rleu", "relu"), ("relu", "relu"), ("zzz", None), ("", None)])
def test_find_nearest(word: str, nearest: str | None) -> None:
    assert find_nearest(word, iter(["relu", "tanh"])) == nearest


def test_a_word_that_is_none_of_the_choices() -> None:
    choices = ("never", "warning", "error")
    assert check_choice("--fail-on", "error", choices) == []
    assert [str(each) for each in check_choice("--fail-on", "eror", choices)] == [
        "--fail-on: is none of the choices (got eror); did you mean 'error'? Choices: never, warning, error."
    ]
    assert [each.value for text in ("", 3) for each in check_choice("x", text, choices)] == ["''", "3"]


def test_problems_of_several_blocks_are_put_together() -> None:
    problems: list[Problem] = []
    for number in (1, 2):
        with collect(problems):
            raise UserError(f"wrong {number}")
    with collect(problems):
        pass
    assert [each.message for each in problems] == ["wrong 1", "wrong 2"]
