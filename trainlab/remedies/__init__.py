"""One patch a file: what may mend a finding."""
