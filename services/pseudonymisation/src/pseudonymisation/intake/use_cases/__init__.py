"""What one can do with the haven: one function a verb."""
