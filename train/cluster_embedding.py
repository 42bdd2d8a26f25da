"""Vectors of a whole catalogue from many machines, with Ray Data (https://docs.ray.io/en/latest/data/data.html).

Workers hold the encoder and read the batches that `embed_items` would; what they send back goes into the same cache at
once, so that whatever stops, nothing that was read is read again. A batch whose worker dies is read by another.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import ray.data
import torch

from molar.engine.errors import DatasetError, MolarError, UnavailableError
from molar.train.dataset import Dataset
from molar.train.device import choose_device, keep_freed_memory
from molar.train.encoders import load_encoder
from molar.train.feature_cache import FeatureCache
from molar.train.files import cache_folder
from molar.train.item_embedding import Progress, embed_batch, readable_items
from molar.train.item_pictures import open_picture
from molar.train.ray_cluster import connect

_BATCHES_IN_BLOCK = 4  # what is read again when a worker dies

Throughput = dict[str, tuple[int, float]]
"""Worker -> how many items it read, in how many seconds."""


class _Reader:
    """A worker.

    Args:
        folder: of the dataset, with its pictures.
        encoder: as in `load_encoder`.
        text_tokens: as in `load_encoder`.
    """

    def __init__(self, folder: Path, encoder: str, text_tokens: int) -> None:
        keep_freed_memory()
        self._folder = folder
        self._device = choose_device("auto")
        self._backbone = load_encoder(encoder, text_tokens, self._device).backbone
        self._decoders = ThreadPoolExecutor()
        self._name = f"process {os.getpid()} on {ray.util.get_node_ip_address()}"

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """keys, texts and images of some items -> their vectors, as bytes, or what is wrong with one of them."""
        began = time.perf_counter()
        found = {"keys": list(batch["keys"]), "vectors": b"", "worker": self._name, "error": ""}
        try:
            with torch.inference_mode():
                pictures = list(self._decoders.map(lambda image: open_picture(self._folder, image), batch["images"]))
                read = self._backbone.read(list(batch["texts"]), pictures)
            found["vectors"] = embed_batch(self._backbone, read, self._device).cpu().numpy().astype("<f4").tobytes()
        except MolarError as error:
            found["error"] = str(error)
        return {**found, "seconds": time.perf_counter() - began}


def embed_on_ray(
    dataset: Dataset,
    encoder: str,
    text_tokens: int,
    address: str,
    workers: int | None = None,
    progress: Progress = lambda *_: None,
    view: str = "both",
) -> tuple[torch.Tensor, Throughput]:
    """Vectors of all items, (N, D) float32, as `embed_items` computes them; and how quick each worker was.

    Args:
        dataset: whose items. Its folder must be there under the same path for every worker, and so must the encoder's.
        encoder: as in `load_encoder`.
        text_tokens: as in `load_encoder`.
        address: "ray" for this machine, "auto" for the cluster it belongs to, or "ray://HOST:PORT".
        workers: how many; one for each GPU of the cluster if None, or for each CPU where there are none.
        progress: is told how many items are done.
        view: of `item_embedding.VIEWS`; an item that has nothing to show in it has zeros.

    Raises:
        DatasetError: a picture is missing or cannot be read.
        ModelError: the encoder cannot be loaded.
        RequestError: the address is not understood.
        UnavailableError: the cluster cannot be reached, or it failed.
    """
    known = load_encoder(encoder, text_tokens, torch.device("cpu"))
    with FeatureCache(cache_folder() / "features.db") as cache:
        items = readable_items(dataset, known.version, view)
        batches = items.unread(cache)
        total, done = sum(map(len, batches)), 0
        throughput: Throughput = {}
        progress(0, total)
        if batches:
            lines = [
                {
                    "keys": [items.keys[row] for row in rows],
                    "texts": [items.texts[row] for row in rows],
                    "images": [items.images[row] for row in rows],
                }
                for rows in batches
            ]
            where = Path(encoder).resolve() if Path(encoder).exists() else encoder
            for found in _read(lines, address, workers, (dataset.folder.resolve(), str(where), text_tokens)):
                if found["error"]:
                    raise DatasetError(found["error"])
                vectors = np.frombuffer(found["vectors"], "<f4").reshape(len(found["keys"]), -1)
                cache.put(list(found["keys"]), vectors)
                items_before, seconds_before = throughput.get(found["worker"], (0, 0.0))
                throughput[found["worker"]] = items_before + len(vectors), seconds_before + found["seconds"]
                done += len(vectors)
                progress(done, total)
        return torch.from_numpy(cache.get(items.keys, known.backbone.dim)), throughput


def _read(lines: list[dict[str, Any]], address: str, workers: int | None, of_reader: tuple[Path, str, int]) -> Any:
    """What the workers send back, in whatever order."""
    began_here = not ray.is_initialized()
    try:
        if began_here:
            connect(address)
        ray.data.DataContext.get_current().enable_progress_bars = False
        gpus = int(ray.cluster_resources().get("GPU", 0))
        size = workers or gpus or int(ray.cluster_resources()["CPU"])
        data = ray.data.from_items(lines, override_num_blocks=-(-len(lines) // _BATCHES_IN_BLOCK))
        read = data.map(
            _Reader,
            fn_constructor_args=of_reader,
            compute=ray.data.ActorPoolStrategy(size=size),
            num_gpus=1 if gpus else None,
            num_cpus=None if gpus else 1,
        )
        yield from read.iter_rows()
    except (ConnectionError, ray.exceptions.RayError) as error:
        raise UnavailableError(f"Ray: {error}") from error
    finally:
        if began_here and ray.is_initialized():
            ray.shutdown()
