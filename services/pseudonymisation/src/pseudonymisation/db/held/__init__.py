"""What rows are held against: which of them are shown, and what the audit log tells of them."""
