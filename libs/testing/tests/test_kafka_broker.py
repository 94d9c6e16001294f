"""How a broker is had where none may be; that one can be had is what all Kafka tests show."""

import os
import subprocess
import sys

import pytest

from dsfc_testing import kafka_broker
from dsfc_testing.kafka_broker import NoBroker, broker, start_broker


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A machine with nothing on its path and nothing in its cache; what is put there is run."""
    monkeypatch.setattr(kafka_broker, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TEST_KAFKA_BOOTSTRAP", raising=False)

    def command(name, script):
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    return command


def test_without_java_there_is_no_broker(path, tmp_path):
    with pytest.raises(NoBroker, match="no java"):
        start_broker(tmp_path)


def test_without_maven_there_is_no_broker(path, tmp_path):
    path("java", "exit 0")

    with pytest.raises(NoBroker, match="no mvn"):
        start_broker(tmp_path)


def test_a_download_that_fails_says_why_and_leaves_nothing_behind(path, tmp_path):
    path("java", "exit 0")
    path("mvn", "echo 'no route to Maven' >&2; exit 1")

    with pytest.raises(NoBroker, match="no route to Maven"):
        start_broker(tmp_path)
    assert not (tmp_path / "cache" / f"kafka-{kafka_broker.VERSION}" / "lib").exists()


def test_a_broker_that_ends_at_once_says_why(path, tmp_path):
    path("java", "echo 'bad heap'; exit 3")
    for name in ("lib", "formatted"):
        (tmp_path / "cache" / f"kafka-{kafka_broker.VERSION}" / name).mkdir(parents=True)

    with pytest.raises(NoBroker, match=r"ended with 3: bad heap"):
        start_broker(tmp_path / "broker")


def test_a_broker_that_is_named_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("TEST_KAFKA_BOOTSTRAP", "kafka.test:9092")

    with broker(tmp_path) as bootstrap:
        assert bootstrap == "kafka.test:9092"


def test_a_broker_goes_with_the_process_that_started_it(path, tmp_path, until):
    """Guard: `WATCH`. A killed test would otherwise leave a JVM behind."""
    path("java", "echo $$ > pid; exec /bin/sleep 1000")
    for name in ("lib", "formatted"):
        (tmp_path / "cache" / f"kafka-{kafka_broker.VERSION}" / name).mkdir(parents=True)
    code = (
        "import sys; from pathlib import Path; from dsfc_testing import kafka_broker as k;"
        "k.CACHE = Path(sys.argv[1]); k.start_broker(Path(sys.argv[2]))"
    )
    arguments = [tmp_path / "cache", tmp_path / "broker"]
    with subprocess.Popen([sys.executable, "-c", code, *arguments]) as starter:
        until((tmp_path / "broker" / "pid").exists)
        pid = until(lambda: (tmp_path / "broker" / "pid").read_text().strip())
        starter.kill()

    def has_gone():
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        return False

    until(has_gone)
