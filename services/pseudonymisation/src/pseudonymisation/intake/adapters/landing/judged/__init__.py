"""Rows that the engine judges, by one statement that is written from the catalogue."""
