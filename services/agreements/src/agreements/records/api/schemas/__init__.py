"""What crosses the wire. Never a row, never a domain object."""
