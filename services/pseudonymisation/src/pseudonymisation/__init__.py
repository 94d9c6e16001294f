"""The safe haven: submissions, keys, pseudonyms and prepared extracts."""
