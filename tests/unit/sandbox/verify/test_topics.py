"""Reading the topics back."""

from __future__ import annotations

from sandbox.verify.topics import admin_of


def test_a_broker_has_one_admin_client_however_often_it_is_asked() -> None:
    """Clients that come and go crash the process now and then."""
    servers = "127.0.0.1:1"

    assert admin_of(servers) is admin_of(servers)
    assert admin_of(servers) is not admin_of("127.0.0.1:2")
