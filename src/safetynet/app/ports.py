"""Free TCP ports of this machine."""

import contextlib
import socket


def find_free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Different ports that nobody listens on now. Another program may still take one before use."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in sockets:
            listener.bind((host, 0))
        return [int(listener.getsockname()[1]) for listener in sockets]


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """True where nobody listens on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
