"""HTTP in, use case, HTTP out; and the door, which holds the connection."""
