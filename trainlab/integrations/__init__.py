"""trainlab inside other tools."""
