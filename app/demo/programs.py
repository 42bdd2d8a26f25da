"""The page's functions for other programs: an HTTP API for `gradio_client`, and tools over MCP."""

from typing import Any

from gradio.events import api

from molar.engine import Recommender


def add_programs(recommender: Recommender) -> None:
    """Declare the functions on the page that is being built; their docstrings are what programs and models read."""
    catalog = recommender.catalog

    def described(rows: list[int], scores: list[float] | None = None) -> list[dict[str, Any]]:
        items = catalog.items(rows)
        found: list[dict[str, Any]] = [
            {"item_id": i.item_id, "title": i.title, "attributes": i.attributes} for i in items
        ]
        for one, score in zip(found, scores or [], strict=False):
            one["score"] = round(score, 4)
        return found

    def recommend(history: list[str], k: int = 10, mode: str = "", where: dict[str, str] | None = None) -> list[dict]:
        """Recommend items for a browsing history.

        Args:
            history: item ids in browsing order, oldest first.
            k: how many items, 1 to 1,000.
            mode: the way of ranking, for example "aligned", "content" or "ids"; the best one if empty.
            where: attribute -> value that a recommended item must have.

        Returns:
            Items, best first: item_id, title, attributes, score.
        """
        found = recommender.recommend(history, k, where or None, mode or None)
        return described([one.row for one in found], [one.score for one in found])

    def explain(history: list[str], item_id: str, mode: str = "") -> dict:
        """Say why an item is recommended after a history.

        Args:
            history: item ids in browsing order, oldest first.
            item_id: the item that is asked about.
            mode: the way of ranking; the best one if empty.

        Returns:
            score: how far the item is above the mean of all; history: what the score loses without each event; sources:
            what the item's picture, its text, and who chose it bring to the score.
        """
        found = recommender.explain(history, item_id, mode or None)
        causes = [{"item_id": cause, "contribution": round(loss, 4)} for cause, loss in found.history]
        sources = {name: round(value, 4) for name, value in found.sources.items()}
        return {"score": round(found.score, 4), "history": causes, "sources": sources}

    def search(text: str = "", where: dict[str, str] | None = None, limit: int = 20, offset: int = 0) -> list[dict]:
        """Search the catalogue, most popular items first.

        Args:
            text: words of titles, descriptions and attributes; typing errors are forgiven. Empty finds everything.
            where: attribute -> value that an item must have.
            limit: how many items, at most 200.
            offset: how many to skip.

        Returns:
            Items: item_id, title, attributes.
        """
        return described(catalog.search(text, where or None, max(0, min(limit, 200)), max(0, offset)))

    def similar(item_id: str, k: int = 10) -> dict:
        """Find the items that are most like one.

        Args:
            item_id: an item of the catalogue.
            k: how many of each kind, at most 100.

        Returns:
            "picture": items that look like it; "text": items of which the same is said; "people": items that the same
            people chose. Scores are cosines.
        """
        found = recommender.similar(item_id, max(1, min(k, 100)))
        return {name: described([e.row for e in near], [e.score for e in near]) for name, near in found.items()}

    for function in (recommend, explain, search, similar):
        api(function, api_name=function.__name__)
