"""The drawn shop: 312 home goods in six styles, with titles, texts, attributes and pictures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from molar.assets.studio import furnishings as f
from molar.assets.studio import tableware as t
from molar.assets.studio.drawing import Color, Studio
from molar.assets.studio.look import Look

PER_KIND = 24
KINDS: dict[str, Callable[[Studio, Look, int], None]] = {
    "Mug": t.mug, "Bowl": t.bowl, "Vase": t.vase, "Lamp": f.lamp, "Candle": t.candle, "Clock": f.clock,
    "Plant": t.planter, "Cushion": f.cushion, "Rug": f.rug, "Chair": f.chair, "Table": f.table, "Mirror": f.mirror,
    "Teapot": t.teapot,
}  # fmt: skip

# Style -> named colours, accents, frame (name, colour), the adjectives that a shop would use.
_STYLES: dict[str, tuple[dict[str, Color], list[Color], tuple[str, Color], list[str]]] = {
    "Scandinavian": (
        {"chalk white": (238, 234, 226), "dusty blue": (126, 154, 168), "pale grey": (196, 198, 196)},
        [(122, 150, 154), (214, 186, 146)],
        ("birch", (206, 172, 128)),
        ["light", "airy", "quiet"],
    ),
    "Industrial": (
        {"graphite": (70, 74, 78), "concrete": (150, 150, 146), "rust": (152, 88, 58)},
        [(176, 110, 64), (206, 202, 192)],
        ("blackened steel", (44, 44, 46)),
        ["sturdy", "raw", "no-nonsense"],
    ),
    "Boho": (
        {"terracotta": (192, 98, 70), "ochre": (212, 158, 66), "plum": (126, 72, 92)},
        [(232, 196, 128), (92, 128, 116)],
        ("rattan", (176, 130, 78)),
        ["warm", "travelled", "layered"],
    ),
    "Mid-century": (
        {"mustard": (206, 156, 52), "teal": (52, 110, 112), "burnt orange": (204, 102, 48)},
        [(60, 98, 96), (238, 218, 176)],
        ("walnut", (116, 74, 46)),
        ["low-slung", "optimistic", "clean-lined"],
    ),
    "Japandi": (
        {"rice white": (232, 226, 214), "moss": (116, 124, 92), "clay": (176, 146, 122)},
        [(92, 92, 82), (200, 180, 150)],
        ("dark oak", (72, 56, 44)),
        ["calm", "hand-finished", "unhurried"],
    ),
    "Art deco": (
        {"midnight": (34, 44, 76), "emerald": (22, 98, 80), "ivory": (240, 232, 212)},
        [(204, 166, 84), (232, 222, 200)],
        ("brass", (190, 150, 72)),
        ["glamorous", "polished", "evening-ready"],
    ),
}
STYLES = tuple(_STYLES)
BRANDS = ("Norrvik", "Atelier Blum", "Tsuki", "Harrow & Finch", "Casa Lume", "Fjord", "Odeon", "Verdant")
_MATERIALS = {
    "Mug": ("stoneware", "porcelain"), "Bowl": ("stoneware", "wood"), "Vase": ("ceramic", "glass"),
    "Lamp": ("linen", "metal"), "Candle": ("soy wax", "beeswax"), "Clock": ("metal", "wood"),
    "Plant": ("terracotta", "glazed clay"), "Cushion": ("linen", "velvet"), "Rug": ("wool", "jute"),
    "Chair": ("wood", "upholstery"), "Table": ("wood", "metal"), "Mirror": ("glass", "glass"),
    "Teapot": ("cast iron", "porcelain"),
}  # fmt: skip
_FORMS = {
    "Mug": ("straight", "tapered", "rounded", "tall"), "Bowl": ("shallow", "deep", "flared", "footed"),
    "Vase": ("bottle", "round", "hourglass", "cylinder"), "Lamp": ("cone", "drum", "mushroom", "globe"),
    "Candle": ("jar", "tin", "pillar", "tall"), "Clock": ("round", "bold", "square", "sunburst"),
    "Plant": ("snake plant", "rubber tree", "cactus", "fountain grass"),
    "Cushion": ("square", "lumbar", "large", "classic"), "Rug": ("ladder", "diamond", "border", "round"),
    "Chair": ("shell", "ladder-back", "lounge", "stool"), "Table": ("pedestal", "hairpin", "drum", "round"),
    "Mirror": ("round", "arched", "tall", "shelf"), "Teapot": ("round", "low", "tall", "kettle"),
}  # fmt: skip
_ROOMS = {
    "Kitchen": ("Mug", "Bowl", "Teapot"), "Living room": ("Cushion", "Rug", "Chair", "Table", "Lamp"),
    "Decoration": ("Vase", "Candle", "Clock", "Mirror", "Plant"),
}  # fmt: skip
_PLACES = {"Kitchen": "kitchen", "Living room": "living room", "Decoration": "hallway or shelf"}
_PRICES = {
    "Mug": 16, "Bowl": 24, "Vase": 38, "Lamp": 89, "Candle": 19, "Clock": 59, "Plant": 34, "Cushion": 35, "Rug": 149,
    "Chair": 189, "Table": 229, "Mirror": 99, "Teapot": 54,
}  # fmt: skip
_SENTENCES = (
    "{A_mood} {kind} in {color}, made of {material} and {pattern_words}.",
    "The {form} shape and the {color} {finish} make this {kind} {a_mood} companion for the {room}.",
    "{Material}, {color}, {pattern_words}: our {mood} take on the {form} {kind}.",
    "Designed for {mood} rooms, this {form} {kind} comes in {color} with {frame} details.",
)
_PATTERN_TITLES = {"plain": "", "banded": "two-tone ", "speckled": "patterned ", "striped": "striped "}
_PATTERN_WORDS = {
    "plain": "left plain", "banded": "finished with a second colour", "speckled": "with a scattered pattern",
    "striped": "with even stripes",
}  # fmt: skip


@dataclass(frozen=True)
class Product:
    """One product of the drawn shop."""

    item_id: str
    kind: str
    style: str
    color: str
    form: int
    pattern: str
    brand: str
    material: str
    price: int
    title: str
    description: str
    look: Look

    @property
    def room(self) -> str:
        """Where it belongs."""
        return next(room for room, kinds in _ROOMS.items() if self.kind in kinds)

    def draw(self, rng: np.random.Generator) -> Image.Image:
        """Its picture; the backdrop's tint is random, so that it says nothing about the style."""
        backdrop = tuple(int(v) for v in np.array((236, 231, 225)) + rng.integers(-2, 3, 3))
        studio = Studio(backdrop, rng)  # type: ignore[arg-type]
        KINDS[self.kind](studio, self.look, self.form)
        return studio.finish()


