"""`dsfc demo`: one release from end to end, told in numbered sentences, each claim checked."""
