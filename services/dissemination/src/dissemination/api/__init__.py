"""HTTP in, use case, HTTP out; and `stream`, which holds the connection."""
