"""Several tables that belong together: each landed by itself, then held against the others."""
