"""Ports that are ours before anybody listens on them.

A port that was only found free may be somebody else's a moment later. One that is held is bound
and not listened on: who connects is refused, the system gives it to nobody, and a server that sets
SO_REUSEADDR, as all of ours do, may listen on it.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

LOOPBACK = "127.0.0.1"


@contextmanager
def held(count: int = 1) -> Iterator[list[int]]:
    """Yield ports on the loopback interface that nobody else gets meanwhile."""
    with ExitStack() as stack:
        yield [_hold(stack) for _ in range(count)]


def _hold(stack: ExitStack) -> int:
    holder = stack.enter_context(socket.socket())
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((LOOPBACK, 0))
    return int(holder.getsockname()[1])
