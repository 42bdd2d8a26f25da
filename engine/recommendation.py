"""What a recommender answers with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recommendation:
    """An item of a ranked list.

    Attributes:
        item_id: its name outside of Molar.
        score: higher is better; comparable within one list.
        row: its line in the item tables.
    """

    item_id: str
    score: float
    row: int
