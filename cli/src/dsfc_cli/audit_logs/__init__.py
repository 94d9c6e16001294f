"""The audit logs, exported and checked, and decisions made again from them."""
