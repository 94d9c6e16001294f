"""Rows, and the repository that turns them into applications and back."""
