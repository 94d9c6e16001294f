"""Keys at rest: wrapped, closed for good, destroyed for good, and no answer when away."""

import errno
import json
import os
import shutil
import threading

import pytest

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
