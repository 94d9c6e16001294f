"""The dsfc command."""
