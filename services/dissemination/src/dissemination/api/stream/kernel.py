"""What the kernel holds of a connection, and what the client's kernel would take.

Bytes "leave" when our kernel accepts them, but a slow client lets them lie there. So a stream
writes only what the client's window takes at once: then nothing lies in between when a lease ends,
and a pause is a pause, however slow the client and however large its buffers (docs/adr/0025).

Linux tells all of it. Where a system does not, a stream goes by how quickly a chunk drains.
"""

import array
import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import sys
import time

from common.tls.transport import TlsTransport, plain_length

IS_LINUX = sys.platform == "linux"
SIOCOUTQ = 0x5411
SIOCOUTQNSD = 0x894B
"""Written and not yet acknowledged; written and not yet sent (tcp(7), linux/sockios.h)."""

INFO_BYTES = 256
WINDOW = struct.Struct("@228xI")
"""`tcpi_snd_wnd` of `struct tcp_info` (linux/tcp.h, since 5.4): what the client's kernel takes."""

FLIGHT = struct.Struct("@8xI4xI4xIIII4xI32xI20xQ")
"""Of the same `tcpi_rto`, `_snd_mss`, `_unacked`, `_sacked`, `_lost`, `_retrans`, `_snd_cwnd`,
`_last_data_sent` (before the one before) and `_pacing_rate`: how many packets may be on their way,
how many are, and how quickly they may follow."""

PACKETS_AFTER_IDLE = 10
"""A sender that was idle begins anew with so many (RFC 6928, tcp_slow_start_after_idle)."""

KEEPALIVE_SECONDS = 1
KEEPALIVE_TIMES = 60
"""A client whose window is shut tells only once that it has opened, and that may get lost: an
empty probe a second asks again. Nobody answers for a minute: nobody is there."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Kernel:
    """Our side's kernel, for one connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._sock: socket.socket | None = transport.get_extra_info("socket")
        self._tls = transport if isinstance(transport, TlsTransport) else None
        self._pace = 0
        """Bytes a second, as the kernel said last; 0: it did not."""

        self._held_until = 0.0
        """When what it was handed has left at that pace, by `time.monotonic`."""

        self._option("SO_KEEPALIVE", socket.SOL_SOCKET, 1)
        self._option("TCP_KEEPIDLE", socket.IPPROTO_TCP, KEEPALIVE_SECONDS)
        self._option("TCP_KEEPINTVL", socket.IPPROTO_TCP, KEEPALIVE_SECONDS)
        self._option("TCP_KEEPCNT", socket.IPPROTO_TCP, KEEPALIVE_TIMES)

    def unsent(self) -> int:
        """Return how many bytes were written and have not left for the client."""
        return self._transport.get_write_buffer_size() + self._count(SIOCOUTQNSD)

    def unconfirmed(self) -> int | None:
        """Return how many bytes the client's kernel has not confirmed; None: nobody can say."""
        count = self._asked(SIOCOUTQ)
        return None if count is None else count + self._transport.get_write_buffer_size()

    def window(self) -> int | None:
        """Return how many bytes more the client's kernel would take at once.

        None where the system does not tell.
        """
        info = self._info()
        if info is None:
            return None
        advertised: int = WINDOW.unpack_from(info)[0]
        return self._plain(max(advertised - self._count(SIOCOUTQ), 0))

    def passage(self, seconds: float) -> int | None:
        """Return how many bytes more would leave for the client within so many seconds.

        The client may have room, and our kernel keeps them all the same: until what is on its way
        is confirmed (the congestion window), or for the pace that it has set itself (BBR).
        None where the system does not tell.
        """
        info = self._info()
        if info is None:
            return None
        rto_us, mss, unacked, sacked, lost, retransmitted, idle_ms, packets_max, pace = (
            FLIGHT.unpack_from(info)
        )
        if idle_ms * 1000 > rto_us:
            packets_max = min(packets_max, PACKETS_AFTER_IDLE)
        packets = packets_max - (unacked - sacked - lost + retransmitted)
        self._pace = max(pace, 1)
        held_for = self._held_until - time.monotonic()
        # Where the last one has had its time, one packet leaves at once at any pace.
        paced = max(int(pace * seconds), mss) if held_for <= 0 else int(pace * (seconds - held_for))
        return self._plain(int(max(min(packets * mss, paced), 0)))

    def take(self, data: memoryview) -> int:
        """Hand the kernel what it takes at once; return how many bytes. The rest is the caller's.

        Over TLS only whole records count: what was taken of another cannot be read by anybody,
        and its rest stays in this process until the same bytes are handed over again.

        Raises:
            OSError: the connection is over.

        """
        return self._hand(data) if self._tls is None else self._tls.pass_on(data, self._hand)

    def _plain(self, bytes_: int) -> int:
        """Return how many bytes of ours fill so many of the network."""
        return bytes_ if self._tls is None else plain_length(bytes_)

    def _hand(self, data: memoryview) -> int:
        if self._sock is None:
            raise OSError("the transport has no socket")
        try:
            taken = os.write(self._sock.fileno(), data)
        except BlockingIOError:
            return 0
        if self._pace:
            held_from = max(self._held_until, time.monotonic())
            self._held_until = held_from + taken / self._pace
        return taken

    def limit_unsent(self, bytes_: int) -> None:
        """Let the kernel take no more than that unsent; 0: the system's own measure."""
        self._option("TCP_NOTSENT_LOWAT", socket.IPPROTO_TCP, bytes_)

    def reset(self) -> None:
        """Close so that the peer gets a reset and the kernel drops what it had not sent."""
        if self._sock is not None:
            with contextlib.suppress(OSError, ValueError):  # the peer was faster
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    def _info(self) -> bytes | None:
        if self._sock is None or not IS_LINUX:
            return None
        try:
            info = self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
        except (OSError, ValueError):
            return None
        return info if len(info) >= WINDOW.size else None

    def _count(self, request: int) -> int:
        return self._asked(request) or 0  # where it is closed nothing leaves any more

    def _asked(self, request: int) -> int | None:
        """Return the kernel's count; None where it has none: not Linux, or closed."""
        if self._sock is None or not IS_LINUX:
            return None
        count = array.array("i", [0])
        try:
            fcntl.ioctl(self._sock.fileno(), request, count)
        except (OSError, ValueError):
            return None
        return count[0]

    def _option(self, name: str, level: int, value: int) -> None:
        option: int | None = getattr(socket, name, None)
        if self._sock is not None and option is not None:
            # The peer is gone (uvloop says ValueError), or it is no TCP socket.
            with contextlib.suppress(OSError, ValueError):
                self._sock.setsockopt(level, option, value)
