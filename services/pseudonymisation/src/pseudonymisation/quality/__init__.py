"""Data quality and the landing board: what came, how good it is, and what should have come."""
