"""The port that a server of ours listens on."""

import socket

from molar.engine import RequestError


def listen(host: str, port: int) -> socket.socket:
    """Take the port before anything slow is done, so that a port in use is said at once.

    Raises:
        RequestError: it cannot be had.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise RequestError(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another port with --port or PORT="
        ) from None
    return listening
