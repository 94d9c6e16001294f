"""How a file comes in: its form, its header, what is refused as it streams, and dry runs."""
