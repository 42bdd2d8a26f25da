"""Texts as every part of Molar reads them: what an item's text is, and its tokens.

Dimensions: B texts, L tokens of the longest.
"""

import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
from tokenizers import Tokenizer

ATTRIBUTE_CHARACTERS = 80
"""A longer value of an attribute (forty writers of one film) is cut, so that it leaves room for the description."""

_CHARACTERS_PER_TOKEN = 24  # nothing beyond this many characters a token can be reached, so it is not tokenised


def item_text(title: str, attributes: Mapping[str, str], description: str) -> str:
    """What the item encoder reads of an item: title, attributes by name, then the description, which is cut first.

    Control characters become spaces, and characters that are no text (lone surrogates) question marks.
    """
    values = {name: clean_text(value) for name, value in attributes.items()}
    parts = [
        clean_text(title),
        *(f"{name}: {value[:ATTRIBUTE_CHARACTERS].rstrip()}" for name, value in values.items() if value),
        clean_text(description),
    ]
    return ". ".join(part for part in parts if part)


def clean_text(text: str) -> str:
    """One line without control characters, any run of white space as one space."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    # Zero-width joiners hold emoji together and direction marks right-to-left text: those (Cf) stay.
    visible = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)
    return " ".join(visible.split())


class TextReader:
    """Texts -> token ids, between a fixed beginning and a fixed end.

    Args:
        tokenizer: of the language model; names of special tokens inside a text are read as plain words.
        prefix: put before each text, special tokens by name; not counted in `max_tokens`.
        suffix: put after each text, likewise.
        max_tokens: longer texts are cut.
        padding_id: stands where there is no token.
    """

    def __init__(self, tokenizer: Tokenizer, prefix: str, suffix: str, max_tokens: int, padding_id: int) -> None:
        self.max_tokens = max_tokens
        self.padding_id = padding_id
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._tokenizer.encode_special_tokens = False
        self._prefix = self._tokenizer.encode(prefix, add_special_tokens=False).ids
        self._suffix = self._tokenizer.encode(suffix, add_special_tokens=False).ids
        self._tokenizer.encode_special_tokens = True

    def __call__(self, texts: Sequence[str], max_tokens: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Token ids and mask, each (B, L) int64, padded on the right; the mask is 1 where there is a token.

        Args:
            texts: any; an empty one has prefix and suffix only.
            max_tokens: fewer than `self.max_tokens`.
        """
        most = min(max_tokens or self.max_tokens, self.max_tokens)
        shortened = [text[: most * _CHARACTERS_PER_TOKEN] for text in texts]
        encoded = self._tokenizer.encode_batch_fast(shortened, add_special_tokens=False)
        lists = [self._prefix + one.ids[:most] + self._suffix for one in encoded]
        ids = np.full((len(lists), max(map(len, lists), default=0)), self.padding_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for line, kept, tokens in zip(ids, mask, lists, strict=True):
            line[: len(tokens)] = tokens
            kept[: len(tokens)] = 1
        return ids, mask
