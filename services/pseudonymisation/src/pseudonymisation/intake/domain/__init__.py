"""What the haven is, without input or output."""
