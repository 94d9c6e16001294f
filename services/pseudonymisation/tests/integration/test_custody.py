"""Keys that two people make and destroy, and how they come back: the drills of both ends.

Guards: `engine.custody`, and the ledger in `KeyStore`.
"""

import json
import shutil
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from common.clock import SystemClock
from common.security.keys import Signer
from dsfc_testing.clock import FakeClock
from pseudonymisation import cli
from pseudonymisation.engine.custody.backups import KeyPart
from pseudonymisation.engine.custody.daily import KeyBackupWorker
from pseudonymisation.engine.custody.ledger import Word
from pseudonymisation.engine.custody.orders import Action, Custodians, Order
from pseudonymisation.engine.errors import (
    KeyBackupGone,
    KeyClosed,
    KeyDestroyed,
    KeyExists,
    KeyInUse,
    KeyLost,
    KeyOrderRefused,
    KeyPartsWrong,
)
from pseudonymisation.engine.keystore import (
    FileWrapping,
    KeyStore,
    KeyUnavailable,
    generate_key_encryption_key,
)
from pseudonymisation.engine.sealing import PERSON, haven_keys
from pseudonymisation.main import Parts
from pseudonymisation.settings import Settings
from services.pseudonymisation.tests.custody import Place, operated_on, people_of

DOMAIN, CLOSED, LATER = "domain/abc", "domain/abd", "domain/abe"
DESTROY_ON = date(2027, 3, 1)


@pytest.fixture
def place(tmp_path):
    found = Place(tmp_path)
    found.do(Action.CREATE_KEY, "haven")
    return found


@pytest.fixture
def backed_up(place):
    """Keys of three domains of which one is closed, a backup of two, and the parts of its key."""
    for name in (DOMAIN, CLOSED):
        place.store.create(name)
    parts = place.begin()
    made = place.backups.make(place.store, datetime(2026, 11, 28, 9, tzinfo=UTC))
    place.store.close(CLOSED)
    return place, parts, made


# Two people


@pytest.fixture
def people(tmp_path):
    """Two custodians and a stranger; Alice has renewed her key."""
    return people_of(tmp_path)


def test_what_two_custodians_signed_is_theirs(people):
    signers, file = people
    order = Order.new(Action.DESTROY_KEY, DOMAIN, "asked for")
    for name in ("alice", "bob"):
        order = order.signed(signers[name], SystemClock().now())

    assert order.signed_by(Custodians.read(file), SystemClock()) == ["alice", "bob"]


@pytest.mark.parametrize(
    "who", [(), ("alice",), ("alice", "alice"), ("alice", "alice-2"), ("alice", "stranger")]
)
def test_one_person_is_not_two(people, who):
    signers, file = people
    order = Order.new(Action.DESTROY_KEY, DOMAIN, "asked for")
    for name in who:
        order = order.signed(signers[name], SystemClock().now())

    with pytest.raises(KeyOrderRefused):
        order.signed_by(Custodians.read(file), SystemClock())


def test_one_key_under_two_names_is_not_two_people(people):
    signers, file = people
    named = json.loads(file.read_text())["keys"]
    file.write_text(json.dumps({"keys": [*named, named[0] | {"name": "Carol"}]}))
    order = Order.new(Action.DESTROY_KEY, DOMAIN, "asked for")
    order = order.signed(signers["alice"], SystemClock().now())

    with pytest.raises(KeyOrderRefused, match="one key under two names"):
        order.signed_by(Custodians.read(file), SystemClock())


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": PERSON},
        {"action": Action.CREATE_KEY},
        {"reason": "another"},
        {"id": "00000000-0000-7000-8000-000000000000"},
    ],
)
def test_an_order_that_is_another_than_was_signed_is_refused(people, changed):
    signers, file = people
    order = Order.new(Action.DESTROY_KEY, DOMAIN, "asked for")
    for name in ("alice", "bob"):
        order = order.signed(signers[name], SystemClock().now())

    with pytest.raises(KeyOrderRefused):
        replace(order, **changed).signed_by(Custodians.read(file), SystemClock())


