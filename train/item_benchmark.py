"""`molar bench encoder`: item vectors by themselves, before anybody's history is read."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import torch
from torch.nn import functional as F

from molar.engine.errors import DatasetError
from molar.engine.images import open_image
from molar.train.dataset import Dataset
from molar.train.encoders import Encoder, load_encoder, read_encoder_config
from molar.train.item_embedding import embed_batch, embed_items
from molar.train.item_evaluation import as_read, centred, retrieval, shared_values, vote_accuracy

_BATCH = 32

Say = Callable[[str], None]


def benchmark_encoder(
    dataset: Dataset,
    names: Sequence[str],
    attribute: str,
    photos: Path | None,
    text_tokens: int,
    device: torch.device,
    say: Say = lambda _: None,
) -> list[dict[str, Any]]:
    """Rows of what each encoder does, each beside its own backbone before the fine-tuning, and the frozen towers.

    retrieval: does an item's picture alone find its text alone among all, and the other way round? neighbours: do an
    item and its ten nearest share values of an attribute? photographs: do the nearest known photographs tell the
    category? embedding: items a second, picture and text, where nothing is cached.

    Args:
        dataset: whose items.
        names: encoders, as `load_encoder` takes them.
        attribute: of the dataset; several values in a cell are separated by ", ".
        photos: a folder with items.csv (category, split, image); None leaves the photographs out.
        text_tokens: where bare backbones cut texts.
        device: where the encoders run.
        say: is told what is being done.

    Raises:
        DatasetError: the attribute, or the folder of photographs, is not there.
    """
    if attribute not in dataset.attributes:
        raise DatasetError(f"{dataset.folder}: no attribute {attribute!r}; it has {', '.join(dataset.attributes)}")
    values = [set(cell.split(", ")) if cell else set() for cell in dataset.items[attribute]]
    rows = []
    for name in dict.fromkeys(["towers", *(before for one in names for before in _before(one)), *names]):
        say(name)
        encoder = load_encoder(name, text_tokens, device)
        rows += _item_rows(dataset, name, encoder, attribute, values, device)
        if photos:
            rows += photo_rows(photos, name, encoder, device)
    return rows


def _before(name: str) -> list[str]:
    """The backbone of an encoder folder."""
    folder = Path(name)
    return [read_encoder_config(folder).backbone] if (folder / "encoder.toml").exists() else []


def _item_rows(
    dataset: Dataset, name: str, encoder: Encoder, attribute: str, values: Sequence[set[str]], device: torch.device
) -> list[dict[str, Any]]:
    parts = encoder.backbone.parts
    started, computed = time.perf_counter(), 0

    def progress(_: int, total: int) -> None:
        nonlocal computed
        computed = total

    vectors = {"both": embed_items(dataset, encoder, device, progress)}
    seconds = time.perf_counter() - started
    rows: list[dict[str, Any]] = []
    if computed == len(dataset.items):
        rows.append({"what": "embedding", "encoder": name, "items_per_second": round(computed / seconds, 1)})
    for view in ("text", "image"):
        vectors[view] = embed_items(dataset, encoder, device, view=view)
    unit = {view: centred(of, parts) for view, of in vectors.items()}
    if name != "towers":  # their two halves have nothing to do with each other
        shown = (dataset.items["image"] != "").to_numpy()
        pictures, texts = unit["image"][shown], unit["text"][shown]
        for direction, pair in (("image to text", (pictures, texts)), ("text to image", (texts, pictures))):
            found = retrieval(*pair)
            rows.append({"what": "retrieval", "encoder": name, "direction": direction, "items": len(texts), **found})
    for view, of in unit.items():
        shared = shared_values(of, values)
        rows.append({"what": "neighbours", "encoder": name, "view": view, "attribute": attribute, **shared})
    return rows


def photo_rows(folder: Path, name: str, encoder: Encoder, device: torch.device) -> list[dict[str, Any]]:
    """Share of the validation photographs whose category their nearest training photographs tell, picture alone.

    By the cosine of the vectors as `ItemEncoder` reads them, and of their parts.

    Raises:
        DatasetError: the folder has no items.csv with category, split and image.
    """
    path = folder / "items.csv"
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; give a folder with items.csv (category, split, image)")
    photos = pl.read_csv(path)
    if missing := {"category", "split", "image"} - set(photos.columns):
        raise DatasetError(f"{path}: no column {', '.join(sorted(missing))}")
    known, asked = photos.filter(pl.col("split") == "train"), photos.filter(pl.col("split") != "train")
    vectors = [_photo_vectors(encoder, folder, part["image"].to_list(), device) for part in (known, asked)]
    scaled = [as_read(of, vectors[0], encoder.backbone.parts) for of in vectors]
    state = encoder.backbone.parts[0]
    parts = {"whole vector": slice(None)}
    if name != "towers":
        parts |= {"language model's state": slice(state), "picture": slice(state, None)}
    rows = []
    for what, part in parts.items():
        of_known, of_asked = (F.normalize(of[:, part], dim=1) for of in scaled)
        for k in (1, 5):
            accuracy = vote_accuracy(of_known, known["category"].to_numpy(), of_asked, asked["category"].to_numpy(), k)
            row = {"what": "photographs", "encoder": name, "of": what, "neighbours": k, "asked": len(asked)}
            rows.append({**row, "accuracy": round(accuracy, 4)})
    return rows


def _photo_vectors(encoder: Encoder, folder: Path, images: list[str], device: torch.device) -> torch.Tensor:
    parts = []
    for start in range(0, len(images), _BATCH):
        pictures = [open_image(folder / image) for image in images[start : start + _BATCH]]
        with torch.inference_mode():
            batch = encoder.backbone.read([""] * len(pictures), pictures)
        parts.append(embed_batch(encoder.backbone, batch, device).cpu())
    return torch.cat(parts)
