"""One measurement a file, named after what it measures. A probe looks and never touches.

A module here has one or more of these functions:

- `measure(step: Step) -> Tensor`: `[run]` or `[run, parameter]`, with `EVERY = "update"` (each update), `"sample"` (at most
  about 200 updates of a run) or `"few"` (about 50). The series in the trace is called like the probe.
- `condense(evaluation: Evaluation, seen: Sequence[Series | None]) -> tuple[dict[str, Tensor], list[dict[str, Series]]]`: once, at
  the end, makes arrays and series of what `measure` saw of each run, which is not kept in the trace itself.
- `follow(evaluation: Evaluation) -> Tensor | None`: `[run]`, after each epoch; None where there is nothing to measure. The series
  in the trace is called like the probe.
- `evaluate(evaluation: Evaluation) -> dict[str, Tensor]`: once, at the end of training: `[run]` values become metrics, longer
  ones arrays. Where it has a second argument, `number`, a plan may set it: `name=0.1`.
- `forecast(evaluation: Evaluation) -> tuple[float, int]`: of a probe that takes long, seconds and bytes that `evaluate` or
  `condense` would take for the first run, at most; found out in a small part of them.
- `evaluate_start(evaluation: Evaluation) -> dict[str, Tensor]`: the same, once, before the first update.
"""