def test_an_order_is_good_for_a_day(people):
    signers, file = people
    order = Order.new(Action.DESTROY_KEY, DOMAIN, "asked for")
    yesterday = SystemClock().now() - timedelta(days=1, minutes=1)
    for name, at in (("alice", yesterday), ("bob", SystemClock().now())):
        order = order.signed(signers[name], at)

    with pytest.raises(KeyOrderRefused, match="1 of 2"):
        order.signed_by(Custodians.read(file), SystemClock())


@pytest.mark.parametrize("text", ["", "{}", '{"keys": []}', '{"keys": [{"name": "alice"}]}'])
def test_without_two_custodians_nothing_is_ordered(tmp_path, text):
    file = tmp_path / "custodians.json"
    file.write_text(text)

    for path in (file, tmp_path / "none", None):
        with pytest.raises(KeyOrderRefused):
            Custodians.read(path)


def test_an_order_is_carried_out_once(place):
    order = Order.new(Action.ADD_KEY_ENCRYPTION_KEY, "new", "each year")
    place.ceremony().carry_out(order, preview=False)

    with pytest.raises(KeyOrderRefused, match="before"):
        place.ceremony().carry_out(order, preview=False)

    assert place.store.newest_version() == 2


# The haven's own keys


def test_the_havens_keys_are_made_by_order_alone(tmp_path):
    place = Place(tmp_path)

    for ask in (place.store.ensure, place.store.get):
        with pytest.raises(KeyUnavailable):
            ask(PERSON)
    preview = place.do(Action.CREATE_KEY, "haven", preview=True)
    assert place.store.names() == []

    done = place.do(Action.CREATE_KEY, "haven")

    assert len(preview.told) == len(done.told) == len(haven_keys())
    assert sorted(place.store.names()) == sorted(haven_keys())
    assert place.store.ensure(PERSON) == place.store.get(PERSON)
    place.store.ensure(DOMAIN)  # a permit makes these, as ever


@pytest.mark.parametrize("name", [DOMAIN, "edition/1", "haven/none"])
def test_no_other_key_is_made_by_order(place, name):
    with pytest.raises(KeyOrderRefused):
        place.do(Action.CREATE_KEY, name)


def test_a_key_of_the_haven_that_rows_rest_on_is_not_destroyed(place):
    """Guard: every row that is there could be read by nobody any more."""
    place.store.create("edition/1")

    with pytest.raises(KeyInUse):
        place.do(Action.DESTROY_KEY, PERSON)

    place.store.destroy("edition/1")
    place.do(Action.DESTROY_KEY, PERSON)
    with pytest.raises(KeyDestroyed):
        place.store.get(PERSON)


# The key-encryption key


def test_the_wrapping_is_renewed_and_the_old_one_destroyed_and_no_key_changes(place):
    keys = {name: place.store.get(name) for name in haven_keys()}

    place.do(Action.ADD_KEY_ENCRYPTION_KEY)
    with pytest.raises(KeyInUse, match="rewrap"):
        place.do(Action.DESTROY_KEY_ENCRYPTION_KEY, "1")
    place.store.rewrap()
    place.do(Action.DESTROY_KEY_ENCRYPTION_KEY, "1", preview=True)
    assert "destroyed" not in place.kek.read_text()
    place.do(Action.DESTROY_KEY_ENCRYPTION_KEY, "1")

    assert place.kek.read_text().split()[0] == "destroyed"
    assert {name: place.store.get(name) for name in haven_keys()} == keys
    with pytest.raises(KeyDestroyed):
        place.do(Action.DESTROY_KEY_ENCRYPTION_KEY, "1")
    with pytest.raises(KeyInUse, match="new keys"):
        place.do(Action.DESTROY_KEY_ENCRYPTION_KEY, "2")
    for version in ("3", "0", "-1", "x"):
        with pytest.raises(KeyOrderRefused):
            place.do(Action.DESTROY_KEY_ENCRYPTION_KEY, version)


