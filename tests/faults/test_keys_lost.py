"""The drill of loss over processes (docs/key-custody.md): the key store is gone, and comes back.

Everything that needs a key says no and why, no key is made anew, and two custodians bring back from
a split backup what people's tokens rest on: with the commands that an operator has, on a haven that
was started, stopped and started again.
"""

import csv
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from common.clock import SystemClock, legal_day
from common.security.keys import Signer
from dsfc_client import Failed
from pseudonymisation import cli
from pseudonymisation.engine.custody.orders import Action, Order
from tests.running import APRIL, MAY, Scene, scene, until

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("keys-lost"), pytest.mark.timeout(900)]

HAVEN = "pseudonymisation"
MONTH = f"{legal_day(SystemClock().now()):%Y-%m}"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory, "keys-lost") as running:
        yield running


class Custody:
    """Two custodians with their keys, and the operator's commands, each in a process of its own."""

    def __init__(self, played: Scene, directory: Path) -> None:
        self.suite, self.directory = played.suite, directory
        self.custodians = directory / "custodians.json"
        self.parts = directory / "parts"
        self.parts.mkdir()
        for name in ("ann", "ben"):
            generated = ["keys", "custodian", name, "--key", self.jwk(name)]
            arguments = [*map(str, generated), "--to", str(self.custodians)]
            assert CliRunner().invoke(cli.app, arguments).exit_code == 0

    def jwk(self, name: str) -> Path:
        return self.directory / f"{name}.jwk"

    def keys(self, *arguments: object) -> tuple[int, str]:
        """`pseudonymisation keys …`, with the settings of the haven."""
        given = self.suite._settings_of(HAVEN) | {"KEY_CUSTODIANS_FILE": str(self.custodians)}
        environment = {f"PSEUDONYMISATION_{name}": value for name, value in given.items()}
        done = subprocess.run(
            [sys.executable, "-m", "pseudonymisation.cli", "keys", *map(str, arguments)],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.directory)} | environment,
            cwd=self.suite.directory,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def ordered(
        self, action: Action, subject: str, *more: object, by: tuple[str, ...] = ("ann", "ben")
    ) -> tuple[int, str]:
        order = Order.new(action, subject, "A drill.")
        for name in by:
            order = order.signed(Signer(self.jwk(name)), SystemClock().now())
        file = self.directory / f"{action}-{'-'.join(by)}.order"
        file.write_text(order.written())
        return self.keys("carry-out", file, *more)


def ready(played: Scene) -> dict[str, str] | None:
    """What of `/readyz` fails; None while nothing answers."""
    try:
        answer = httpx.get(played.url(HAVEN, "/readyz"), timeout=30)
    except httpx.TransportError:
        return None
    return {} if answer.is_success else answer.json()["failed"]


def started_anew(played: Scene) -> dict[str, str]:
    played.suite.stop_service(HAVEN)
    played.suite.start_service(HAVEN)
    return until(lambda: (found,) if (found := ready(played)) is not None else None)[0]


def tokens(played: Scene, target: Path) -> frozenset[str]:
    released = played.released(periods=[APRIL], formats=["csv"])
    path = played.csu.dissemination.download(released.files[0].id, target)
    with path.open(encoding="utf-8", newline="") as file:
        return frozenset(row["Token"] for row in csv.DictReader(file))


def test_a_lost_key_store_says_no_and_two_custodians_bring_it_back(
    played: Scene, tmp_path: Path
) -> None:
    custody = Custody(played, tmp_path)
    before = tokens(played, tmp_path / "before.csv")
    told = custody.ordered(Action.BEGIN_BACKUPS, MONTH, "--parts-to", custody.parts)
    assert told[0] == 0, told
    code, said = custody.keys("backup")
    assert code == 0, said
    backup = max((played.state / "haven-key-backups").glob(f"{MONTH}/*.backup"))
    store = played.state / "haven-keys"

    shutil.rmtree(store)
    store.mkdir()
    failed = started_anew(played)

    assert set(failed) == {"key store"}
    assert "KEY_UNAVAILABLE" in str(failed)
    with pytest.raises(Failed) as refused:
        played.released(periods=[MAY])
    assert refused.value.code == "KEY_UNAVAILABLE"
    assert list(store.rglob("*.key")) == [], "and no key was made anew"

    parts = [("--part", custody.parts / f"{MONTH}-{name}.part") for name in ("ann", "ben")]
    code, said = custody.ordered(Action.RESTORE, backup.name, *parts[0], *parts[1], by=("ann",))
    assert (code, "KEY_ORDER_REFUSED" in said) == (1, True)
    code, said = custody.ordered(Action.RESTORE, backup.name, *parts[0])
    assert (code, "KEY_PARTS_WRONG" in said) == (1, True)
    assert list(store.rglob("*.key")) == []
    code, said = custody.ordered(Action.RESTORE, backup.name, *parts[0], *parts[1])

    assert code == 0, said
    assert started_anew(played) == {}
    assert tokens(played, tmp_path / "after.csv") == before, "people keep their tokens"
