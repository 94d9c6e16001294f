"""What an enemy, a kill or a tired operator does to keys, their orders and their backups.

Guards: `engine.custody`, and what `KeyStore` asks before it makes a key.
"""

import base64
import json
import os
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from structlog.testing import capture_logs
from typer.testing import CliRunner

from common.errors import AppError, KeyUnavailable
from dsfc_testing.clock import FakeClock
from pseudonymisation import cli
from pseudonymisation.engine.custody.daily import KeyBackupWorker
from pseudonymisation.engine.custody.ledger import Word
from pseudonymisation.engine.custody.orders import Action, Custodians, Order
from pseudonymisation.engine.errors import (
    KeyDestroyed,
    KeyExists,
    KeyOrderRefused,
    KeyPartsWrong,
)
from pseudonymisation.engine.keystore import generate_key_encryption_key
from pseudonymisation.engine.sealing import PERSON, haven_keys
from pseudonymisation.settings import Settings
from services.pseudonymisation.tests.custody import Place, operated_on, people_of

DOMAIN, OTHER = "domain/abc", "domain/abd"
NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)


@pytest.fixture
def place(tmp_path):
    found = Place(tmp_path)
    found.do(Action.CREATE_KEY, "haven")
    return found


@pytest.fixture
def backed_up(place):
    place.store.create(DOMAIN)
    parts = place.begin()
    return place, parts, place.backups.make(place.store, NOW)


def state_of(root):
    """Return all that is in a folder, to see whether something changed."""
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


# An order is what two people read


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "a end\n2026-11-28T00:00:00Z destroyed domain/abc end\n"},
        {"id": "X Y"},
        {"id": ""},
        {"subject": "domain/abc\nhaven/nhs_number"},
        {"subject": "../outside"},
        {"subject": "edition/1"},
        {"reason": ""},
        {"reason": " "},
        {"reason": "renewed\r\x1b[2Kdestroy-key domain/other: renewed"},
        {"reason": "\u202edezilaitini"},
        {"reason": "x" * 501},
        {"reason": "Asked for by 999 000 0018."},
        {"action": "make-tea"},
        {"signatures": 5},
    ],
)
def test_an_order_that_says_more_than_is_read_is_refused(tmp_path, changed):
    """Guard: its id went into the ledger as it was, lines and all."""
    order = json.loads(Order.new(Action.DESTROY_KEY, DOMAIN, "asked for").written())
    file = tmp_path / "order.json"
    file.write_text(json.dumps(order))
    assert Order.read(file).subject == DOMAIN
    file.write_text(json.dumps(order | changed))

    with pytest.raises(KeyOrderRefused) as refused:
        Order.read(file)
    assert "999" not in refused.value.detail


@pytest.mark.parametrize(
    ("action", "subject"),
    [
        (Action.BEGIN_BACKUPS, "2026-13"),
        (Action.BEGIN_BACKUPS, "new"),
        (Action.DESTROY_KEY_ENCRYPTION_KEY, "0"),
        (Action.DESTROY_KEY_ENCRYPTION_KEY, "the old one"),
        (Action.RESTORE, "2026-11/20261128T090000Z-00000000.backup"),
        (Action.ADD_KEY_ENCRYPTION_KEY, "2"),
    ],
)
def test_an_order_of_nothing_that_could_be_done_is_not_written(action, subject):
    with pytest.raises(KeyOrderRefused, match=action):
        Order.new(action, subject, "a drill")


@pytest.mark.parametrize("name", ["domain/a end\n2026", "domain/a b", "Domain/a", ""])
def test_the_ledger_takes_nothing_that_it_would_read_as_something_else(place, name):
    before = (place.apart / "ledger").read_bytes()

    with pytest.raises(ValueError, match="well formed"):
        place.ledger.say(Word.DESTROYED, name)

    assert (place.apart / "ledger").read_bytes() == before


@pytest.mark.parametrize("name", ["ann/../../x", "ann\nben", "", " ", "a" * 101, "..", "-rf"])
def test_a_custodian_has_a_name_that_a_file_can_have(tmp_path, name):
    """Guard: it is in the name of the file of their part, which was lost on the way."""
    _, file = people_of(tmp_path)
    document = json.loads(file.read_text())
    assert Custodians.read(file)
    document["keys"][0]["name"] = name
    file.write_text(json.dumps(document))

    with pytest.raises(KeyOrderRefused):
        Custodians.read(file)


