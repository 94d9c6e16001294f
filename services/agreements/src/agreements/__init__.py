"""Organisations, contracts, agreements, relationships, breaches and the decision."""
