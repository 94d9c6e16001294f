"""Extracts, delivery and registers: the only way out."""
