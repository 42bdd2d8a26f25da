"""`molar bench killed`: what is lost when a service, one of its replicas, a training or a worker is killed.

Each is killed by SIGKILL in the middle of its work, as the kernel does when memory runs out.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from molar.app.running import running
from molar.engine import Recommender, RequestError

_CLIENTS = 8
_SECONDS = 10.0  # before and after
_PATIENCE = 300.0
_EPOCHS = 4
_ITEMS = 640


class _Asking(threading.Thread):
    """Somebody who asks a service without a pause, and asks again when it does not answer."""

    def __init__(self, ask: Callable[[httpx.Client, int], httpx.Response], address: str) -> None:
        super().__init__(daemon=True)
        self._ask, self._address = ask, address
        self.answered: list[float] = []
        self.broken_off = self.refused = 0
        self.stop = threading.Event()

    def run(self) -> None:
        with httpx.Client(base_url=self._address, timeout=60) as client:
            number = 0
            while not self.stop.is_set():
                try:
                    self._ask(client, number).raise_for_status()
                except httpx.ConnectError:
                    self.refused += 1
                    time.sleep(0.02)
                except httpx.HTTPError:
                    self.broken_off += 1
                else:
                    self.answered.append(time.monotonic())
                    number += 1


def killed_service(bundle: Path) -> dict[str, Any]:
    """`molar serve --changes`, killed under load and started again at once.

    Returns:
        Requests that were answered, that broke off, and that were tried again while nobody listened; the longest time
        without an answer; items that were added before it was killed, and how many of those are missing afterwards.
    """
    ids = Recommender.load(bundle, "cpu").catalog.item_ids
    with tempfile.TemporaryDirectory() as folder:
        changes = ("--changes", str(Path(folder) / "changes.db"))
        with running("serve", bundle, *changes) as (address, process):
            asking = _load(ids, address)
            adding = _Asking(_add_item, address)
            adding.start()
            time.sleep(_SECONDS)
            killed = time.monotonic()
            process.kill()
            process.wait()
            added = len(adding.answered)
            with running("serve", bundle, *changes, port=int(address.rsplit(":", 1)[1])):
                time.sleep(_SECONDS)
                adding.stop.set()
                adding.join()
                there = [httpx.get(f"{address}/v1/items/own-{number}").is_success for number in range(added)]
                found = _figures(asking, killed)
    return {**found, "items_added_before": added, "items_missing": there.count(False)}


def killed_replica(bundle: Path) -> dict[str, Any]:
    """`molar serve --on ray` with two replicas, one of which is killed under load.

    Returns:
        As `killed_service`, and seconds until there are two again.
    """
    before = _processes("ServeReplica:molar")

    def replicas() -> set[int]:
        return _processes("ServeReplica:molar") - before

    def answers(address: str) -> bool:
        with suppress(httpx.TransportError):
            return httpx.post(f"{address}/v1/recommend", json={"history": ids[:1]}, timeout=60).is_success
        return False

    ids = Recommender.load(bundle, "cpu").catalog.item_ids
    with running("serve", bundle, "--on", "ray", "--replicas", "2") as (address, _):
        _wait(lambda: answers(address))
        asking = _load(ids, address)
        time.sleep(_SECONDS)
        dead = replicas().pop()
        killed = time.monotonic()
        os.kill(dead, signal.SIGKILL)
        _wait(lambda: len(replicas() - {dead}) == 2)
        again = time.monotonic() - killed
        time.sleep(_SECONDS)
        found = _figures(asking, killed)
    return {**found, "two_replicas_again_in_s": round(again, 1)}


def killed_training(dataset: Path) -> dict[str, Any]:
    """`molar train`, killed in the middle of its third epoch and continued: an ID model, 50 events of each person.

    Returns:
        Whether the result is that of a training that nobody killed, byte for byte; seconds of both.
    """
    with tempfile.TemporaryDirectory() as folder:
        runs = {name: Path(folder) / name for name in ("whole", "killed")}
        call = [sys.executable, "-m", "molar.app", "train", str(dataset), "--device", "cpu"]
        new = ["--preset", "tiny", "--no-content", "--last-events", "50", "--epochs", str(_EPOCHS), "--out"]
        quiet = {"stdout": subprocess.DEVNULL, "check": True}
        begun = time.monotonic()
        subprocess.run([*call, *new, str(runs["whole"])], **quiet)  # type: ignore[call-overload]
        whole = time.monotonic() - begun
        begun = time.monotonic()
        process = subprocess.Popen([*call, *new, str(runs["killed"])], stdout=subprocess.DEVNULL)
        checkpoints = runs["killed"] / "checkpoints"
        epochs: list[float] = []
        for epoch in (1, 2):
            _wait((checkpoints / f"epoch-{epoch:04d}").exists)
            epochs.append(time.monotonic())
        time.sleep((epochs[1] - epochs[0]) / 2)
        process.kill()
        process.wait()
        done = len(list(checkpoints.iterdir()))
        subprocess.run([*call, "--resume", "--out", str(runs["killed"])], **quiet)  # type: ignore[call-overload]
        killed = time.monotonic() - begun
        files = ("model.safetensors", "item_vectors.safetensors")
        same = all((runs["whole"] / name).read_bytes() == (runs["killed"] / name).read_bytes() for name in files)
    return {
        "epochs": _EPOCHS,
        "killed_after_epoch": done,
        "same_result": same,
        "seconds": round(whole, 1),
        "seconds_killed": round(killed, 1),
    }


def killed_worker(dataset: Path, encoder: str) -> dict[str, Any]:
    """`molar embed --on ray` with two workers, one of which is killed half-way: the first items of a catalogue.

    Args:
        dataset: whose items are read.
        encoder: that reads them.

    Returns:
        Items a second of one process, of two workers, and of two of which one is killed; items that are missing; the
        largest difference of a number of any vector.
    """
    import numpy as np
    import torch

    from molar.train.cluster_embedding import embed_on_ray
    from molar.train.dataset import load_dataset
    from molar.train.device import keep_freed_memory
    from molar.train.encoders import load_encoder
    from molar.train.item_embedding import embed_items

    keep_freed_memory()
    whole_dataset = load_dataset(dataset)
    chosen = replace(whole_dataset, items=whole_dataset.items.head(_ITEMS))
    seconds: dict[str, float] = {}
    killed: set[int] = set()

    def kill(done: int, total: int) -> None:
        if done > total / 2 and not killed:
            killed.add(_processes("ray::", "Map").pop())
            os.kill(next(iter(killed)), signal.SIGKILL)

    def measured(name: str, embed: Callable[[], torch.Tensor]) -> np.ndarray:
        with tempfile.TemporaryDirectory() as cache:
            os.environ["MOLAR_CACHE"] = cache
            begun = time.monotonic()
            vectors = embed().numpy()
            seconds[name] = time.monotonic() - begun
        return vectors

    cpu = torch.device("cpu")
    one = load_encoder(encoder, 128, cpu)
    alone = measured("one_process", lambda: embed_items(chosen, one, cpu))
    whole = measured("two_workers", lambda: embed_on_ray(chosen, encoder, 128, "ray", 2)[0])
    after = measured("one_killed", lambda: embed_on_ray(chosen, encoder, 128, "ray", 2, kill)[0])
    if not killed:
        raise RequestError("no worker was there to be killed; use a larger dataset")
    missing = int((np.abs(after).sum(axis=1) == 0).sum() - (np.abs(alone).sum(axis=1) == 0).sum())
    return {
        "items": len(alone),
        **{f"{name}_items_a_second": round(len(alone) / taken, 1) for name, taken in seconds.items()},
        "items_missing": missing,
        "largest_difference": float(max(np.abs(other - alone).max() for other in (whole, after))),
    }


def _add_item(client: httpx.Client, number: int) -> httpx.Response:
    return client.post("/v1/items", json={"item_id": f"own-{number}", "title": f"blue stoneware mug {number}"})


def _load(ids: list[str], address: str) -> list[_Asking]:
    """Some who ask for recommendations, until `_figures` is called."""

    def ask(client: httpx.Client, _: int) -> httpx.Response:
        return client.post("/v1/recommend", json={"history": random.sample(ids, min(20, len(ids)))})

    asking = [_Asking(ask, address) for _ in range(_CLIENTS)]
    for one in asking:
        one.start()
    return asking


def _figures(asking: list[_Asking], killed: float) -> dict[str, Any]:
    for one in asking:
        one.stop.set()
    for one in asking:
        one.join()
    answered = sorted(when for one in asking for when in one.answered)
    waits = [after - before for before, after in pairwise(answered) if after > killed]
    return {
        "clients": len(asking),
        "answered": len(answered),
        "broken_off": sum(one.broken_off for one in asking),
        "tried_again": sum(one.refused for one in asking),
        "longest_without_an_answer_s": round(max(waits), 2),
    }


def _processes(*words: str) -> set[int]:
    """Processes of this machine whose command holds all of some words."""
    found = set()
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            if all(word.encode() in process.read_bytes() for word in words):
                found.add(int(process.parent.name))
    return found


def _wait(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not what():
        if time.monotonic() > deadline:
            raise RequestError(f"nothing came for {_PATIENCE:.0f} seconds")
        time.sleep(0.02)