def test_a_record_under_a_key_encryption_key_that_was_destroyed_says_nothing(place, tmp_path):
    """An old copy of the key store's disk is worth nothing then."""
    old = tmp_path / "old"
    shutil.copytree(place.keys, old)
    place.do(Action.ADD_KEY_ENCRYPTION_KEY)
    place.store.rewrap()
    place.do(Action.DESTROY_KEY_ENCRYPTION_KEY, "1")

    with pytest.raises(KeyUnavailable):
        KeyStore(old, FileWrapping(place.kek)).get(PERSON)


# The drill of destruction


def test_a_domain_that_was_destroyed_is_gone_and_it_is_known_until_when_a_backup_has_it(backed_up):
    place, parts, made = backed_up
    assert place.ceremony().until(DOMAIN).startswith("1 backup holds it, the last until 2027-03-01")

    told = place.do(Action.DESTROY_KEY, DOMAIN).told

    assert "2027-03-01" in told[1]
    for ask in (place.store.get, place.store.get_even_closed, place.store.find):
        with pytest.raises(KeyDestroyed):
            ask(DOMAIN)
    for ask in (place.store.ensure, place.store.create):
        with pytest.raises(KeyDestroyed):
            ask(DOMAIN)
    with pytest.raises(KeyDestroyed):
        place.do(Action.DESTROY_KEY, DOMAIN)
    # Nor does a backup of before bring it back, into this store or an empty one.
    place.do(Action.RESTORE, made.path.name, parts=parts)
    place.lose()
    place.do(Action.RESTORE, made.path.name, parts=parts)
    with pytest.raises(KeyDestroyed):
        place.store.get(DOMAIN)
    with pytest.raises(KeyDestroyed):
        place.store.ensure(DOMAIN)


def test_after_its_day_a_backup_is_opened_by_nobody(backed_up, tmp_path):
    """Not even by both custodians with a copy of it: the third part of its key is gone."""
    place, parts, made = backed_up
    copied = shutil.copy(made.path, tmp_path)

    assert place.backups.destroy_due(DESTROY_ON - timedelta(days=1)) == []
    assert place.backups.open(made.path, parts)
    assert place.backups.due(DESTROY_ON - timedelta(days=1)) == []
    assert place.backups.due(DESTROY_ON) == ["2026-11"]
    assert place.backups.open(made.path, parts), "to be told that it is due destroys nothing"
    assert place.backups.destroy_due(DESTROY_ON) == ["2026-11"]
    assert place.backups.destroy_due(DESTROY_ON) == []

    assert [path.name for path in (place.apart / "2026-11").iterdir()] == ["destroyed"]
    assert place.backups.all() == []
    shutil.copy(copied, made.path)
    with pytest.raises(KeyBackupGone):
        place.backups.open(made.path, parts)
    with pytest.raises(KeyBackupGone):
        place.do(Action.RESTORE, made.path.name, parts=parts)
    assert place.backups.all() == [], "none that can be opened; nor does it stop the others"
    with pytest.raises(KeyExists):
        place.do(Action.BEGIN_BACKUPS, "2026-11")


def test_a_destruction_that_was_cut_off_is_ended_the_next_time(backed_up):
    place, _, made = backed_up
    (place.apart / "2026-11" / "destroyed").write_text("2027-03-01")
    (place.apart / "2026-11" / "period.json").unlink()  # and then it died

    place.backups.destroy_due(DESTROY_ON)

    assert not made.path.exists()

    assert [path.name for path in (place.apart / "2026-11").iterdir()] == ["destroyed"]


# The drill of loss


