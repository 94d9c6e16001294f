"""Fixtures for every test of the workspace come from one plugin."""

pytest_plugins = ["dsfc_testing.plugin"]
