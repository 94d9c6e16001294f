"""Extracts, delivery and registers: the only door out."""
