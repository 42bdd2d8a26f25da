"""What the service is asked and answers, as JSON."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

LONGEST_HISTORY, MOST = 500, 1000  # items that are taken, items that are returned
_LONGEST_ID, _LONGEST_TITLE, _LONGEST_TEXT = 200, 200, 4000

ItemId = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_ID)]
Values = Annotated[list[Annotated[str, StringConstraints(max_length=_LONGEST_TEXT)]], Field(max_length=100)]
Attributes = Annotated[dict[ItemId, Values], Field(max_length=50)]


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Recommend(_Question):
    """Who is asked about, and what may be recommended."""

    history: list[ItemId] = Field(min_length=1, max_length=LONGEST_HISTORY, description="ids, the oldest first")
    k: int = Field(10, ge=1, le=MOST)
    where: Attributes = Field({}, description="attribute -> values, of which an item must have one")
    mode: str | None = Field(None, description="aligned, content or ids; the bundle's first if not given")
    exclude: list[ItemId] = Field([], max_length=MOST, description="ids that are not recommended")
    exclude_seen: bool = Field(True, description="leave out what the history holds")
    details: bool = Field(False, description="also title and attributes of each")


class Explain(_Question):
    """Which item is asked about, after which history."""

    history: list[ItemId] = Field(min_length=1, max_length=LONGEST_HISTORY, description="ids, the oldest first")
    item_id: ItemId
    mode: str | None = None


class NewItem(_Question):
    """An item that the bundle does not have; its picture or its texts, or both."""

    item_id: ItemId
    title: str = Field("", max_length=_LONGEST_TITLE)
    description: str = Field("", max_length=_LONGEST_TEXT)
    attributes: Attributes = {}
    image: str | None = Field(None, description="a file of a picture, in base64")


class RecommendedItem(BaseModel):
    """One of a list."""

    item_id: str
    score: float
    title: str | None = None
    attributes: dict[str, list[str]] | None = None


class Recommended(BaseModel):
    """The best first."""

    items: list[RecommendedItem]
    mode: str
    bundle: str
    milliseconds: float


class Cause(BaseModel):
    """An event of the history, and what the score loses without it."""

    item_id: str
    contribution: float


class Explained(BaseModel):
    """How far the item is above the mean of all, and what brings it there."""

    score: float
    history: list[Cause]
    sources: dict[str, float]


class Item(BaseModel):
    """One item of the catalogue."""

    item_id: str
    title: str
    description: str
    attributes: dict[str, list[str]]
    popularity: int


class Health(BaseModel):
    """Whether the service answers, and with what."""

    status: str
    bundle: str
    created: str
    device: str
    precision: str
    items: int


class Refusal(BaseModel):
    """Why there is no answer."""

    detail: str
