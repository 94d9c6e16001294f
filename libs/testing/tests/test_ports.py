"""A port that is held is refused to who connects and to who would take it, and can be served on."""

import socket

import pytest

from dsfc_testing import ports


def test_who_connects_to_a_held_port_is_refused():
    with ports.held() as (port,), pytest.raises(ConnectionRefusedError):
        socket.create_connection((ports.LOOPBACK, port))


def test_a_held_port_is_nobody_elses():
    with ports.held(2) as (port, other), socket.socket() as stranger:
        assert port != other
        with pytest.raises(OSError, match="in use"):
            stranger.bind((ports.LOOPBACK, port))


def test_a_server_may_listen_on_a_held_port_and_again_after_it_ended():
    with ports.held() as (port,):
        for _ in range(2):
            with (
                socket.create_server((ports.LOOPBACK, port)) as server,
                socket.create_connection((ports.LOOPBACK, port)) as client,
            ):
                accepted, _ = server.accept()
                client.sendall(b"there")
                assert accepted.recv(5) == b"there"
                accepted.close()