# Two at once, and cut off


def test_of_orders_carried_out_at_once_none_takes_another_along(place):
    """Guard: of two key-encryption keys added at once one was lost, and what it had wrapped."""
    refused = []

    def add():
        try:
            place.do(Action.ADD_KEY_ENCRYPTION_KEY)
        except Exception as error:  # noqa: BLE001 - a thread's would be lost
            refused.append(error)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert refused == []
    assert len(set(place.kek.read_text().split())) == 9


def test_one_order_carried_out_by_two_at_once_is_done_once(place):
    order, told = Order.new(Action.ADD_KEY_ENCRYPTION_KEY, "new", "each year"), []

    def carry_out():
        try:
            told.append(place.ceremony().carry_out(order, preview=False))
        except KeyOrderRefused as refused:
            told.append(refused.code)

    threads = [threading.Thread(target=carry_out) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert told.count("KEY_ORDER_REFUSED") == 5
    assert place.store.newest_version() == 2


def test_a_month_whose_parts_nobody_got_is_not_begun(place):
    """Guard: backups of it were made each day, and nobody could have opened one."""

    def lost(part):
        raise KeyUnavailable(f"{part.custodian} has no disk")

    with pytest.raises(KeyUnavailable, match="no disk"):
        place.do(Action.BEGIN_BACKUPS, "2026-11", deliver=lost)
    with pytest.raises(KeyOrderRefused):
        place.do(Action.BEGIN_BACKUPS, "2026-11")
    with pytest.raises(KeyUnavailable, match="No period"):
        place.backups.make(place.store, NOW)

    parts = place.begin()
    made = place.backups.make(place.store, NOW)
    assert len(place.backups.open(made.path, parts)) == len(haven_keys())


@pytest.mark.parametrize("left", ["2026-11", ".2026-11"])
def test_a_month_that_was_cut_off_while_it_was_begun_is_begun_again(place, left):
    (place.apart / left).mkdir()
    if left.startswith("."):
        (place.apart / left / "period.json").write_text("{")

    parts = place.begin()

    made = place.backups.make(place.store, NOW)
    assert place.backups.open(made.path, parts)
    assert sorted(path.name for path in place.apart.iterdir()) == ["2026-11", "ledger"]


KILLS = 120


def test_backups_that_were_killed_while_they_were_begun_are_openable_or_begun_anew(place):
    """Whichever write was the last: no month is left that takes backups which nobody opens."""
    died = 0
    for count in range(KILLS):
        died += place.killed_at(count, Action.BEGIN_BACKUPS, "2026-11")
        try:
            made = place.backups.make(place.store, NOW)
        except KeyUnavailable:
            continue
        assert place.backups.open(made.path, place.kept())
        break
    else:
        pytest.fail("it was never begun")
    assert died > 3, "kills were between the writes"


@pytest.mark.parametrize(
    ("action", "subject"),
    [
        (Action.CREATE_KEY, "haven"),
        (Action.DESTROY_KEY, DOMAIN),
        (Action.ADD_KEY_ENCRYPTION_KEY, "new"),
        (Action.DESTROY_KEY_ENCRYPTION_KEY, "1"),
        (Action.RESTORE, "backup"),
    ],
)
def test_what_was_killed_between_two_writes_is_done_by_the_next_order(tmp_path, action, subject):
    """And what it had begun opens nothing that was to be gone, and takes no key along."""
    # Of many keys that are made alike a kill at some of the writes tells as much.
    for count in range(0, KILLS, 7 if action is Action.CREATE_KEY else 1):
        place = Place(tmp_path / str(count))
        given, keys = prepared(place, action)
        subject = given.pop("subject", subject)
        died = place.killed_at(count, action, subject, **given)
        for name, key in keys.items():
            if place.store.has(name) and (action, name) != (Action.DESTROY_KEY, DOMAIN):
                assert place.store.get(name) == key, (count, name)
        try:
            place.do(action, subject, **given)
        except (KeyExists, KeyDestroyed):
            assert died or action is not Action.ADD_KEY_ENCRYPTION_KEY
        after(place, action, keys)
        if not died:
            break
    else:
        pytest.fail("it never got to its end")
    assert count > 1, "kills were between the writes"


def prepared(place, action):
    """Return what an order needs besides, and the keys that were there before it."""
    given = {}
    if action is not Action.CREATE_KEY:
        place.do(Action.CREATE_KEY, "haven")
        place.store.create(DOMAIN)
    keys = {name: key for name, key, _ in place.store.export()}
    if action is Action.DESTROY_KEY_ENCRYPTION_KEY:
        place.do(Action.ADD_KEY_ENCRYPTION_KEY)
        place.store.rewrap()
    if action is Action.RESTORE:
        parts = place.begin()
        given = {
            "parts": parts,
            "subject": place.backups.make(place.store, NOW).path.name,
        }
        place.lose()
    return given, keys


def after(place, action, keys):
    assert place.store.missing() == []
    if action is Action.DESTROY_KEY:
        with pytest.raises(KeyDestroyed):
            place.store.ensure(DOMAIN)
        assert not (place.keys / f"{DOMAIN}.key").exists()
        keys = {name: key for name, key in keys.items() if name != DOMAIN}
    if action is Action.CREATE_KEY:
        assert sorted(place.store.names()) == sorted(haven_keys())
    if action is Action.ADD_KEY_ENCRYPTION_KEY:
        assert place.store.newest_version() in {2, 3}
    if action is Action.DESTROY_KEY_ENCRYPTION_KEY:
        assert place.kek.read_text().split()[0] == "destroyed"
    assert {name: place.store.get(name) for name in keys} == keys


# What lies beside the backups is not believed


def test_who_may_write_beside_the_backups_is_not_sent_the_keys(backed_up):
    """Guard: a public key put in the place of the month's took all keys of the next day."""
    place, _, _ = backed_up
    file = place.apart / "2026-11" / "period.json"
    header = json.loads(file.read_text())
    theirs = X25519PrivateKey.generate().public_key().public_bytes_raw()
    before = len(place.backups.all())

    for changed in (
        {"public_key": base64.b64encode(theirs).decode()},
        {"destroy_on": "2036-01-01"},
        {"mark": ""},
        {"mark": None},
        {"mark": base64.b64encode(bytes(32)).decode()},
    ):
        file.write_text(json.dumps(header | changed))
        with pytest.raises(KeyUnavailable):
            place.backups.make(place.store, NOW)
    assert len(place.backups.all()) == before

    file.write_text(json.dumps({name: header[name] for name in header if name != "mark"}))
    with pytest.raises(KeyUnavailable, match="begin another month"):
        place.backups.make(place.store, NOW)
    place.begin("2026-12")
    assert place.backups.make(place.store, NOW).period == "2026-12"


def test_backups_of_another_house_are_not_ours(backed_up, tmp_path_factory):
    place, parts, made = backed_up
    other = Place(tmp_path_factory.mktemp("other"))
    other.do(Action.CREATE_KEY, "haven")
    theirs = other.begin()
    foreign = other.backups.make(other.store, NOW)

    with pytest.raises(KeyPartsWrong):
        place.do(Action.RESTORE, made.path.name, parts=theirs)
    with pytest.raises(KeyOrderRefused):
        place.do(Action.RESTORE, foreign.path.name, parts=parts)
    (made.path.parent / foreign.path.name).write_bytes(foreign.path.read_bytes())
    with pytest.raises(KeyUnavailable, match="not what was written"):
        place.do(Action.RESTORE, foreign.path.name, parts=parts)
    # A month of theirs in our place: nothing of ours is sealed for them.
    (place.apart / "2026-12").mkdir()
    key = (other.apart / "2026-11" / "period.json").read_text()
    (place.apart / "2026-12" / "period.json").write_text(key)
    with pytest.raises(KeyUnavailable, match="not one that this haven made"):
        place.backups.make(place.store, NOW)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"period": "2026-11"}', "\x00" * 64])