def make_products(rng: np.random.Generator) -> list[Product]:
    """All products; no two share kind, style, colour, form and pattern."""
    products = []
    for kind in KINDS:
        taken: set[tuple[str, str, int, str]] = set()
        for number in range(PER_KIND):
            style = STYLES[number % len(STYLES)]
            colors, accents, (frame_name, frame), moods = _STYLES[style]
            while True:
                color, form = str(rng.choice(list(colors))), int(rng.integers(4))
                pattern = str(rng.choice(list(_PATTERN_WORDS), p=[0.4, 0.2, 0.2, 0.2]))
                if (style, color, form, pattern) not in taken:
                    taken.add((style, color, form, pattern))
                    break
            accent = accents[int(rng.integers(len(accents)))]
            material = _MATERIALS[kind][int(rng.integers(2))]
            form_name = _FORMS[kind][form]
            mood = str(rng.choice(moods))
            article = "an " if mood[0] in "aeiou" else "a "
            words = {
                "kind": kind.lower(), "color": color, "material": material, "Material": material.capitalize(),
                "form": form_name, "mood": mood, "a_mood": article + mood, "A_mood": article.capitalize() + mood,
                "frame": frame_name, "finish": rng.choice(["finish", "tone"]),
                "pattern_words": _PATTERN_WORDS[pattern],
                "room": _PLACES[next(room for room, kinds in _ROOMS.items() if kind in kinds)],
            }  # fmt: skip
            noun = form_name if form_name.endswith(("stool", "kettle")) else f"{form_name} {kind.lower()}"
            noun = form_name if kind == "Plant" else noun
            products.append(
                Product(
                    item_id=f"{kind.lower()}-{number + 1:02d}",
                    kind=kind,
                    style=style,
                    color=color,
                    form=form,
                    pattern=pattern,
                    brand=str(rng.choice(BRANDS)),
                    material=material,
                    price=round(_PRICES[kind] * float(rng.uniform(0.7, 1.5))),
                    title=f"{_PATTERN_TITLES[pattern]}{color} {noun}".capitalize(),
                    description=str(rng.choice(_SENTENCES)).format(**words),
                    look=Look(colors[color], accent, frame, pattern),
                )
            )
    return products
