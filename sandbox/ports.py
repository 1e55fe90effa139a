"""Ports on this machine: a free one, whether one is taken, and by whom."""

from __future__ import annotations

import errno
import random
import socket
from pathlib import Path

from sandbox.errors import ListenError, PortTakenError


__all__ = ["claimable", "free_port", "listener", "reachable_host", "require_free"]

# Below the range from which kernels take the ports of outgoing connections (Linux from 32768, macOS from 49152):
# a port of that range may be gone by the time that the server asks for it.
_FREE_PORTS = range(20_000, 32_000)
_FREE_PORT_ATTEMPTS = 200

_LISTEN_STATE = "0A"


def reachable_host(host: str) -> str:
    """Return the address under which clients on this machine reach a server that listens on `host`."""
    return "127.0.0.1" if host in {"", "0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound


def claimable(host: str, port: int) -> bool:
    """Return whether a server could listen on the port now.

    Raises:
        OSError: `host` is no address of this machine, or the port is reserved.
        OverflowError: there is no such port.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of a predecessor that linger are no obstacle, a listener is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def free_port(host: str) -> int:
    """Return a port on which nobody listens.

    Nothing reserves it: start the server soon.

    Raises:
        OSError: no free port was found.
    """
    for port in random.sample(_FREE_PORTS, _FREE_PORT_ATTEMPTS):
        if claimable(host, port):
            return port
    raise OSError(errno.EADDRINUSE, f"no free port on {host} between {_FREE_PORTS.start} and {_FREE_PORTS.stop}")


def require_free(name: str, host: str, port: int) -> None:
    """Make sure that a server `name` could listen on the port now.

    Raises:
        PortTakenError: somebody else does; names the owner where it can be told.
        ListenError: nobody could: `host` is not ours, the port is reserved.
    """
    try:
        claimed = claimable(host, port)
    except (OSError, OverflowError) as error:
        raise ListenError(name, host, port, str(error)) from error
    if not claimed:
        raise PortTakenError(name, host, port, listener(port))


def listener(port: int, proc: Path = Path("/proc")) -> str | None:
    """Name the process that listens on a TCP port, as in `process 4711 (java)`.

    None where it cannot be told: another user's process, another namespace, no `/proc`.
    """
    inodes = _listening_inodes(port, proc)
    if not inodes:
        return None
    sockets = {f"socket:[{inode}]" for inode in inodes}
    for process in proc.glob("[0-9]*"):
        try:
            if any(str(descriptor.readlink()) in sockets for descriptor in (process / "fd").iterdir()):
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:
            continue  # gone meanwhile, or not ours to look into
    return None


def _listening_inodes(port: int, proc: Path) -> set[str]:
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            rows = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            _, local, _, state, *rest = row.split()
            if state == _LISTEN_STATE and int(local.rpartition(":")[2], 16) == port:
                inodes.add(rest[5])
    return inodes