def test_a_backup_that_is_cut_off_stops_no_other(backed_up, text):
    """Guard: one spoilt file, and none was made, none restored, and a destruction was denied."""
    place, parts, made = backed_up
    spoilt = made.path.with_name("20261128T100000Z-00000000.backup")
    spoilt.write_text(text)

    assert [backup.path for backup in place.backups.all()] == [made.path]
    assert place.backups.unreadable() == [spoilt]
    preview = place.do(Action.RESTORE, made.path.name, parts=parts, preview=True)
    assert preview.told[0].startswith("0 keys would be put back")
    with pytest.raises(KeyUnavailable):
        place.do(Action.RESTORE, spoilt.name, parts=parts)
    told = place.do(Action.DESTROY_KEY, DOMAIN).told
    assert spoilt.name in told[1]
    with capture_logs() as logs:
        worker_of(place, NOW + timedelta(days=2)).look()
    assert [one["event"] for one in logs] == ["key_backups_unreadable", "keys_backed_up"]
    # On its day it goes with the others.
    place.backups.destroy_due(date(2027, 3, 1))
    assert not spoilt.exists()


@pytest.mark.parametrize("text", ["", "{}", '{"destroy_on": "never"}', "[]"])
def test_a_months_key_that_cannot_be_read_is_destroyed_on_its_day_all_the_same(backed_up, text):
    place, _, made = backed_up
    (place.apart / "2026-11" / "period.json").write_text(text)

    with capture_logs() as logs:
        worker_of(place, NOW + timedelta(days=2)).look()
        worker_of(place, datetime(2027, 3, 1, 9, tzinfo=UTC)).look()

    assert "key_backups_destroyed" in [one["event"] for one in logs]
    assert not made.path.exists()


