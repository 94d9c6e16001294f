"""HTTP: routes, what crosses the wire, and who may use what."""
