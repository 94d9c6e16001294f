"""The relational database of the haven."""
