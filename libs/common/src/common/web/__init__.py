"""HTTP as every service speaks it: problems, permissions, pages, probes, metrics, the server."""
