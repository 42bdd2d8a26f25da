"""The catalogue as a map on which near means alike, and a visit on it.

The places are t-SNE's, computed at export. What has none (a person, an added item) stands where what is nearest stands.
"""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from molar.engine import Recommender
from molar.engine.catalog import Catalog
from molar.engine.ranker import Ranked

WIDTH, HEIGHT = 1000, 680
_MARGIN = 24
_NEAREST = 3
_COMPARED = 1_000  # items, to choose what colours the map
_LEGEND = 30  # values of an attribute with a colour of their own; the others share grey
_GREY = "hsl(0 0% 62%)"
_SIGNS = "Numbers are your history, rings what is recommended; the star is you, amid what your vector scores highest."


class CatalogMap:
    """Places of the items of a bundle.

    Args:
        recommender: of the bundle.
    """

    def __init__(self, recommender: Recommender) -> None:
        self._recommender = recommender
        places = recommender.catalog.places
        scale = np.array([WIDTH - 2 * _MARGIN, HEIGHT - 2 * _MARGIN])
        self._at = {int(row): _MARGIN + np.array([x, y]) * scale for row, x, y in places}

    def __len__(self) -> int:
        return len(self._at)

    def telling(self, attributes: Sequence[str]) -> str | None:
        """The attribute that neighbours on the map share most often beyond chance; None if there is none to choose."""
        rows = list(self._at)[:_COMPARED]
        if len(rows) < 2 or not attributes:
            return next(iter(attributes), None)
        places = np.array([self._at[row] for row in rows])
        distance = np.linalg.norm(places[:, None] - places, axis=2)
        np.fill_diagonal(distance, np.inf)
        near = distance.argsort(axis=1)[:, :_NEAREST]
        items = self._recommender.catalog.items(rows)

        def beyond_chance(attribute: str) -> float:
            values = np.unique([item.attributes.get(attribute, [""])[0] for item in items], return_inverse=True)[1]
            chance = float(((np.bincount(values) / len(values)) ** 2).sum())
            return (float((values[near] == values[:, None]).mean()) - chance) / max(1 - chance, 1e-9)

        return max(attributes, key=beyond_chance)

    def points(self, attribute: str | None) -> str:
        """All items as dots in the colours of an attribute's values."""
        catalog = self._recommender.catalog
        colors = _colors(catalog, attribute)
        dots = []
        for item in catalog.items(list(self._at)):
            x, y = self._at[item.row]
            value = item.attributes.get(attribute or "", [""])[0]
            dots.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{colors.get(value, _GREY)}" data-action="look" '
                f'data-item="{escape(item.item_id)}" data-row="{item.row}" data-title="{escape(item.title)}"/>'
            )
        keys = "".join(
            f'<span><i style="background:{color}"></i>{escape(value)}</span>' for value, color in colors.items()
        )
        drawing = _svg("points", "".join(dots), f"Map of {len(dots)} items; those that are alike stand together")
        return f'{drawing}<div class="tip" hidden></div><p class="legend">{keys}</p><p class="signs">{_SIGNS}</p>'

    def visit(self, history: Sequence[int], ranked: Ranked | None) -> str:
        """The path of a history, the person, and what is recommended.

        Args:
            history: rows, oldest first.
            ranked: what is recommended after it; None for an empty one.
        """
        if ranked is None:
            return _svg("visit", "", "")
        path = [self._place(row) for row in history]
        known = [
            (self._at[row], score)
            for row, score in zip(ranked.rows.tolist(), ranked.scores, strict=True)
            if row in self._at
        ]
        parts = [
            f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in (at for at in path if at is not None))}"/>'
        ]
        for number, at in enumerate(path, start=1):
            if at is not None:
                parts.append(
                    f'<g class="step"><circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="11"/>'
                    f'<text x="{at[0]:.1f}" y="{at[1] + 4:.1f}">{number}</text></g>'
                )
        parts += [f'<circle class="next" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="10"/>' for at, _ in known]
        if known:
            scores = np.array([score for _, score in known], np.float64)
            weights = np.exp(scores - scores.max())
            x, y = np.average([at for at, _ in known], axis=0, weights=weights)
            parts.append(f'<g class="person" transform="translate({x:.1f} {y:.1f})"><path d="{_STAR}"/></g>')
        return _svg("visit", "".join(parts), "")

    def _place(self, row: int) -> np.ndarray | None:
        if row in self._at:
            return self._at[row]
        item_id = self._recommender.catalog.item_id(row)
        for near in self._recommender.similar(item_id, 50).values() if item_id else ():
            places = [self._at[each.row] for each in near if each.row in self._at][:_NEAREST]
            if places:
                return np.mean(places, axis=0)
        return None


_STAR = "M0 -15 L4 -5 L15 -4 L7 4 L9 15 L0 9 L-9 15 L-7 4 L-15 -4 L-4 -5 Z"


def _svg(kind: str, inside: str, label: str) -> str:
    said = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return f'<svg class="{kind}" viewBox="0 0 {WIDTH} {HEIGHT}" {said}>{inside}</svg>'


def _colors(catalog: Catalog, attribute: str | None) -> Mapping[str, str]:
    values = sorted(catalog.facets.get(attribute or "", [])[:_LEGEND])
    return {
        value: f"hsl({360 * i / len(values):.0f} {(70, 55)[i % 2]}% {(42, 60)[i % 2]}%)"
        for i, value in enumerate(values)
    }
