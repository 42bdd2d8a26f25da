"""Items as the item encoder reads them: one piece of code for training, export and live items.

Dimensions: B items, S pixels, L tokens of the longest text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from tokenizers import Tokenizer

from molar.engine.images import square_pixels
from molar.engine.text import TextReader


@dataclass(frozen=True)
class Preprocessing:
    """All that turns a picture and a text into the graph's inputs; stands in the bundle's manifest.

    Attributes:
        image_size: S; pictures are fitted into a white square of so many pixels, values in [-1, 1].
        text_tokens: longer texts are cut.
        prefix: before each text: the instruction, and special tokens by name.
        suffix: after each text.
        padding_id: token id where there is no token.
    """

    image_size: int
    text_tokens: int
    prefix: str
    suffix: str
    padding_id: int


@dataclass(frozen=True)
class ItemInputs:
    """B items, ready for the item encoder.

    Attributes:
        pixels: (B, 3, S, S) float32, zeros where there is no picture.
        has_picture: (B,) bool.
        token_ids: (B, L) int64, padded on the right.
        token_mask: (B, L) int64, 1 where there is a token.
    """

    pixels: np.ndarray
    has_picture: np.ndarray
    token_ids: np.ndarray
    token_mask: np.ndarray

    def feed(self) -> Mapping[str, np.ndarray]:
        """By the names of the graph's inputs."""
        return vars(self)


class ItemReader:
    """Pictures and texts -> `ItemInputs`; safe to call from many threads.

    Args:
        tokenizer: of the language model.
        preprocessing: the facts.
    """

    def __init__(self, tokenizer: Tokenizer, preprocessing: Preprocessing) -> None:
        self.preprocessing = preprocessing
        self.read_texts = TextReader(
            tokenizer,
            preprocessing.prefix,
            preprocessing.suffix,
            preprocessing.text_tokens,
            preprocessing.padding_id,
        )

    def __call__(self, texts: Sequence[str], pictures: Sequence[Image.Image | None]) -> ItemInputs:
        """Read B items.

        Args:
            texts: of `item_text`; an empty one is an item without text.
            pictures: of `open_image`; None is an item without a picture.
        """
        token_ids, token_mask = self.read_texts(texts)
        has_picture = np.array([picture is not None for picture in pictures], dtype=bool)
        return ItemInputs(self.read_pictures(pictures), has_picture, token_ids, token_mask)

    def read_pictures(self, pictures: Sequence[Image.Image | None]) -> np.ndarray:
        """(B, 3, S, S) float32 pixels."""
        size = self.preprocessing.image_size
        pixels = np.zeros((len(pictures), 3, size, size), dtype=np.float32)
        for place, picture in zip(pixels, pictures, strict=True):
            if picture is not None:
                place[:] = square_pixels(picture, size)
        return pixels
