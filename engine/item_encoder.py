"""`item_encoder.onnx`: pictures and texts that the catalogue has never seen become item vectors.

Dimensions: B items, D width of an item vector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tokenizers import Tokenizer

from molar.engine.bundle import ITEM_ENCODER, TOKENIZER, Manifest
from molar.engine.errors import BundleError, RequestError
from molar.engine.images import open_image, thumbnail_bytes
from molar.engine.item_reader import ItemInputs, ItemReader, Preprocessing
from molar.engine.runtime import open_session
from molar.engine.text import item_text

_BATCH = 16
_THUMBNAIL = 256  # pixels


@dataclass(frozen=True)
class NewItem:
    """What is known of an item; a picture, a title or a description is needed.

    Attributes:
        title: one line.
        description: any length; cut where the encoder stops reading.
        attributes: name -> value or values.
        image: a path, the bytes of a file, or an open picture.
    """

    title: str = ""
    description: str = ""
    attributes: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    image: Path | str | bytes | Image.Image | None = None

    def text(self) -> str:
        """What the encoder reads."""
        joined = {name: ", ".join(values) for name, values in self.attribute_values().items()}
        return item_text(self.title, joined, self.description)

    def attribute_values(self) -> dict[str, list[str]]:
        """Attributes as the catalogue has them."""
        return {name: [of] if isinstance(of, str) else list(of) for name, of in self.attributes.items() if of}

    def picture(self) -> Image.Image | None:
        """The picture, upright and RGB.

        Raises:
            DatasetError: it cannot be read.
        """
        if self.image is None or isinstance(self.image, Image.Image):
            return self.image if self.image is None else self.image.convert("RGB")
        return open_image(Path(self.image) if isinstance(self.image, str) else self.image)


@dataclass(frozen=True)
class ReadItem:
    """What became of a new item.

    Attributes:
        vector: (D,) by picture and text.
        by_picture: (D,) by its picture alone; None without a picture, or if not asked for.
        by_text: (D,) by its text alone; None without a text, or if not asked for.
        thumbnail: WebP bytes, None without a picture.
    """

    vector: np.ndarray
    by_picture: np.ndarray | None
    by_text: np.ndarray | None
    thumbnail: bytes | None


class ItemEncoder:
    """Reads items as training did; safe to call from many threads.

    Args:
        graph: item_encoder.onnx.
        tokenizer: tokenizer.json.
        preprocessing: of the bundle's manifest.
        device: "auto", "cuda" or "cpu".

    Raises:
        BundleError: a file cannot be used.
    """

    @classmethod
    def of_bundle(cls, folder: Path, manifest: Manifest, device: str) -> "ItemEncoder":
        """The one of a bundle.

        Raises:
            RequestError: the bundle has none.
            BundleError: a file cannot be used.
        """
        if manifest.item_encoder is None:
            raise RequestError("this bundle has no item encoder; export it again with --item-encoder")
        return cls(folder / ITEM_ENCODER, folder / TOKENIZER, manifest.item_encoder["preprocessing"], device)

    def __init__(self, graph: Path, tokenizer: Path, preprocessing: Mapping[str, Any], device: str) -> None:
        try:
            # tokenizers raises plain exceptions
            self.reader = ItemReader(Tokenizer.from_file(str(tokenizer)), Preprocessing(**preprocessing))
        except Exception as error:
            raise BundleError(f"{tokenizer}: cannot be used ({error}); export the bundle again") from None
        opened = open_session(graph, device)
        self.device = opened.device
        self._session = opened.session

    def read(self, item: NewItem, apart: bool = False) -> ReadItem:
        """One item, and its picture for display.

        Args:
            item: to be read.
            apart: read it by its picture and by its text alone too.

        Raises:
            RequestError: the item is empty.
            DatasetError: its picture cannot be read.
        """
        picture = item.picture()
        text = bool(item.title or item.description)
        views = [replace(item, image=picture)]
        if apart and picture and text:
            views += [NewItem(image=picture), replace(item, image=None)]
        vector, *alone = self.embed(views)
        by_picture, by_text = alone or (vector if picture else None, vector if text else None)
        return ReadItem(vector, by_picture, by_text, thumbnail_bytes(picture, _THUMBNAIL) if picture else None)

    def embed(self, items: Sequence[NewItem]) -> np.ndarray:
        """Vectors (B, D) float32.

        Raises:
            RequestError: an item has neither a picture nor a text.
            DatasetError: a picture cannot be read.
        """
        texts = [item.text() for item in items]
        pictures = [item.picture() for item in items]
        for place, (text, picture) in enumerate(zip(texts, pictures, strict=True)):
            if not text and picture is None:
                raise RequestError(f"item {place + 1} of {len(items)} is empty; give it a picture, a title or a text")
        parts = []
        for start in range(0, len(items), _BATCH):
            chosen = slice(start, start + _BATCH)
            parts.append(self.run(self.reader(texts[chosen], pictures[chosen])))
        return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)

    def run(self, inputs: ItemInputs) -> np.ndarray:
        """Vectors (B, D) float32 of what the reader made of some items."""
        vectors: np.ndarray = self._session.run(["item_vector"], dict(inputs.feed()))[0]
        return vectors