def test_a_backup_that_says_that_it_is_of_tomorrow_does_not_stand_for_todays(backed_up):
    place, _, made = backed_up
    document = json.loads(made.path.read_text())
    made.path.write_text(json.dumps(document | {"made_at": "2036-01-01T00:00:00+00:00"}))

    worker_of(place, NOW).look()

    assert len(place.backups.all()) == 2


def worker_of(place, at):
    return KeyBackupWorker(
        lambda: place.store, lambda: place.backups, FakeClock(at), look_seconds=60
    )


def test_that_nobody_began_the_months_backups_is_said_before_all_of_them_go(backed_up):
    place, _, _ = backed_up

    with capture_logs() as logs:
        worker_of(place, datetime(2026, 12, 2, 9, tzinfo=UTC)).look()

    (said,) = [one for one in logs if one["event"] == "key_backups_of_a_past_month"]
    assert said["destroy_on"] == "2027-03-01"


@pytest.mark.parametrize("month", ["2026-10", "2027-01", "2062-11", "2016-11"])
def test_backups_are_begun_of_this_month_or_the_next(place, month):
    """Guard: the newest month's key seals all; a slip of the pen was the newest for decades."""
    for preview in (True, False):
        with pytest.raises(KeyOrderRefused, match="2026-11 or 2026-12"):
            place.do(Action.BEGIN_BACKUPS, month, preview=preview)
    assert not (place.apart / month).exists()


def test_the_month_after_december_is_january(place):
    place.today = date(2026, 12, 31)

    assert place.begin("2027-01")


# The key-encryption key


def test_nothing_is_made_under_a_key_encryption_key_that_is_not_the_stores(place):
    """Guard: what it wrapped was lost when the right one was back."""
    right = place.kek.read_text()
    place.kek.unlink()
    generate_key_encryption_key(place.kek)

    for name in ("uploads/1/2", DOMAIN, "edition/1"):
        for make in (place.store.create, place.store.ensure):
            with pytest.raises(KeyUnavailable):
                make(name)

    place.kek.write_text(right)
    assert sorted(place.store.names()) == sorted(haven_keys())
    place.store.create(DOMAIN)


def test_a_development_makes_no_key_encryption_key_for_keys_that_another_wrapped(place, tmp_path):
    settings = Settings(
        environment="development",
        key_store=place.keys,
        key_encryption_key_file=place.kek,
        key_backup_dir=place.apart,
    )
    place.kek.unlink()

    cli.SERVICE.prepare(settings)

    assert not place.kek.exists(), "it would open none of them"


