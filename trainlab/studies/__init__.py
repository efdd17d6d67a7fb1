"""One question a file. A study is pure: it plans, and it concludes; it neither trains nor prints, and imports no torch.

A module here has:

- `first(config, options) -> Plan`: what to train. Raises UserError where the question makes no sense for the config.
- `then(config, options, traces) -> Plan | None`: what to train next, seeing what was measured; None when that is enough.
- `goes_on(options) -> bool`, beside a `then` that some options leave without a word: whether it may ask for anything.
- `conclude(config, options, traces, findings, skipped) -> Conclusion`: the answer, the tables, and which findings concern the
  question. It gets every verdict of its rules, also those that the user does not want reported, and only runs with an update.
"""
