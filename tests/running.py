"""A running suite with an agreement in force and data landed: where end-to-end tests begin."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.clock import SystemClock, legal_day
from dsfc_cli.demo.answers import Wanted
from dsfc_cli.demo.material import COMMISSIONER, SEED, Material, synthetic
from dsfc_cli.demo.stage import ORGANISATIONS, Stage
from dsfc_cli.suite import Suite
from dsfc_cli.synthetic import World
from dsfc_client import Dsfc, Extract

CSU = "0DF"
PEOPLE = 2_000


@dataclass(frozen=True, slots=True)
class Scene:
    """The suite, the agreement, and the file that was landed."""

    suite: Suite
    stage: Stage
    material: Material
    reference: str
    contracts: Mapping[str, str]

    @property
    def csu(self) -> Dsfc:
        """The CSU's own system."""
        return self.stage.actor("csu-0df-analytics")

    def body(self, **changes: Any) -> dict[str, Any]:
        """A request for all that the line opens."""
        return {
            "agreement": self.reference,
            "purpose": "COM",
            "data_set": self.material.data_set,
            "classification": "PSEUDO_ANONYMISED",
            "periods": list(self.material.months),
            "fields": list(self.material.flow.fields),
            "formats": ["csv"],
        } | changes

    def ask(self, **changes: Any) -> Extract:
        return self.csu.dissemination.request(self.body(**changes))

    def released(self, **changes: Any) -> Extract:
        done = self.csu.dissemination.wait(self.ask(**changes).id, timeout_seconds=120)
        assert done.state.upper() == "RELEASED", done
        return done

    def token(self, audience: str = "dissemination") -> str:
        tokens = self.csu.tokens
        assert tokens is not None
        return tokens.token(audience)


@contextmanager
def scene(suite: Suite, directory: Path, *, rows: int) -> Iterator[Scene]:
    """Enter the suite and play the story up to an agreement in force and a landed file."""
    with suite:
        world = World.create(people=PEOPLE, seed=SEED)
        maps = world.write_maps(directory)
        material = synthetic("SUS_APC", world, directory, "R0A", rows=rows)
        stage = Stage(suite, legal_day(SystemClock().now()))
        contracts = stage.set_up(*maps, maps_from=f"{material.months[0]}-01")
        stage.relate(COMMISSIONER, CSU)
        wanted = Wanted(
            controller=COMMISSIONER,
            controller_name=ORGANISATIONS[COMMISSIONER][0],
            processor=CSU,
            processor_name=ORGANISATIONS[CSU][0],
            flows=[material.flow],
            today=stage.today,
        )
        reference = stage.in_force(wanted, "Planned care of the area")
        provider = stage.actor("provider-r0a").pseudonymisation
        assert material.corrected is not None
        opened = provider.submit(material.data_set, material.period, material.corrected)
        done = provider.wait(opened.id, timeout_seconds=120)
        assert done.state.lower() == "accepted", done
        yield Scene(suite, stage, material, reference, contracts)
