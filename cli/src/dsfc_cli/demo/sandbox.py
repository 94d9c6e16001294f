"""A world to try things in: an agreement in force, a landed month, a released extract.

`dsfc up` opens it, and the demo's chapters begin with a copy of it. Everything said in it is
invented and synthetic, and it can be made in development only.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self

from common.clock import SystemClock, legal_day
from dsfc_cli.demo import material
from dsfc_cli.demo.answers import Wanted
from dsfc_cli.demo.material import COMMISSIONER, FIELDS, MONTH, PEOPLE, SEED
from dsfc_cli.demo.stage import DSCRO, OPERATES, ORGANISATIONS, Stage
from dsfc_cli.house.suite import SERVICES, Suite
from dsfc_cli.shell.elsewhere import Reachable
from dsfc_cli.synthetic import World

ROWS: Final = 6_000
DATA_SET: Final = "SUS_APC"
PROVIDER: Final = "R0A"
CSU, OTHER_CSU = "0DF", "0CX"
TITLE: Final = "Synthetic sandbox: planned care of the area"
FACTS: Final = "sandbox.json"
INPUT: Final = "sandbox-input"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What is in it, by the references that a caller needs."""

    agreement: str
    data_set: str
    month: str
    extract: str
    file: str
    provider: str
    today: str
    synthetic: bool = True

    @classmethod
    def read(cls, directory: Path) -> Self | None:
        """Return what an earlier start left there, or None."""
        path = directory / FACTS
        return cls(**json.loads(path.read_text("utf-8"))) if path.exists() else None

    def write(self, directory: Path) -> None:
        content = json.dumps(asdict(self), indent=2) + "\n"
        (directory / FACTS).write_text(content, encoding="utf-8")


def body_of(agreement: str, **changes: object) -> dict[str, object]:
    """Return the request for all that the sandbox's line has."""
    return {
        "agreement": agreement,
        "purpose": "COM",
        "data_set": DATA_SET,
        "classification": "PSEUDO_ANONYMISED",
        "periods": [MONTH[0]],
        "fields": list(FIELDS[DATA_SET]),
        "formats": ["parquet"],
    } | changes


def furnish(suite: Reachable, directory: Path, *, rows: int = ROWS) -> Sandbox:
    """Play the journey up to a released extract in a suite that runs, wherever it does.

    What was submitted, and the references, are left in `directory`. Raises DsfcError where a
    service says no.
    """
    inputs = directory / INPUT
    world = World.create(people=PEOPLE, seed=SEED)
    maps = world.write_maps(inputs)
    month = material.synthetic(DATA_SET, world, inputs, PROVIDER, rows=rows)
    stage = Stage(suite, legal_day(SystemClock().now()))
    stage.set_up(*maps, maps_from=f"{MONTH[0]}-01")
    stage.relate(COMMISSIONER, CSU, [OTHER_CSU])
    wanted = Wanted(
        controller=COMMISSIONER,
        controller_name=ORGANISATIONS[COMMISSIONER][0],
        processor=CSU,
        processor_name=ORGANISATIONS[CSU][0],
        flows=[month.flow],
        today=stage.today,
    )
    agreement = stage.in_force(wanted, TITLE)
    stage.clear(OPERATES)
    stage.second(OPERATES, DSCRO)
    haven = stage.actor(f"provider-{PROVIDER.lower()}").pseudonymisation
    assert month.corrected is not None
    haven.wait(haven.submit(DATA_SET, MONTH[0], month.corrected).id)
    csu = stage.actor("csu-0df-analytics").dissemination
    extract = csu.wait(csu.request(body_of(agreement), key=f"sandbox-{agreement}").id)
    sandbox = Sandbox(
        agreement=agreement,
        data_set=DATA_SET,
        month=MONTH[0],
        extract=str(extract.id),
        file=str(extract.files[0].id),
        provider=PROVIDER,
        today=stage.today.isoformat(),
    )
    sandbox.write(directory)
    return sandbox


def prepared(root: Path) -> Path:
    """Return the directory of a furnished suite that is stopped, made now if there is none.

    It is kept under `root` for as long as the code is the one that made it: another day is another
    state too, since agreements begin on the day on which they are signed.
    """
    kept = root / _key()
    if Sandbox.read(kept) is None:
        for former in root.glob("*"):
            shutil.rmtree(former, ignore_errors=True)
        with Suite(kept) as suite:
            furnish(suite, kept)
    return kept


def _key() -> str:
    """Tell the code and the day apart; sizes and times of files do, and are quick to read."""
    found = hashlib.sha256(legal_day(SystemClock().now()).isoformat().encode())
    for path in sorted(_sources()):
        known = path.stat()
        found.update(f"{path}\0{known.st_size}\0{known.st_mtime_ns}\0".encode())
    return found.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    for package in ("common", "catalogue", "statements", "dsfc_cli", *SERVICES):
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        for kind in ("*.py", "*.yaml"):
            yield from Path(spec.origin).parent.rglob(kind)
