"""Which event log a service has: Kafka where brokers are named, else the embedded one."""

from typing import TYPE_CHECKING

from common.messaging.embedded import EmbeddedLog
from common.messaging.port import EventLog
from common.settings import ServiceSettings

if TYPE_CHECKING:
    from common.messaging.kafka import KafkaTls


def event_log(settings: ServiceSettings) -> EventLog:
    """Open the log that the settings describe; whoever opens it closes it.

    Raises:
        ValueError: neither brokers nor a file are named.

    """
    if settings.kafka_bootstrap:
        from common.messaging.kafka import KafkaLog

        return KafkaLog(settings.kafka_bootstrap, client_id=settings.client_id, tls=_tls(settings))
    if settings.event_log is None:
        raise ValueError("name kafka_bootstrap or event_log")
    settings.event_log.parent.mkdir(parents=True, exist_ok=True)
    return EmbeddedLog(settings.event_log)


def _tls(settings: ServiceSettings) -> "KafkaTls | None":
    authority = settings.kafka_authority_file
    certificate = settings.kafka_certificate_file
    key = settings.kafka_key_file
    if authority is None or certificate is None or key is None:
        return None
    from common.messaging.kafka import KafkaTls

    return KafkaTls(authority=authority, certificate=certificate, key=key)
