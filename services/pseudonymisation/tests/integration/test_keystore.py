"""Keys at rest: wrapped, closed for good, destroyed for good, and no answer when away."""

import errno
import json
import os
import shutil
import threading

import pytest
from typer.testing import CliRunner

from pseudonymisation import cli
from pseudonymisation.engine.keystore import (
    FileWrapping,
    KeyClosed,
    KeyDestroyed,
    KeyExists,
    KeyStore,
    KeyUnavailable,
    generate_key_encryption_key,
)


@pytest.fixture
def kek(tmp_path):
    path = tmp_path / "outside" / "kek"
    generate_key_encryption_key(path)
    return path


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "keys"
    path.mkdir()
    return path


@pytest.fixture
def store(directory, kek):
    return KeyStore(directory, FileWrapping(kek))


def test_a_key_encryption_key_that_is_there_is_only_read(kek, monkeypatch):
    """As a mounted secret, in a folder that nothing can be written to."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    before = kek.read_bytes()
    monkeypatch.setattr("pseudonymisation.engine.keystore._staged", refuse)

    generate_key_encryption_key(kek)

    assert kek.read_bytes() == before


def test_a_key_is_random_has_256_bits_and_stays_the_same(store, directory, kek):
    key = store.create("domain/abc")

    assert len(key) == 32
    assert key != store.create("domain/abd")
    assert store.get("domain/abc") == store.ensure("domain/abc") == key
    assert KeyStore(directory, FileWrapping(kek)).get("domain/abc") == key


def test_no_key_is_at_rest_in_clear(store, directory):
    key = store.create("haven/nhs_number")

    files = [p for p in directory.rglob("*") if p.is_file()]
    assert [p.name for p in files] == ["nhs_number.key"]
    assert key not in files[0].read_bytes()
    assert key.hex() not in files[0].read_text()
    assert files[0].stat().st_mode & 0o077 == 0


def test_a_key_is_made_once(store):
    store.create("domain/abc")

    with pytest.raises(KeyExists):
        store.create("domain/abc")


def test_all_who_ensure_at_once_are_given_the_same_key(store):
    barrier, keys = threading.Barrier(8), []

    def work() -> None:
        barrier.wait(10)
        keys.append(store.ensure("haven/postcode"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_closed_key_stays_closed_and_still_reads_what_is_old(store):
    key = store.create("domain/abc")
    store.close("domain/abc")
    store.close("domain/abc")

    with pytest.raises(KeyClosed):
        store.get("domain/abc")
    with pytest.raises(KeyClosed):
        store.ensure("domain/abc")
    with pytest.raises(KeyExists):
        store.create("domain/abc")
    assert store.get_even_closed("domain/abc") == key


def test_a_record_reopened_by_hand_is_refused(store, directory):
    """Guard: the state is part of what the wrapping authenticates."""
    store.create("domain/abc")
    store.close("domain/abc")
    path = directory / "domain/abc.key"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"state": "open"}))

    with pytest.raises(KeyUnavailable):
        store.get("domain/abc")


def test_a_record_put_under_another_name_is_refused(store, directory):
    """Guard: the name is part of what the wrapping authenticates."""
    store.create("domain/abc")
    shutil.copy(directory / "domain/abc.key", directory / "domain/abd.key")

    with pytest.raises(KeyUnavailable):
        store.get("domain/abd")


def test_a_destroyed_key_never_comes_back(store, directory):
    store.create("edition/1")
    store.destroy("edition/1")
    store.destroy("edition/1")

    for ask in (store.get, store.get_even_closed, store.ensure, store.create, store.close):
        with pytest.raises(KeyDestroyed):
            ask("edition/1")
    assert [p.name for p in directory.rglob("*") if p.is_file()] == ["1.destroyed"]


def test_with_the_store_away_the_answer_is_no(store, directory):
    store.create("domain/abc")
    directory.rename(directory.with_name("elsewhere"))

    for ask in (store.get, store.ensure, store.create, store.close, store.destroy):
        with pytest.raises(KeyUnavailable):
            ask("domain/abc")
    assert not directory.exists()


def test_with_the_key_encryption_key_away_the_answer_is_no(store, kek):
    store.create("domain/abc")
    kek.unlink()

    for ask in (store.get, store.ensure, store.get_even_closed):
        with pytest.raises(KeyUnavailable):
            ask("domain/abc")
    with pytest.raises(KeyUnavailable):
        store.create("domain/abd")


@pytest.mark.parametrize("text", ["", "not base64!", "c2hvcnQ=", "\x00\xff"])
def test_a_key_encryption_key_that_is_not_well_formed_is_refused(store, kek, text):
    store.create("domain/abc")
    kek.write_bytes(text.encode("latin-1"))

    with pytest.raises(KeyUnavailable):
        store.get("domain/abc")


def test_a_record_that_was_altered_is_refused(store, directory):
    store.create("domain/abc")
    (directory / "domain/abc.key").write_text("{}")

    with pytest.raises(KeyUnavailable):
        store.get("domain/abc")


def test_what_is_not_there_is_unavailable_and_not_made(store, directory):
    with pytest.raises(KeyUnavailable):
        store.get("domain/abc")
    assert list(directory.rglob("*.key")) == []


def test_keys_are_wrapped_anew_and_stay_what_they_are(store, directory, kek, tmp_path):
    keys = {name: store.create(name) for name in ("domain/a", "haven/postcode", "edition/9")}
    store.close("edition/9")
    newer = tmp_path / "newer"
    generate_key_encryption_key(newer)
    kek.write_text(kek.read_text() + newer.read_text())

    assert store.rewrap() == 3
    assert store.rewrap() == 0

    first_line_gone = ["A" * 43 + "=", newer.read_text().strip()]
    kek.write_text("\n".join(first_line_gone))
    assert {name: store.get_even_closed(name) for name in keys} == keys
    with pytest.raises(KeyClosed):
        store.get("edition/9")


class Overtaken:
    """Wraps as the other does; while a key is read, somebody else does something to it."""

    def __init__(self, wrapping, meanwhile):
        self._inner, self._meanwhile = wrapping, meanwhile
        self.wrap = wrapping.wrap
        self.threads = []

    def unwrap(self, wrapped, *, context):
        if not self.threads:
            self.threads.append(threading.Thread(target=self._meanwhile))
            self.threads[0].start()
            # Whoever is not kept out is done by then; who is has to wait for the one who reads.
            self.threads[0].join(0.5)
        return self._inner.unwrap(wrapped, context=context)


@pytest.mark.parametrize(("what", "becomes"), [("close", KeyClosed), ("destroy", KeyDestroyed)])
def test_a_key_that_is_closed_or_destroyed_while_it_is_wrapped_anew_stays_so(
    store, directory, kek, tmp_path, what, becomes
):
    """Guard: the lock. Otherwise the record that was read is written over what it became."""
    store.create("domain/abc")
    newer = tmp_path / "newer"
    generate_key_encryption_key(newer)
    kek.write_text(kek.read_text() + newer.read_text())
    wrapping = Overtaken(FileWrapping(kek), lambda: getattr(store, what)("domain/abc"))

    assert KeyStore(directory, wrapping).rewrap() == 1

    wrapping.threads[0].join(20)
    with pytest.raises(becomes):
        store.get("domain/abc")
    assert (directory / "domain/abc.key").exists() is (what == "close")


def test_under_which_key_encryption_key_keys_are_wrapped_is_counted(store, kek, tmp_path):
    store.create("domain/abc")
    newer = tmp_path / "newer"
    generate_key_encryption_key(newer)
    kek.write_text(kek.read_text() + newer.read_text())
    store.create("domain/abd")

    assert (store.wrapped_under(), store.newest_version()) == ({1: 1, 2: 1}, 2)
    store.rewrap()
    assert store.wrapped_under() == {2: 2}


def test_a_key_that_was_destroyed_is_not_one_that_never_was(store):
    """Guard: the tombstone in `find`."""
    store.create("domain/abc")
    store.destroy("domain/abc")

    assert store.find("domain/abd") is None
    with pytest.raises(KeyDestroyed):
        store.find("domain/abc")


def test_a_file_that_is_there_is_not_overwritten(kek):
    before = kek.read_bytes()
    generate_key_encryption_key(kek)

    assert kek.read_bytes() == before
    assert [p.name for p in kek.parent.iterdir()] == ["kek"]


@pytest.mark.parametrize("name", ["../out", "domain/../x", "/etc/passwd", "domain", "Domain/x", ""])
def test_a_name_that_leaves_the_store_is_refused(store, name):
    with pytest.raises(ValueError, match="not well formed"):
        store.get(name)


def test_a_crash_while_a_key_is_made_leaves_no_key(store, directory, monkeypatch):
    """Guard: a key has its name only once it is whole and durable."""
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError()))

    with pytest.raises(KeyUnavailable):
        store.create("domain/abc")
    assert [p for p in directory.rglob("*") if p.is_file()] == []


def test_the_command_says_before_and_after_what_is_wrapped_under_which(
    intake, monkeypatch, tmp_path
):
    settings = intake.settings
    for name in ("database_url", "key_store", "key_encryption_key_file", "landing_store"):
        monkeypatch.setenv(f"PSEUDONYMISATION_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("PSEUDONYMISATION_ENVIRONMENT", "development")
    intake.parts.keys.ensure("domain/abc")
    held = sum(intake.parts.keys.wrapped_under().values())
    newer = tmp_path / "newer"
    generate_key_encryption_key(newer)
    kek = settings.key_encryption_key_file
    kek.write_text(kek.read_text() + newer.read_text())

    before = CliRunner().invoke(cli.app, ["rewrap", "--preview"])
    unchanged = intake.parts.keys.wrapped_under()
    after = CliRunner().invoke(cli.app, ["rewrap"])

    older = f"{held} keys are wrapped under key-encryption key 1, an older one."
    assert (before.exit_code, unchanged) == (0, {1: held})
    assert older in before.output
    assert "were rewrapped" not in before.output
    assert after.exit_code == 0
    assert f"{held} keys were rewrapped." in after.output
    assert f"{held} keys are wrapped under key-encryption key 2, the newest." in after.output
