"""How a report is drawn: every module is the picture of the command it is named after, with one function `draw(report)`."""
