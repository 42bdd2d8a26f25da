"""Simulated browsing histories. The people here are made up; numbers measured on them say nothing about real shops.

What a person looks at next is drawn from a softmax over all products that they have not looked at, of a sum of likings:

seen in pictures and texts   two favourite styles, which drift; a favourite family of colours; how much they spend
seen in what came before     the room that they furnish, for a while; what goes with the last product's kind; its style
known from others alone      a hidden circle that each person belongs to, with products that its members love; hidden
                             sets of four products that are browsed together. No picture and no text tells of either.
everything else              how popular a product is, and noise

Dimensions: P people, N products.
"""

from dataclasses import dataclass

import numpy as np

from molar.assets.studio.kinds import ROOMS
from molar.assets.studio.palette import lightness_and_hue
from molar.assets.studio.products import Product
from molar.assets.studio.styles import STYLES

_CIRCLES, _LOVED = 12, 24
_SET_SIZE = 4
_SHORTEST, _LONGEST = 6, 24
_AT_ONCE = 2_000  # people
_GOES_WITH = {
    "mug": ("teapot", "kettle", "tray"), "teapot": ("mug", "tray", "jar"), "kettle": ("mug", "teapot", "jar"),
    "bowl": ("plate", "board"), "plate": ("bowl", "bottle", "candlestick"), "board": ("jar", "bowl"),
    "tray": ("bottle", "candle"), "bottle": ("tray", "plate"), "jar": ("board", "basket"),
    "vase": ("candlestick", "table"), "planter": ("stool", "basket"), "candle": ("candlestick", "tray"),
    "candlestick": ("candle", "vase"), "basket": ("planter", "pouf"), "clock": ("shelf", "mirror"),
    "mirror": ("shelf", "stool"), "print": ("clock", "lamp"), "shelf": ("print", "lamp", "planter"),
    "lamp": ("table", "speaker"), "pendant": ("table", "chair"), "chair": ("table", "pendant"),
    "armchair": ("lamp", "cushion", "pouf"), "stool": ("pendant", "shelf"), "table": ("chair", "rug", "vase"),
    "cushion": ("armchair", "rug"), "rug": ("cushion", "pouf", "table"), "pouf": ("rug", "armchair"),
    "speaker": ("shelf", "print"),
}  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """What the simulation knows of the products.

    Attributes:
        style: (N) numbers of styles.
        room: (N) numbers of rooms.
        family: (N) families of colours.
        price: (N) how dear a product is among its kind, in standard deviations.
        together: (N, N) liking of a product after another: what goes with its kind, its style, and hidden sets.
        appeal: (N) how popular.
        loved: (circles, N) liking of a hidden circle.
    """

    style: np.ndarray
    room: np.ndarray
    family: np.ndarray
    price: np.ndarray
    together: np.ndarray
    appeal: np.ndarray
    loved: np.ndarray


@dataclass(frozen=True)
class Simulation:
    """Histories, and how well the next product could be foreseen.

    Attributes:
        histories: numbers of products in browsing order, one array a person, without repeats.
        oracle: (P) rank of each person's last product by the simulation's own probabilities, 1 is best, among all that
            they had not looked at: what the best of all models could reach if it knew each person's mind.
    """

    histories: list[np.ndarray]
    oracle: np.ndarray


def simulate(products: list[Product], people: int, seed: int) -> Simulation:
    """So many people browse."""
    rng = np.random.default_rng([seed, 10])
    shop = _shop(products, rng)
    parts = [_browse(shop, min(_AT_ONCE, people - start), rng) for start in range(0, people, _AT_ONCE)]
    return Simulation(
        [history for part in parts for history in part.histories], np.concatenate([part.oracle for part in parts])
    )


def color_family(color: str) -> int:
    """Dark, pale, or one of four hues."""
    lightness, chroma, hue = lightness_and_hue(color)
    if lightness < 0.3:
        return 0
    if chroma < 0.2:
        return 1
    return 2 + int((hue + 1 / 12) % 1 * 4)


def _shop(products: list[Product], rng: np.random.Generator) -> Shop:
    styles = [style.name for style in STYLES]
    rooms = list(ROOMS)
    kinds = np.array([product.design.kind for product in products])
    style = np.array([styles.index(product.style) for product in products])
    dear = np.log([product.price for product in products])
    for kind in set(kinds.tolist()):
        same = kinds == kind
        dear[same] = (dear[same] - dear[same].mean()) / max(dear[same].std(), 1e-6)
    follows = np.array([[b in _GOES_WITH[a] for b in kinds] for a in kinds])
    together = 1.5 * follows + 0.7 * (style[:, None] == style) - 1.2 * (kinds[:, None] == kinds)
    count = len(products)
    whole = rng.permutation(count)[: count - count % _SET_SIZE]
    for members in whole.reshape(-1, _SET_SIZE):
        together[np.ix_(members, members)] += 3.2
    loved = np.zeros((_CIRCLES, count))
    for circle in loved:
        circle[rng.permutation(count)[:_LOVED]] = 2.4
    return Shop(
        style=style,
        room=np.array([rooms.index(product.room) for product in products]),
        family=np.array([color_family(product.design.color) for product in products]),
        price=dear,
        together=together,
        appeal=rng.gumbel(0, 0.7, count),
        loved=loved,
    )


def _browse(shop: Shop, people: int, rng: np.random.Generator) -> Simulation:
    count = len(shop.appeal)
    favourites = rng.permuted(np.tile(np.arange(len(STYLES)), (people, 1)), axis=1)[:, :2]
    family, budget = rng.integers(6, size=people), rng.normal(size=people)
    room = rng.integers(len(ROOMS), size=people)
    lengths = rng.integers(_SHORTEST, _LONGEST + 1, people)
    lasting = (
        shop.appeal + shop.loved[rng.integers(len(shop.loved), size=people)] + 0.9 * (shop.family == family[:, None])
    )
    lasting = lasting - 0.35 * (shop.price - budget[:, None]) ** 2
    seen = np.zeros((people, count), dtype=bool)
    chosen = np.full((people, _LONGEST), -1)
    oracle = np.zeros(people, np.int64)
    everyone = np.arange(people)
    for step in range(_LONGEST):
        drifts = rng.random(people) < 0.05
        favourites[drifts, 1] = rng.integers(len(STYLES), size=drifts.sum())
        moves = rng.random(people) < 0.15
        room[moves] = rng.integers(len(ROOMS), size=moves.sum())
        liking = lasting + 2.0 * (shop.style == favourites[:, :1]) + 1.0 * (shop.style == favourites[:, 1:])
        liking += 1.8 * (shop.room == room[:, None])
        if step:
            liking += shop.together[chosen[:, step - 1]]
        liking[seen] = -np.inf
        choice = np.argmax(liking + rng.gumbel(size=liking.shape), axis=1)
        last = lengths == step + 1
        oracle[last] = 1 + (liking[last] > liking[last, choice[last]][:, None]).sum(1)
        seen[everyone, choice] = True
        chosen[:, step] = choice
    return Simulation([line[:length] for line, length in zip(chosen, lengths, strict=True)], oracle)
