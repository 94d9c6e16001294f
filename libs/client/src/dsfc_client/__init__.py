"""A typed client of the four APIs."""
