"""Extracts, releases, deliveries and the register: pure, and handed the time."""
