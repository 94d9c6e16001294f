"""Fixtures for every test of the workspace come from one plugin."""

pytest_plugins = ["common.testing.plugin"]
