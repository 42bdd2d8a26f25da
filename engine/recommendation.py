"""What a recommender answers with."""

from typing import NamedTuple


class Recommendation(NamedTuple):
    """An item of a ranked list.

    Attributes:
        item_id: its name outside of Molar.
        score: higher is better; comparable within one list.
        row: its line in the item tables.
    """

    item_id: str
    score: float
    row: int
