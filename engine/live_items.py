"""Items that were added while the engine runs: in memory, found and filtered as those of catalog.db are."""

import re
import unicodedata
from collections.abc import Sequence

from molar.engine.catalog_item import CatalogItem, Where


class LiveItems(dict[int, CatalogItem]):
    """Added items by row, in order of their rows.

    Attributes:
        unlisted: rows of those that nobody finds who does not know of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unlisted: set[int] = set()

    def matching(self, text: str, where: Where | None) -> list[int]:
        """Rows of listed ones that have every word of `text` as a prefix and pass the filter."""
        wanted = words_of(text)
        return [
            item.row
            for item in list(self.values())
            if item.row not in self.unlisted
            and all(
                any(word.startswith(start) for word in words_of(f"{item.title} {item.description} {item.labels}"))
                for start in wanted
            )
            and all(_has(item, name, values) for name, values in (where or {}).items())
        ]

    def attribute_values(self, name: str) -> set[str]:
        """The values of an attribute that occur."""
        return {value for item in list(self.values()) for value in item.attributes.get(name, [])}


def _has(item: CatalogItem, name: str, values: str | Sequence[str]) -> bool:
    wanted = [values] if isinstance(values, str) else values
    return any(value in item.attributes.get(name, []) for value in wanted)


def _words(item: CatalogItem) -> list[str]:
    return words_of(f"{item.title} {item.description} {item.labels}")


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters without accents."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return re.findall(r"\w+", plain)
