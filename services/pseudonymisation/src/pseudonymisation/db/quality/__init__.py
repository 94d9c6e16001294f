"""How good the values of editions are, and which files are expected."""
