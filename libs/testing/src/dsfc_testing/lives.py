"""Every life that a package declares, found where it is declared: none can be forgotten."""

import importlib
import pkgutil
from typing import Any

from common.lives import Life


def declared(package: str) -> dict[str, Life[Any]]:
    """Return the lives of a package by name.

    Raises:
        ValueError: two of them have one name.

    """
    found: dict[str, Life[Any]] = {}
    path = importlib.import_module(package).__path__
    for module in sorted(pkgutil.walk_packages(path, f"{package}."), key=lambda one: one.name):
        if ".migrations" in module.name:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Life) and found.setdefault(value.name, value) is not value:
                raise ValueError(f"two lives of {package} are named {value.name}")
    return found
