"""Extracts, releases, deliveries and the register in a relational database."""
