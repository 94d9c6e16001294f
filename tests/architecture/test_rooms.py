"""Every unit has the same rooms, and none is crowded (docs/adr/0039).

Who may know whom is held by import-linter (`pyproject.toml`).
"""

from collections import Counter
from pathlib import Path

import pytest

from tests.repository import ROOT, tracked

UNITS = {
    "applications": (".",),
    "agreements": ("records", "decision", "flows"),
    "pseudonymisation": ("intake", "preparations", "quality", "people"),
    "dissemination": (".",),
}
"""By service: where its units are. A service of one unit is that unit."""
ROOMS = {"api", "use_cases", "domain", "adapters"}
OF_A_SERVICE = {"__init__.py", "main.py", "cli.py", "settings.py", "py.typed", "db"}
DATA = {"rules", "reference"}
"""Dated rules and reference data, as files."""
ENGINE = {"pseudonymisation": {"engine"}}
"""What units rest on and what knows none of them."""
MODULES_MAX = 12


def package(service: str) -> Path:
    return ROOT / "services" / service / "src" / service


def held(folder: Path) -> set[str]:
    """What the repository has directly in a folder."""
    return {p.relative_to(folder).parts[0] for p in tracked() if folder in p.parents}


@pytest.mark.parametrize("service", UNITS)
def test_every_unit_has_the_rooms_and_no_others(service: str) -> None:
    units = UNITS[service]
    allowed = OF_A_SERVICE | DATA | ENGINE.get(service, set())
    beside = set(units) if units != (".",) else ROOMS

    assert held(package(service)) - DATA == (allowed | beside) - DATA
    for unit in units:
        rooms = held(package(service) / unit) - allowed
        assert rooms - {"__init__.py"} == ROOMS, unit
        for room in ("routes", "schemas"):
            assert (package(service) / unit / "api" / room / "__init__.py").is_file()


@pytest.mark.parametrize("service", UNITS)
def test_rows_and_migrations_are_in_one_place(service: str) -> None:
    database = package(service) / "db"

    assert (database / "tables.py").is_file()
    assert (database / "migrations" / "env.py").is_file()


def test_no_room_is_crowded() -> None:
    modules = Counter(
        path.parent
        for path in tracked()
        if path.suffix == ".py" and "src" in path.parts and path.name != "__init__.py"
        if "migrations" not in path.parts and {"services", "cli"} & set(path.parts)
    )

    assert len(modules) > 40
    assert {str(p.relative_to(ROOT)): n for p, n in modules.items() if n > MODULES_MAX} == {}