def test_with_the_store_gone_everything_says_no_and_nothing_is_made_anew(backed_up):
    """Guard: the ledger. Without it the next preparation made other keys under the same names."""
    place, _, _ = backed_up
    place.lose()

    for name in (PERSON, DOMAIN, "domain/new", "edition/1", "uploads/1/2"):
        for ask in (place.store.ensure, place.store.create):
            with pytest.raises(KeyLost, match="restore it from a backup"):
                ask(name)
        with pytest.raises(KeyUnavailable):
            place.store.get(name)
    with pytest.raises(KeyLost):
        place.do(Action.CREATE_KEY, "haven")
    assert set(place.store.missing()) == {*haven_keys(), DOMAIN, CLOSED}
    assert place.store.names() == []


def test_two_custodians_bring_it_back_under_another_key_encryption_key(backed_up):
    place, parts, made = backed_up
    keys = {name: key for name, key, _ in place.store.export()}
    place.store.create(LATER)
    place.lose()
    place.kek.unlink()
    generate_key_encryption_key(place.kek)

    preview = place.do(Action.RESTORE, made.path.name, parts=parts, preview=True)
    assert place.store.names() == []
    done = place.do(Action.RESTORE, made.path.name, parts=parts)

    assert {name: place.store.get_even_closed(name) for name in keys} == keys
    assert preview.told[0] == f"{len(keys)} keys would be put back, of {len(keys)} in the backup."
    assert done.told[2] == preview.told[2]
    assert LATER in done.told[2]
    # It was closed since the backup was made, and is.
    with pytest.raises(KeyClosed):
        place.store.get(CLOSED)
    with pytest.raises(KeyLost):
        place.store.ensure(LATER)
    assert place.store.missing() == [LATER]


def test_what_is_there_is_not_overwritten_by_a_backup(backed_up):
    place, parts, made = backed_up
    before = {path: path.read_bytes() for path in place.keys.rglob("*.key")}

    done = place.do(Action.RESTORE, made.path.name, parts=parts)

    assert {path: path.read_bytes() for path in place.keys.rglob("*.key")} == before
    assert done.told[0].startswith("0 keys were put back")


def test_one_part_alone_or_twice_or_of_another_period_opens_nothing(backed_up):
    place, parts, made = backed_up
    others = place.begin("2026-12")
    wrong = KeyPart("2026-11", "bob", bytes(32))

    for given in ([], parts[:1], [parts[0], parts[0]], others, [parts[0], others[1]]):
        with pytest.raises(KeyPartsWrong):
            place.do(Action.RESTORE, made.path.name, parts=given)
    with pytest.raises(KeyPartsWrong):
        place.do(Action.RESTORE, made.path.name, parts=[parts[0], wrong])


def test_no_key_and_no_whole_secret_lies_beside_the_backups(backed_up):
    """What the machine keeps opens nothing: neither a record nor all of the files together."""
    place, parts, made = backed_up
    written = b"".join(path.read_bytes() for path in place.apart.rglob("*") if path.is_file())

    for _, key, _ in place.store.export():
        assert key not in written
        assert key.hex().encode() not in written
    for part in parts:
        assert json.loads(part.written())["part"].encode() not in written
    assert made.path.stat().st_mode & 0o077 == 0


def test_a_backup_that_was_altered_is_refused(backed_up):
    place, parts, made = backed_up
    document = json.loads(made.path.read_text())
    for changed in (
        {"made_at": "2026-11-01T00:00:00+00:00"},
        {"sealed": document["sealed"][:-8] + "AAAAAAA="},
    ):
        made.path.write_text(json.dumps(document | changed))
        with pytest.raises(KeyUnavailable):
            place.do(Action.RESTORE, made.path.name, parts=parts)


def test_a_part_is_read_as_it_was_written(backed_up, tmp_path):
    _, parts, _ = backed_up
    file = tmp_path / "part"
    file.write_text(parts[0].written())

    assert KeyPart.read(file) == parts[0]
    for text in ("", "{}", '{"period": "2026-11", "custodian": "bob", "part": "AAAA"}'):
        file.write_text(text)
        with pytest.raises(KeyPartsWrong):
            KeyPart.read(file)


