"""How a report is written: every module is one format, named by its file, with one function `render(report, target)`."""
