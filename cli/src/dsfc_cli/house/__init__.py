"""The four services started together, with keys and identities to try them by."""