@pytest.mark.parametrize("text", ["", "\n\n", "destroyed\n", "c2hvcnQ=\n", "\x00\xff"])
def test_a_secret_that_is_empty_or_no_key_is_not_added_to(place, text):
    place.kek.write_bytes(text.encode("latin-1"))

    for preview in (True, False):
        with pytest.raises(KeyUnavailable):
            place.do(Action.ADD_KEY_ENCRYPTION_KEY, preview=preview)

    assert place.kek.read_bytes() == text.encode("latin-1")


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"])
def test_lines_may_end_as_they_like(place, ending):
    keys = {name: place.store.get(name) for name in haven_keys()}
    place.kek.write_text(place.kek.read_text().strip() + ending)

    place.do(Action.ADD_KEY_ENCRYPTION_KEY)
    assert place.store.rewrap() == len(keys)
    assert {name: place.store.get(name) for name in keys} == keys


def test_a_mounted_secret_is_changed_in_a_copy_and_in_nothing_else(place, tmp_path):
    """Guard: a line added to another file than is in use, in its place, opens nothing."""
    copy = tmp_path / "copy"
    copy.write_text(place.kek.read_text())
    before = place.kek.read_text()

    done = place.do(Action.ADD_KEY_ENCRYPTION_KEY, copy_of_it=copy)

    assert place.kek.read_text() == before
    assert copy.read_text().startswith(before)
    assert "put in the place" in done.told[-1]
    for preview in (True, False):
        with pytest.raises(KeyOrderRefused, match="no copy"):
            place.do(Action.ADD_KEY_ENCRYPTION_KEY, copy_of_it=copy, preview=preview)
    place.kek.write_text(copy.read_text())
    place.store.rewrap()
    place.do(Action.DESTROY_KEY_ENCRYPTION_KEY, "1", copy_of_it=copy)
    assert copy.read_text().split()[0] == "destroyed"
    assert place.kek.read_text().startswith(before)


def test_a_link_to_the_secret_stays_one(place, tmp_path):
    """A key that was written beside it would leave the former one below."""
    real = tmp_path / "elsewhere"
    place.kek.rename(real)
    place.kek.symlink_to(real)

    place.do(Action.ADD_KEY_ENCRYPTION_KEY)

    assert place.kek.is_symlink()
    assert len(real.read_text().split()) == 2


def test_a_secret_is_on_the_disk_before_anything_is_wrapped_under_it(place, monkeypatch):
    """A power cut after `rewrap` would have left all keys wrapped under a line that never was."""
    synced, real = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda d: synced.append(str(Path(f"/proc/self/fd/{d}").readlink())) or real(d)
    )

    place.do(Action.ADD_KEY_ENCRYPTION_KEY)

    assert any(path.startswith(str(place.kek.with_name(".kek."))) for path in synced)
    assert str(place.kek.parent) in synced


# What is lost


def test_what_is_lost_for_good_is_given_up_by_order_and_backups_go_on(backed_up):
    """Guard: the next step of the drill of loss was refused, and no backup was made any more."""
    place, parts, made = backed_up
    place.store.create(OTHER)
    place.lose()
    place.do(Action.RESTORE, made.path.name, parts=parts)
    assert place.store.missing() == [OTHER]
    worker_of(place, NOW + timedelta(days=2)).look()
    assert len(place.backups.all()) == 1

    preview = place.do(Action.DESTROY_KEY, OTHER, preview=True)
    assert place.store.missing() == [OTHER]
    done = place.do(Action.DESTROY_KEY, OTHER)

    assert "not in the key store any more" in preview.told[0]
    assert preview.told[0] == done.told[0]
    assert place.store.missing() == []
    with pytest.raises(KeyDestroyed):
        place.store.ensure(OTHER)
    worker_of(place, NOW + timedelta(days=2)).look()
    assert len(place.backups.all()) == 2
    with pytest.raises(KeyUnavailable, match="none was ever made"):
        place.do(Action.DESTROY_KEY, "domain/never")


def test_a_record_that_is_cut_off_is_named_and_comes_back_once_it_is_out_of_the_way(backed_up):
    place, parts, made = backed_up
    key, record = place.store.get(DOMAIN), place.keys / f"{DOMAIN}.key"
    record.write_text(record.read_text()[:20])

    for ask in (place.store.rewrap, lambda: list(place.store.export())):
        with pytest.raises(KeyUnavailable, match=DOMAIN):
            ask()
    for preview in (True, False):
        told = place.do(Action.RESTORE, made.path.name, parts=parts, preview=preview).told
        assert (
            f"1 are there and cannot be opened, so that nothing was put in their place: {DOMAIN}"
            in told[3]
        )
    record.unlink()
    place.do(Action.RESTORE, made.path.name, parts=parts)

    assert place.store.get(DOMAIN) == key


