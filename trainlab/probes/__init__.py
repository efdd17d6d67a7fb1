"""One measurement a file, named after what it measures. A probe looks and never touches.

A module here has one or more of these functions:

- `measure(step: Step) -> Tensor`: `[run]` or `[run, parameter]`, with `EVERY = "update"` (each update) or `"sample"` (at most
  about 200 updates of a run). The series in the trace is called like the probe.
- `follow(evaluation: Evaluation) -> Tensor | None`: `[run]`, after each epoch; None where there is nothing to measure. The series
  in the trace is called like the probe.
- `evaluate(evaluation: Evaluation) -> dict[str, Tensor]`: once, at the end of training: `[run]` values become metrics, longer
  ones arrays.
- `evaluate_start(evaluation: Evaluation) -> dict[str, Tensor]`: the same, once, before the first update.
"""
