"""The life of a national check."""
