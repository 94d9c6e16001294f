"""Who is asking, and whether a signed statement is genuine. Only here is a token opened."""
