"""The Ray cluster that a command is told to use (https://docs.ray.io)."""

import logging

import ray

from molar.engine.errors import RequestError, UnavailableError


def connect(address: str) -> None:
    """Join a cluster, without its dashboard and its logs.

    Args:
        address: "ray" for this machine, "auto" for the cluster it belongs to, or "ray://HOST:PORT".

    Raises:
        RequestError: the address is not understood.
        UnavailableError: the cluster cannot be reached.
    """
    for name in ("ray", "ray.data", "ray.serve"):
        logging.getLogger(name).setLevel(logging.ERROR)
    where = None if address == "ray" else address
    try:
        ray.init(where, log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
    except ValueError as error:
        raise RequestError(f"Ray at {address!r}: {error}; write ray, auto, or ray://HOST:PORT") from None
    except ConnectionError as error:
        raise UnavailableError(f"Ray: {error}") from error
