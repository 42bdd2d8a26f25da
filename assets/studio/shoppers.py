"""Simulated browsing histories. The people here are made up; numbers measured on them say nothing about real shops.

A shopper likes one style most and another a little, furnishes one room at a time, stays with a colour, and has a
favourite brand. Four hidden circles of people also share a set of cult products, which no picture and no text gives
away: only IDs can learn them.
"""

import numpy as np

from molar.assets.studio.products import BRANDS, STYLES, Product

_CIRCLES = 4
_CULT_PRODUCTS = 20


def make_histories(products: list[Product], people: int, rng: np.random.Generator) -> list[list[int]]:
    """Indices of products in browsing order, one list a person, 8 to 30 long, without repeats."""
    styles = np.array([STYLES.index(p.style) for p in products])
    brands = np.array([BRANDS.index(p.brand) for p in products])
    rooms = np.array([room_number(p.room) for p in products])
    kinds = np.array([p.kind for p in products])
    appeal = rng.gumbel(0, 0.6, len(products))
    cult = np.stack([rng.permutation(len(products))[:_CULT_PRODUCTS] for _ in range(_CIRCLES)])
    histories = []
    for _ in range(people):
        taste = np.zeros(len(STYLES))
        first, second = rng.choice(len(STYLES), 2, replace=False)
        taste[first], taste[second] = 2.6, 1.2
        liking = appeal + taste[styles] + 1.1 * (brands == rng.integers(len(BRANDS)))
        liking[cult[rng.integers(_CIRCLES)]] += 2.2
        room = rng.integers(3)
        history: list[int] = []
        for _ in range(int(rng.integers(8, 31))):
            if rng.random() < 0.15:
                room = rng.integers(3)
            score = liking + 1.6 * (rooms == room)
            if history:  # people rarely look at two of a kind in a row, and stay with a colour
                score = score - 1.0 * (kinds == kinds[history[-1]])
                score = score + 0.8 * np.array([p.color == products[history[-1]].color for p in products])
                score[history] = -np.inf
            history.append(int(np.argmax(score + rng.gumbel(0, 1, len(products)))))
        histories.append(history)
    return histories


def room_number(room: str) -> int:
    """Rooms as 0, 1, 2."""
    return ("Kitchen", "Living room", "Decoration").index(room)
