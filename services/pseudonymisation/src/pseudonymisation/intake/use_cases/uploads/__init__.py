"""Files that come in parts, and files that are only checked."""
