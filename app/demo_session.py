"""One visitor's browsing history. Plain values, so that Gradio can keep one for each visitor."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BrowsingHistory:
    """Rows in browsing order, oldest first. Every change returns a new history.

    Attributes:
        rows: of the items that were looked at.
    """

    rows: tuple[int, ...] = ()

    def add(self, row: int) -> "BrowsingHistory":
        """Look at an item; one that was looked at before moves to the end."""
        return BrowsingHistory((*(r for r in self.rows if r != row), row))

    def remove(self, place: int) -> "BrowsingHistory":
        """Take out the item at a place; nothing happens where there is none."""
        return BrowsingHistory(tuple(row for i, row in enumerate(self.rows) if i != place))

    def move(self, place: int, by: int) -> "BrowsingHistory":
        """Move the item at a place earlier (negative) or later; it stops at the ends."""
        if not 0 <= place < len(self.rows):
            return self
        rows = list(self.rows)
        row = rows.pop(place)
        rows.insert(max(0, min(place + by, len(rows))), row)
        return BrowsingHistory(tuple(rows))
