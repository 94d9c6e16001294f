"""People: whom tokens stand for, for direct care alone, and where they are registered."""
