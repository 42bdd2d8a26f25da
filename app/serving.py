"""Runs the service of `molar serve` until it is told to stop."""

import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import uvicorn

from molar.app.listening import listen
from molar.app.service import Served, build_service
from molar.app.service_changes import CatalogueChanges
from molar.engine import MolarError, Recommender

_FINISHES = 30  # seconds that requests have when the service is told to stop


def serve_bundle(
    bundle: Path,
    open_bundle: Callable[[Path], Recommender],
    host: str,
    port: int,
    keys: Sequence[str] = (),
    at_once: int = 256,
    wait_ms: float = 0.0,
    changes: Path | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C: what is being answered then is answered, and nothing new is taken.

    Args:
        bundle: made by `molar export`; SIGHUP opens it again.
        open_bundle: opens it.
        host: address to listen on.
        port: to listen on.
        keys: see `build_service`.
        at_once: see `build_service`.
        wait_ms: see `build_service`.
        changes: a file that keeps what is changed of the catalogue.

    Raises:
        BundleError: the bundle cannot be used.
        RequestError: the port is taken, the device cannot be had, or the file of changes cannot.
    """
    with listen(host, port) as listening:
        served = Served(bundle, open_bundle, CatalogueChanges(changes))

        def reload(_: int, __: FrameType | None) -> None:
            threading.Thread(target=_reload, args=[served], daemon=True).start()

        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, reload)
        config = uvicorn.Config(
            build_service(served, keys, at_once, wait_ms), log_level="warning", timeout_graceful_shutdown=_FINISHES
        )
        one = served.recommender
        print(f"{one.manifest.name} on {one.device}: http://{host}:{port}/docs  (Ctrl-C ends it)", flush=True)
        uvicorn.Server(config).run(sockets=[listening])


def _reload(served: Served) -> None:
    try:
        served.reload()
    except MolarError as error:
        print(f"the bundle from before stays: {error}", flush=True)
    else:
        print(f"opened again: {served.recommender.manifest.name}", flush=True)
