"""What only the embedded log promises: other processes, and files that cannot be used."""

import signal
import subprocess
import sys

import pytest

from common.messaging.embedded import EmbeddedLog
from common.messaging.errors import EventLogUnavailable

PUBLISH = """
import sys
from pathlib import Path
from common.messaging.embedded import EmbeddedLog
from common.messaging.envelope import Message
log = EmbeddedLog(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    log.append(Message(topic=sys.argv[2], key=b"k", value=str(number).encode()))
"""

LEAD_UNTIL_KILLED = """
import sys
from pathlib import Path
from common.messaging.embedded import EmbeddedLog
with EmbeddedLog(Path(sys.argv[1])).subscribe(sys.argv[3], [sys.argv[2]]) as subscription:
    found = subscription.poll(20)
    print(len(found), flush=True)
    sys.stdin.read()
"""


def python(code, *arguments, **options):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], **options)


def test_a_reader_hears_what_another_process_publishes(embedded_log, tmp_path, drained):
    with embedded_log.subscribe("readers", ["tests.other"]) as subscription:
        assert subscription.poll(0) == []
        with python(PUBLISH, tmp_path / "events.db", "tests.other", 10) as other:
            received = drained(subscription, 10)

    assert other.returncode == 0
    assert [r.message.value for r in received] == [str(n).encode() for n in range(10)]


def test_processes_may_publish_at_once(tmp_path, drained):
    path = tmp_path / "new" / "events.db"
    others = [python(PUBLISH, path, "tests.other", 20) for _ in range(3)]

    assert [other.wait(60) for other in others] == [0, 0, 0]
    log = EmbeddedLog(path)
    with log.subscribe("readers", ["tests.other"]) as subscription:
        positions = [r.position for r in drained(subscription, 60)]
    log.close()
    assert positions == sorted(set(positions))


def test_a_member_that_is_killed_has_left_its_group(embedded_log, tmp_path, happened, drained):
    event = happened()
    embedded_log.publish([event])
    member = python(
        LEAD_UNTIL_KILLED,
        *(tmp_path / "events.db", event.topic, "readers"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with member, embedded_log.subscribe("readers", [event.topic]) as successor:
        assert member.stdout.readline() == "1\n"
        assert successor.poll(0.1) == []
        member.send_signal(signal.SIGKILL)

        assert [r.event() for r in drained(successor, 1)] == [event]


def test_a_file_that_is_no_log_is_unavailable(tmp_path):
    (tmp_path / "events.db").write_bytes(b"something else, and not a database at all" * 100)

    with pytest.raises(EventLogUnavailable):
        EmbeddedLog(tmp_path / "events.db")


def test_a_closed_log_takes_nothing(embedded_log, happened):
    embedded_log.close()

    assert embedded_log.publish([happened()]) == 0


def test_a_closed_subscription_gives_nothing(embedded_log):
    subscription = embedded_log.subscribe("readers", ["tests.thing"])
    subscription.close()

    with pytest.raises(EventLogUnavailable):
        subscription.poll(0)
