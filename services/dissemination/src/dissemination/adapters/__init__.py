"""Databases, other services, objects and events, each behind its port."""
