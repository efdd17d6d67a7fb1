"""One subcommand a file: its signature and its help."""
