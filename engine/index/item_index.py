"""What a search for items beyond one machine has to offer.

Dimensions: N items of a bundle, W width of a row.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from molar.engine.catalog import Catalog
from molar.engine.errors import UnavailableError

_AT_ONCE = 1_000  # items


@dataclass(frozen=True)
class Near:
    """What is looked for.

    Attributes:
        vector: (W,) float32; items with the largest dot products are found.
        count: how many.
        without: rows that are left out.
        labels: of each of these groups an item must have one; see `label`.
    """

    vector: np.ndarray
    count: int
    without: Sequence[int] = ()
    labels: Sequence[Sequence[int]] = ()


class ItemIndex(Protocol):
    """The vectors of a bundle's items in each mode, searched somewhere else, perhaps approximately.

    Every method raises UnavailableError when the index does not answer.
    """

    def __len__(self) -> int:
        """How many items it holds."""

    def put(self, rows: Sequence[int], vectors: Mapping[str, np.ndarray], labels: Sequence[Sequence[int]]) -> None:
        """Add items, or put others in the place of those with the same rows.

        Args:
            rows: of the catalogue.
            vectors: mode -> (len(rows), W) float32.
            labels: of each item, see `label`.
        """

    def nearest(self, mode: str, wanted: Sequence[Near]) -> list[np.ndarray]:
        """Rows that were found for each, int64, best first; fewer than wanted where fewer may be found."""

    def close(self) -> None:
        """Let go of it; a local folder can then be opened by others."""


def label(attribute: str, value: str) -> int:
    """An attribute's value as a number, 0 to 2**63 - 1, so that no index has to read our texts in its filters."""
    return int.from_bytes(hashlib.sha256(f"{attribute}\0{value}".encode()).digest()[:8], "big") >> 1


@contextmanager
def answering(name: str) -> Iterator[None]:
    """What goes wrong in the block becomes an UnavailableError: clients' local and remote forms share no errors."""
    try:
        yield
    except UnavailableError:
        raise
    except Exception as error:
        raise UnavailableError(f"{name}: {error}") from error


def fill(
    index: ItemIndex,
    tables: Mapping[str, np.ndarray],
    catalog: Catalog,
    say: Callable[[int, int], None] = lambda *_: None,
) -> None:
    """Put every item of a bundle into an index.

    Args:
        index: empty, or filled with the same items before.
        tables: mode -> (N or more, W) float32.
        catalog: of the bundle.
        say: is told how many are there, of how many.

    Raises:
        UnavailableError: the index does not answer.
    """
    items = len(catalog.item_ids)
    for begin in range(0, items, _AT_ONCE):
        rows = range(begin, min(begin + _AT_ONCE, items))
        labels = [
            [label(name, value) for name, values in item.attributes.items() for value in values]
            for item in catalog.items(rows)
        ]
        index.put(rows, {mode: table[rows.start : rows.stop] for mode, table in tables.items()}, labels)
        say(rows.stop, items)