# Each day


def test_each_day_keys_are_backed_up_and_what_is_due_is_destroyed(place):
    """Guard: nobody has to remember it."""
    clock = FakeClock(datetime(2026, 11, 28, 9, tzinfo=UTC))
    worker = KeyBackupWorker(lambda: place.store, lambda: place.backups, clock, look_seconds=60)
    worker.look()
    assert place.backups.all() == [], "nobody has begun a period"

    parts = place.begin()
    counts = []
    for hours in (0, 23, 2, 24):
        clock.advance(timedelta(hours=hours))
        worker.look()
        counts.append(len(place.backups.all()))
    assert counts == [1, 1, 2, 3]
    assert len(place.backups.open(place.backups.all()[-1].path, parts)) == len(haven_keys())

    place.lose()
    clock.advance(timedelta(days=2))
    worker.look()
    assert len(place.backups.all()) == 3, "a backup that lacks keys is none"
    clock.advance(timedelta(days=100))
    worker.look()
    assert place.backups.all() == []


# The ledger


def test_with_the_ledger_away_no_key_is_made_or_destroyed(place):
    key = place.store.create(DOMAIN)
    place.apart.rename(place.apart.with_name("elsewhere"))

    for ask in (place.store.ensure, place.store.create):
        with pytest.raises(KeyUnavailable):
            ask(LATER)
    with pytest.raises(KeyUnavailable):
        place.store.destroy(DOMAIN)
    assert place.store.get(DOMAIN) == key, "what is there works on"


def test_half_a_line_of_the_ledger_is_no_line_and_takes_no_other_along(place):
    file = place.apart / "ledger"
    with file.open("a") as ledger:
        ledger.write("2026-11-28T00:00:00Z destroyed domain/a")  # and then it died
    place.ledger.say(Word.MADE, LATER)

    told = place.ledger.told()
    assert "domain/a" not in told
    assert told[LATER].word is Word.MADE
    assert datetime.now(UTC) - told[LATER].at < timedelta(days=1)


def test_what_was_destroyed_stays_so_whatever_is_said_afterwards(place):
    for word in (Word.DESTROYED, Word.MADE):
        place.ledger.say(word, DOMAIN)

    assert place.ledger.of(DOMAIN).word is Word.DESTROYED
    assert DOMAIN not in place.store.missing()


# By the command, as an operator and two custodians do it


@pytest.fixture
def operated(intake, people, tmp_path, monkeypatch):
    """The command on a haven whose keys are made by order, and how it is asked."""
    return operated_on(intake, people, tmp_path, monkeypatch)


def test_the_command_previews_refuses_and_carries_out_and_the_log_has_who_signed(operated):
    file = operated.order("create-key", "haven", by=("alice",))

    code, told = operated.run("carry-out", file, "--preview")
    assert (code, told.count("would be made")) == (0, len(haven_keys()))
    code, told = operated.run("carry-out", file)
    assert (code, "KEY_ORDER_REFUSED" in told) == (1, True)
    assert list(operated.settings.key_store.rglob("*.key")) == []
    assert operated.actions() == []

    code, _ = operated.run("sign", file, "--key", operated.root / "bob.jwk")
    assert code == 0
    code, told = operated.run("carry-out", file)

    assert (code, told.count("was made")) == (0, len(haven_keys()))
    assert operated.actions() == [
        ("key-order-begun", "create-key", ["alice", "bob"]),
        ("key-order-carried-out", "create-key", ["alice", "bob"]),
    ]
    code, told = operated.run("carry-out", file)
    assert (code, "KEY_ORDER_REFUSED" in told) == (1, True)


