"""`molar serve` as a process: it listens, opens its bundle again on HUP, and ends when it is told to."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from molar.app.cli_serve import showroom


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP here")
def test_it_serves_reloads_and_stops(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "molar.app", "serve", "--bundle", str(showroom()), "--device", "cpu"]
    process = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert f"http://127.0.0.1:{port}/docs" in process.stdout.readline()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as answer:
            health = json.load(answer)
        assert (health["status"], health["device"]) == ("ok", "cpu")
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == f"opened again: {health['bundle']}\n"
        taken = subprocess.run([*command, "--port", str(port)], capture_output=True, text=True, check=False)
        assert (taken.returncode, "choose another port" in taken.stderr) == (2, True)
    finally:
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode in (0, -signal.SIGTERM)
    assert time.monotonic() - started < 20
