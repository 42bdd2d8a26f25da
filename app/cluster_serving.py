"""`molar serve --on`: the service as a deployment of Ray Serve (https://docs.ray.io/en/latest/serve/index.html).

Each replica holds the bundle. What changes the catalogue of one replica would not reach the others, so the service has
no paths for that here: put another bundle into the folder and send SIGHUP, and every replica opens it.
"""

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import ray
from fastapi import FastAPI
from ray import serve
from ray.serve.schema import LoggingConfig

from molar.app.service import Served, build_service
from molar.engine import BundleError, Recommender, UnavailableError
from molar.engine.bundle import open_bundle as verified
from molar.train.ray_cluster import connect

_NAME = "molar"


@serve.ingress()
class _Replica:
    """One of several that answer.

    Args:
        bundle: folder, there under the same path on every machine.
        open_bundle: opens it.
        options: more arguments of `build_service`.
    """

    def __init__(self, bundle: Path, open_bundle: Callable[[Path], Recommender], options: dict[str, Any]) -> None:
        self._served = Served(bundle, open_bundle)
        self._options = options

    def __serve_build_asgi_app__(self) -> FastAPI:
        return build_service(self._served, **self._options, alone=False)


def serve_on_ray(
    bundle: Path,
    open_bundle: Callable[[Path], Recommender],
    address: str,
    replicas: int,
    host: str,
    port: int,
    options: dict[str, Any],
) -> None:
    """Serve until SIGTERM or Ctrl-C; SIGHUP opens the bundle again, in new replicas.

    Args:
        bundle: made by `molar export`, under the same path on every machine.
        open_bundle: opens it.
        address: "ray" for this machine, "auto" for the cluster it belongs to, or "ray://HOST:PORT".
        replicas: how many; each gets a GPU where the cluster has any, else a CPU.
        host: address that Ray's proxy listens on.
        port: of it.
        options: `keys`, `at_once` and `wait_ms` of `build_service`.

    Raises:
        BundleError: the bundle cannot be used.
        RequestError: the address is not understood.
        UnavailableError: the cluster cannot be reached, or the replicas do not start.
    """
    quiet = LoggingConfig(log_level="ERROR")
    connect(address)
    stopped, again = threading.Event(), threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopped.set()
        again.set()

    for number in (signal.SIGTERM, signal.SIGINT):  # after Ray, which has handlers of its own
        signal.signal(number, stop)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: again.set())
    try:
        gpus = ray.cluster_resources().get("GPU", 0)
        deployment = serve.deployment(_Replica).options(
            name=_NAME,
            num_replicas=replicas,
            max_ongoing_requests=options["at_once"],
            ray_actor_options={"num_cpus": 0 if gpus else 1, "num_gpus": 1 if gpus else 0},
            logging_config=quiet,
        )
        serve.start(http_options={"host": host, "port": port}, logging_config=quiet)
        answers = False
        while not stopped.is_set():
            again.clear()
            try:
                name = verified(bundle).name
                # Ray puts new replicas in the place of the old ones, which answer what they have begun.
                serve.run(deployment.bind(bundle, open_bundle, options), name=_NAME, route_prefix="/")
            except BundleError as error:
                if not answers:
                    raise
                print(f"the bundle from before stays: {error}", flush=True)
            except (RuntimeError, ray.exceptions.RayError) as error:
                raise UnavailableError(f"Ray Serve: {error}") from error
            else:
                where = f"{name} on {replicas} replicas: http://{host}:{port}/docs  (Ctrl-C ends it)"
                print(f"opened again: {name}" if answers else where, flush=True)
                answers = True
            again.wait()
    finally:
        serve.shutdown()
        ray.shutdown()