def test_a_store_that_is_lost_is_not_ready_says_why_and_comes_back_by_the_command(operated):
    """The drill of loss, as docs/key-custody.md has it."""
    assert operated.run("carry-out", operated.order("create-key", "haven"))[0] == 0
    month = f"{SystemClock().now():%Y-%m}"  # one of long ago is destroyed by the backup itself
    file = operated.order("begin-backups", month)
    code, told = operated.run("carry-out", file)
    assert code == 2, "it would not know where the parts go"
    code, told = operated.run("carry-out", file, "--parts-to", operated.root)
    assert code == 0, told
    code, told = operated.run("backup", "--preview")
    assert code == 0, told
    assert f"{len(haven_keys())} keys would be backed up under the key of {month}." in told
    assert list(operated.apart.glob(f"{month}/*.backup")) == []
    code, told = operated.run("backup")
    assert code == 0, told
    (backup,) = operated.apart.glob(f"{month}/*.backup")
    shutil.rmtree(operated.settings.key_store)
    operated.settings.key_store.mkdir()

    settings = Settings()
    with closing(Parts(settings)) as parts, pytest.raises(KeyLost, match="restore it"):
        parts.readiness()["key store"]()
    code, told = operated.run("backup")
    assert (code, "KEY_UNAVAILABLE" in told) == (1, True)

    file = operated.order("restore", backup.name)
    one, other = (operated.root / f"{month}-{name}.part" for name in ("alice", "bob"))
    code, told = operated.run("carry-out", file, "--part", one)
    assert (code, "KEY_PARTS_WRONG" in told) == (1, True)
    code, told = operated.run("carry-out", file, "--part", one, "--part", other)

    assert code == 0, told
    assert f"{len(haven_keys())} keys were put back" in told
    with closing(Parts(settings)) as parts:
        parts.readiness()["key store"]()


def test_what_became_of_a_key_is_said(operated):
    assert operated.run("carry-out", operated.order("create-key", "haven"))[0] == 0
    assert operated.run("carry-out", operated.order("destroy-key", PERSON))[0] == 0

    code, told = operated.run("where", PERSON)

    assert code == 0
    assert "destroyed on" in told
    assert "not in the key store" in told
    assert "No backup holds it." in told
    code, told = operated.run("carry-out", operated.order("create-key", PERSON))
    assert (code, "KEY_DESTROYED" in told) == (1, True)


def test_production_does_not_start_without_custodians_and_a_place_for_backups(
    monkeypatch, tmp_path
):
    given = {
        "environment": "production",
        "database_url": "postgresql://db/haven",
        "kafka_bootstrap": ["kafka:9093"],
        "issuer": "https://id.example/realms/dsfc",
        "jwks_url": "https://id.example/realms/dsfc/certs",
        "token_url": "https://id.example/realms/dsfc/token",
        "tls_by_mesh": True,
    }
    custody = {"key_custodians_file": tmp_path / "x", "key_backup_dir": tmp_path}

    Settings(**given | custody)
    for name in custody:
        with pytest.raises(ValidationError, match=name):
            Settings(**given | custody | {name: None})


def test_custodians_are_named_by_the_command_and_what_they_sign_counts(tmp_path):
    file, order = (
        tmp_path / "custodians.json",
        Order.new(Action.BEGIN_BACKUPS, "2026-12", "a drill"),
    )
    for name in ("Ann", "Ben"):
        arguments = ["keys", "custodian", name, "--key", tmp_path / name, "--to", file]
        assert CliRunner().invoke(cli.app, list(map(str, arguments))).exit_code == 0
        order = order.signed(Signer(tmp_path / name), SystemClock().now())
    again = CliRunner().invoke(cli.app, list(map(str, arguments)))

    assert again.exit_code == 1
    assert order.signed_by(Custodians.read(file), SystemClock()) == ["ann", "ben"]
    assert '"d"' not in file.read_text()
    assert (tmp_path / "Ann").stat().st_mode & 0o077 == 0
