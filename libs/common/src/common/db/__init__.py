"""SQLite and PostgreSQL alike: engines, transactions, and the tables that all services have."""
