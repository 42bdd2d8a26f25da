"""Vectors of a whole catalogue from an item encoder, kept in a cache so that each item is read once.

The key of an entry is a hash of what was read (the text itself, the picture's bytes) and of the encoder's version, so a
changed item is read anew and an unchanged one never is, whatever dataset it stands in.

Dimensions: N items, D width of the encoder's vectors.
"""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from molar.engine.images import open_image
from molar.train.dataset import Dataset
from molar.train.device import fast_bfloat16
from molar.train.encoders import Encoder
from molar.train.feature_cache import FeatureCache
from molar.train.files import cache_folder
from molar.train.item_pictures import open_picture
from molar.train.item_tasks import item_texts
from molar.train.tables import picture_path

_BATCH = 32
_PREFETCHED = 3

VIEWS = ("both", "text", "image")
"""What is shown of an item."""

Progress = Callable[[int, int], None]
"""Called with how many items are done and how many there are to do."""


def embed_items(
    dataset: Dataset,
    encoder: Encoder,
    device: torch.device,
    progress: Progress = lambda *_: None,
    view: str = "both",
) -> torch.Tensor:
    """Vectors of all items, (N, D) float32; only those that the cache does not hold are computed.

    Items of alike length are read together; pictures are decoded and texts tokenised beside the model. What a stopped
    call has computed is kept.

    Args:
        dataset: whose items.
        encoder: on `device`.
        device: where it runs.
        progress: is told how many items are done.
        view: of `VIEWS`; an item that has nothing to show in it has zeros.

    Raises:
        DatasetError: a picture is missing or cannot be read.
    """
    with FeatureCache(cache_folder() / "features.db") as cache:
        items = readable_items(dataset, encoder.version, view)
        batches = items.unread(cache)
        total = sum(map(len, batches))

        def read(rows: list[int]) -> Any:
            with torch.inference_mode():  # a thread has its own
                pictures = list(decoders.map(lambda row: open_picture(dataset.folder, items.images[row]), rows))
                return encoder.backbone.read([items.texts[row] for row in rows], pictures)

        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor() as decoders:
            waiting: list[Future] = [reader.submit(read, rows) for rows in batches[:_PREFETCHED]]
            for index, rows in enumerate(batches):
                progress(index * _BATCH, total)
                batch = waiting.pop(0).result()
                if index + _PREFETCHED < len(batches):
                    waiting.append(reader.submit(read, batches[index + _PREFETCHED]))
                cache.put([items.keys[row] for row in rows], embed_batch(encoder.backbone, batch, device).cpu().numpy())
        progress(total, total)
        return torch.from_numpy(cache.get(items.keys, encoder.backbone.dim))


@dataclass(frozen=True)
class ReadableItems:
    """What an encoder reads of a catalogue, by row.

    Attributes:
        texts: empty where there is none.
        images: paths in the dataset folder; empty where there is none.
        keys: of the vectors in the cache.
    """

    texts: Sequence[str]
    images: Sequence[str]
    keys: Sequence[str]

    def unread(self, cache: FeatureCache) -> list[list[int]]:
        """Batches of the rows that the cache does not hold, texts of alike length together."""
        todo = [row for row in cache.missing(self.keys) if self.texts[row] or self.images[row]]
        todo.sort(key=lambda row: len(self.texts[row]))
        return [todo[start : start + _BATCH] for start in range(0, len(todo), _BATCH)]


def readable_items(dataset: Dataset, version: str, view: str) -> ReadableItems:
    """What an encoder of a version reads of a catalogue in a view of `VIEWS`.

    Raises:
        DatasetError: a picture is missing.
    """
    texts = item_texts(dataset).full if view != "image" else [""] * len(dataset.items)
    images = dataset.items["image"].to_list() if view != "text" else [""] * len(dataset.items)
    return ReadableItems(texts, images, _keys(dataset, version, texts, images))


@torch.inference_mode()
def embed_batch(backbone: Any, batch: Any, device: torch.device) -> torch.Tensor:
    """Vectors of one batch of `Backbone.read`, (B, D) float32, in bfloat16 where the device is fast at it."""
    with torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device)):
        vectors: torch.Tensor = backbone.embed(batch.to(device))
    return vectors.float()


def _keys(dataset: Dataset, version: str, texts: Sequence[str], images: Sequence[str]) -> list[str]:
    def key(text: str, image: str) -> str:
        digest = hashlib.sha256(f"{version}\0{text}\0".encode())
        if image:
            path = picture_path(dataset.folder, image)
            try:
                digest.update(path.read_bytes())
            except OSError:
                open_image(path, image)  # says what is wrong with it
                raise
        return digest.hexdigest()

    with ThreadPoolExecutor() as pool:
        return list(pool.map(key, texts, images))
