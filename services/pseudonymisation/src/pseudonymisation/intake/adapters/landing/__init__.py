"""The data plane: kernel, locked engine, landing and preparation."""
