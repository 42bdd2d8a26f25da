"""The Ray cluster that a command is told to use (https://docs.ray.io)."""

from typing import Any

import ray

from molar.engine.errors import RequestError, UnavailableError


def connect(address: str, **options: Any) -> None:
    """Join a cluster, without its dashboard and its workers' logs.

    Args:
        address: "ray" for this machine, "auto" for the cluster it belongs to, or "ray://HOST:PORT".
        options: more arguments of `ray.init`.

    Raises:
        RequestError: the address is not understood.
        UnavailableError: the cluster cannot be reached.
    """
    try:
        ray.init(None if address == "ray" else address, log_to_driver=False, include_dashboard=False, **options)
    except ValueError as error:
        raise RequestError(f"Ray at {address!r}: {error}; write ray, auto, or ray://HOST:PORT") from None
    except ConnectionError as error:
        raise UnavailableError(f"Ray: {error}") from error
