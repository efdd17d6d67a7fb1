"""One question a file. A study is pure: it plans, and it concludes; it neither trains nor prints, and imports no torch.

A module here has:

- `first(config, options) -> Plan`: what to train.
- `then(config, options, traces) -> Plan | None`: what to train next, seeing what was measured; None when that is enough.
- `conclude(config, options, traces, findings) -> Conclusion`: the answer, the tables, and which findings concern the question.
"""
