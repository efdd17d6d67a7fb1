"""One verdict a file. A rule judges Traces and yields Findings; it neither measures nor prints.

A module here holds one frozen dataclass named like the file (`vanishing_gradient.py`: `VanishingGradient`). Its fields are its
thresholds; they can be set by code in the config's `rules:` section. Its docstring is what `trainlab explain` prints, under the
headings *What it finds*, *Why it matters*, *Evidence*, *What to try*.
"""
