"""Fixtures for all tests; and how examples are searched for by `make test-random`."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["dsfc_testing.plugin"]

settings.register_profile(
    "search",
    derandomize=False,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