def test_a_backup_that_was_forged_to_hold_what_is_no_key_is_refused_before_anything(backed_up):
    """Whoever has the month's public key can seal something under it."""
    place, parts, made = backed_up

    place.lose()
    for bad in (
        ("../x", bytes(32), "open"),
        ("domain/x", b"short", "open"),
        ("domain/x", bytes(32), "ajar"),
    ):
        forged = place.backups.make(Forged(place, ("domain/new", bytes(32), "open"), bad), NOW)
        with pytest.raises(KeyUnavailable, match="not what was written"):
            place.do(Action.RESTORE, forged.path.name, parts=parts)
        assert place.store.names() == []
    assert made.path.exists()


class Forged:
    """What is backed up, made up."""

    def __init__(self, place, *entries):
        self.header = json.loads((place.apart / "2026-11" / "period.json").read_text())
        self.entries = entries

    def export(self):
        yield from self.entries

    def mark(self, _):
        return base64.b64decode(self.header["mark"])


# A preview says what the act does


def test_a_preview_is_refused_for_what_the_act_is_refused_for(backed_up):
    """Each act in each place that it can be in: alike in code and words, and nothing changed."""
    place, parts, made = backed_up
    place.store.create(OTHER)
    place.store.destroy(OTHER)
    asked = [
        (Action.CREATE_KEY, "haven", {}),
        (Action.CREATE_KEY, PERSON, {}),
        (Action.CREATE_KEY, "haven/none", {}),
        (Action.DESTROY_KEY, PERSON, {}),
        (Action.DESTROY_KEY, OTHER, {}),
        (Action.DESTROY_KEY, "domain/never", {}),
        (Action.DESTROY_KEY_ENCRYPTION_KEY, "1", {}),
        (Action.DESTROY_KEY_ENCRYPTION_KEY, "7", {}),
        (Action.BEGIN_BACKUPS, "2026-11", {"deliver": lambda _: None}),
        (Action.BEGIN_BACKUPS, "2027-11", {"deliver": lambda _: None}),
        (Action.RESTORE, made.path.name, {"parts": parts[:1]}),
        (Action.RESTORE, "20261128T100000Z-00000000.backup", {"parts": parts}),
        (Action.ADD_KEY_ENCRYPTION_KEY, "new", {"copy_of_it": place.apart / "none"}),
    ]
    before = state_of(place.root)
    codes = []
    for action, subject, given in asked:
        refused = []
        for preview in (True, False):
            with pytest.raises(AppError) as said:
                place.do(action, subject, preview=preview, **given)
            refused.append((said.value.code, said.value.detail))
        assert refused[0] == refused[1], (action, subject)
        codes.append(refused[0][0])

    assert state_of(place.root) == before
    assert codes == [
        "KEY_EXISTS",
        "KEY_EXISTS",
        "KEY_ORDER_REFUSED",
        "KEY_IN_USE",
        "KEY_DESTROYED",
        "KEY_UNAVAILABLE",
        "KEY_IN_USE",
        "KEY_ORDER_REFUSED",
        "KEY_EXISTS",
        "KEY_ORDER_REFUSED",
        "KEY_PARTS_WRONG",
        "KEY_ORDER_REFUSED",
        "KEY_UNAVAILABLE",
    ]


def test_a_preview_says_what_the_act_says_and_changes_nothing(backed_up):
    place, parts, made = backed_up
    asked = [
        (Action.ADD_KEY_ENCRYPTION_KEY, "new", {}),
        (Action.BEGIN_BACKUPS, "2026-12", {"deliver": lambda _: None}),
        (Action.RESTORE, made.path.name, {"parts": parts}),
        (Action.DESTROY_KEY, DOMAIN, {}),
        (Action.DESTROY_KEY, PERSON, {}),
        (Action.CREATE_KEY, "haven", {}),
    ]
    for action, subject, given in asked:
        if action is Action.CREATE_KEY:  # of a haven that is new
            place = Place(place.root / "new")
        before = state_of(place.root)
        preview = place.do(action, subject, preview=True, **given).told
        assert state_of(place.root) == before, action
        done = place.do(action, subject, **given).told
        for said, did in zip(preview, done, strict=False):
            alike = said.replace("would be", "was").replace("would wrap", "wraps")
            assert alike.replace("were", "was") == did.replace("were", "was"), action


