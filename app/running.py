"""`molar demo` or `molar serve` in a process of its own, for what measures and tests them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from molar.engine import RequestError

_START = 120.0  # seconds that it may take


@contextmanager
def running(
    command: str, bundle: Path, *options: str, home: Path | None = None, port: int | None = None
) -> Iterator[tuple[str, subprocess.Popen]]:
    """Run a command that serves a bundle, on a CPU, until the block ends.

    Args:
        command: "demo" or "serve".
        bundle: that it opens.
        options: more options of the command.
        home: where the demo keeps visits; the user's folder if None.
        port: that it listens on; a free one if None.

    Yields:
        Its address, once it answers there, and the process.

    Raises:
        RequestError: it did not start.
    """
    if port is None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    call = [sys.executable, "-m", "molar.app", command, "--bundle", str(bundle), "--port", str(port), "--device", "cpu"]
    more = {"MOLAR_HOME": str(home)} if home else {}
    process = subprocess.Popen([*call, *options], stdout=subprocess.DEVNULL, env={**os.environ, **more})
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + _START
    try:
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RequestError(f"molar {command} did not start")
            time.sleep(0.02)
        yield address, process
    finally:
        process.terminate()
        process.wait()


def _answers(address: str) -> bool:
    """Whether there is a page, or somebody who asks for a password."""
    try:
        httpx.get(address, timeout=5)
    except httpx.HTTPError:
        return False
    return True
