"""A real broker with mutual TLS and an ACL a service (deploy/kafka): who says and hears what."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from common.messaging.envelope import Message
from common.messaging.errors import EventLogUnavailable
from common.messaging.kafka import KafkaLog, KafkaTls
from dsfc_testing import ports
from dsfc_testing.kafka_broker import NoBroker, start_broker

ACLS = Path(__file__).parents[4] / "deploy" / "kafka" / "acls.py"
SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")
PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:{{broker}},SSL://127.0.0.1:{tls},CONTROLLER://127.0.0.1:{{controller}}
advertised.listeners=PLAINTEXT://127.0.0.1:{{broker}},SSL://127.0.0.1:{tls}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL
ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={place}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={place}/ca.crt
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:CN=admin
"""

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.xdist_group("kafka"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def certificate(place: Path, name: str, authority: tuple | None = None) -> tuple:
    """Write a key and a certificate under a name; an authority signs itself."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signing = authority or (subject, key)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(signing, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    (place / f"{name}.key").write_bytes(secret)
    (place / f"{name}.crt").write_bytes(public)
    (place / f"{name}.pem").write_bytes(secret + public)
    return subject, key


@pytest.fixture(scope="module")
def log_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., KafkaLog]]:
    """Give a service's log by its certificate; the broker lets nobody do what is not listed."""
    place = tmp_path_factory.mktemp("rights")
    authority = certificate(place, "ca")
    for name in ("broker", "admin", *SERVICES, "stranger"):
        certificate(place, name, authority)
    logs = []
    with ports.held() as (tls,):
        try:
            broker = start_broker(place / "kafka", more=PROPERTIES.format(tls=tls, place=place))
        except NoBroker as reason:
            pytest.skip(f"NO APACHE KAFKA: {reason}")
        try:
            allow(f"127.0.0.1:{tls}", place)

            def make(service: str) -> KafkaLog:
                files = KafkaTls(
                    authority=place / "ca.crt",
                    certificate=place / f"{service}.crt",
                    key=place / f"{service}.key",
                )
                log = KafkaLog([f"127.0.0.1:{tls}"], tls=files, send_seconds=20)
                logs.append(log)
                return log

            yield make
        finally:
            for log in logs:
                log.close()
            broker.stop()


def allow(bootstrap: str, place: Path) -> None:
    """Tell the broker by the script that an operator runs, as somebody who may, twice."""
    for _ in range(2):
        done = subprocess.run(
            [
                *(sys.executable, ACLS, "--bootstrap", bootstrap),
                *("--authority", place / "ca.crt"),
                *("--certificate", place / "admin.crt", "--key", place / "admin.key"),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr


def said(topic: str) -> Message:
    return Message(topic=topic, key=b"key", value=b"{}", headers={})


def test_what_one_says_another_hears_who_may(log_of) -> None:
    log_of("agreements").append(said("agreements.agreement"))

    for service in ("dissemination", "pseudonymisation"):
        with log_of(service).subscribe(service, ["agreements.agreement"]) as subscription:
            found = []
            while not found:
                found = subscription.poll(1)
            assert [one.message.value for one in found] == [b"{}"]
            subscription.commit(found[0])
        log_of(service).append(said("agreements.agreement.dead-letter"))


def test_who_listens_before_anything_was_said_hears_it_all_the_same(log_of) -> None:
    """On a cluster that is new each waits for another: topics are made by who comes first."""
    topics = ["agreements.holding", "pseudonymisation.preparation", "pseudonymisation.submission"]

    with log_of("dissemination").subscribe("dissemination", topics) as subscription:
        subscription.poll(1)
        log_of("pseudonymisation").append(said("pseudonymisation.preparation"))
        found = []
        while not found:
            found = subscription.poll(1)
        assert found[0].message.topic == "pseudonymisation.preparation"


@pytest.mark.parametrize(
    ("service", "topic"),
    [
        ("dissemination", "agreements.agreement"),
        ("applications", "dissemination.extract"),
        ("agreements", "pseudonymisation.source"),
        ("stranger", "agreements.agreement"),
    ],
)
def test_nobody_says_what_is_anothers_to_say(log_of, service: str, topic: str) -> None:
    log_of("agreements").append(said("agreements.agreement"))

    with pytest.raises(EventLogUnavailable):
        log_of(service).append(said(topic))


@pytest.mark.parametrize(
    ("service", "group", "topic"),
    [
        ("applications", "applications", "agreements.holding"),
        ("dissemination", "pseudonymisation", "agreements.agreement"),
        ("stranger", "stranger", "agreements.agreement"),
    ],
)
def test_nobody_hears_what_is_not_for_it_or_in_anothers_place(
    log_of, service: str, group: str, topic: str
) -> None:
    log_of("agreements").append(said("agreements.agreement"))
    log_of("agreements").append(said("agreements.holding"))

    with (
        pytest.raises(EventLogUnavailable),
        log_of(service).subscribe(group, [topic]) as subscription,
    ):
        subscription.poll(20)