# By the command


@pytest.fixture
def operated(intake, tmp_path, monkeypatch):
    return operated_on(intake, people_of(tmp_path), tmp_path, monkeypatch)


def test_a_month_is_begun_once_its_parts_have_a_place_and_they_are_for_their_owners_alone(operated):
    assert operated.run("carry-out", operated.order("create-key", "haven"))[0] == 0
    month = f"{datetime.now(UTC):%Y-%m}"
    file, at = operated.order("begin-backups", month), operated.root / "no" / "where"
    (operated.root / "no").write_text("a file")

    code, told = operated.run("carry-out", file, "--parts-to", at)
    assert (code, "KEY_UNAVAILABLE" in told) == (1, True)
    assert not (operated.apart / month).exists()
    (operated.root / "no").unlink()
    code, told = operated.run("carry-out", file, "--parts-to", at)

    assert code == 0, told
    parts = sorted(at.iterdir())
    assert [path.name for path in parts] == [f"{month}-alice.part", f"{month}-bob.part"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (at, *parts))
    code, told = operated.run("carry-out", file, "--parts-to", at, "--preview")
    assert (code, "carried out before" in told) == (1, True)


def test_keys_are_listed_with_those_that_are_lost(operated):
    assert operated.run("carry-out", operated.order("create-key", "haven"))[0] == 0
    (operated.settings.key_store / f"{PERSON}.key").unlink()

    code, told = operated.run("list")

    assert code == 0, told
    lines = told.splitlines()
    assert "key,state,key_encryption_key" in lines
    assert f"{PERSON},lost," in lines
    assert sum(line.endswith(",open,1") for line in lines) == len(haven_keys()) - 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["order", "destroy-key", "domain", "--reason", "x", "--to", "{}/o"], "KEY_ORDER_REFUSED"),
        (["order", "destroy-key", DOMAIN, "--reason", "x", "--to", "{}/no/o"], "KEY_UNAVAILABLE"),
        (["custodian", "Ann", "--key", "{}/k", "--to", "{}/alice.jwk"], "KEY_ORDER_REFUSED"),
        (["custodian", "Ann", "--key", "{}/alice.jwk", "--to", "{}/c"], "KEY_EXISTS"),
        (["custodian", "A/../B", "--key", "{}/k", "--to", "{}/c"], "KEY_ORDER_REFUSED"),
        (["custodian", "Ann", "--key", "{}/k", "--to", "{}/no/c"], "KEY_UNAVAILABLE"),
        (["sign", "{}/alice.jwk", "--key", "{}/alice.jwk"], "KEY_ORDER_REFUSED"),
    ],
)
def test_a_slip_is_said_by_its_code_and_writes_nothing(tmp_path, arguments, code):
    people_of(tmp_path)
    before = state_of(tmp_path)

    ended = CliRunner().invoke(cli.app, ["keys", *(one.format(tmp_path) for one in arguments)])

    assert (ended.exit_code, ended.output.split(":")[0]) == (1, code)
    assert state_of(tmp_path) == before


def test_without_the_havens_settings_it_is_said_which_are_missing(monkeypatch):
    for name in [name for name in os.environ if name.startswith("PSEUDONYMISATION_")]:
        monkeypatch.delenv(name)

    for arguments in (["where", DOMAIN], ["list"], ["rewrap"], ["backup"], ["carry-out", "x"]):
        ended = CliRunner().invoke(cli.app, ["keys", *arguments])
        assert ended.exit_code == 2, arguments
        assert "PSEUDONYMISATION_ENVIRONMENT" in ended.output


def test_who_signs_is_told_how_many_did(tmp_path):
    people_of(tmp_path)
    file = tmp_path / "o"
    file.write_text(Order.new(Action.DESTROY_KEY, DOMAIN, "asked for").written())

    told = [
        CliRunner().invoke(
            cli.app, ["keys", "sign", str(file), "--key", str(tmp_path / f"{n}.jwk")]
        )
        for n in ("alice", "bob")
    ]

    assert [one.output.splitlines()[-1].split(": ")[1] for one in told] == [
        "1 signature, of 2 people.",
        "2 signatures, of 2 people.",
    ]
