"""Rows that are plain, told and made a batch at a time (docs/adr/0046)."""
