"""The shop's products: 28 kinds in seven styles, 26 of each, and 40 that no model is trained on."""

from dataclasses import dataclass

import numpy as np

from molar.assets.studio.design import Design
from molar.assets.studio.kinds import FORM_MATERIALS, FORMS, MATERIALS, PRICES, ROOMS
from molar.assets.studio.palette import OWN, WEAVES, WOODS
from molar.assets.studio.styles import LETTERS, STYLES, Style
from molar.assets.studio.wording import NOUNS, write

SEED = 0
PER_KIND = 26
HELD_OUT = 40
BRANDS = (
    "Norrvik", "Atelier Blum", "Tsuki", "Harrow & Finch", "Casa Lume", "Fjord", "Odeon", "Verdant", "Kiln & Co",
    "Bauer & Sohn", "Maison Perle", "Oxbow",
)  # fmt: skip
_NAMES = {
    "clay": "terracotta", "paint": "painted wood", "lacquer": "lacquered steel", "canvas": "cotton", "boucle": "bouclé",
    "knit": "knitted wool", "pile": "wool", "wax": "beeswax",
}  # fmt: skip
_NATURAL = {"straw": "#c9a365", "seagrass": "#b49a63", "natural rattan": "#c08e4f", "smoked rattan": "#7d5636"}
_HIDES = {"tan": "#a8713f", "cognac": "#8a4b26", "black": "#2a2727", "chestnut": "#5f3722"}
_GLASSES = {"clear": "#ffffff", "smoke": "#a9a39c", "amber": "#d9963f", "sea green": "#9fd0b8", "blue": "#9dbfdc"}
_LIQUIDS = ("#c9792c", "#8f2f33", "#d6b25a")
_DIALS = {"D": ("roman", "ticks"), "R": ("roman", "numerals"), "I": ("numerals", "ticks")}
_UNSEEN = {
    "apricot": "#e39b6d", "periwinkle": "#8389c4", "pistachio": "#a9bf7c", "raspberry": "#a8365a", "petrol": "#1d4f63",
    "lemon": "#e3cf5a", "mauve": "#a687a0", "cocoa": "#5d4034",
}  # fmt: skip
_UNSEEN_FORMS = {"mug": ("barrel", "bell")}


@dataclass(frozen=True)
class Product:
    """One product of the shop; `style`, `color`, `material` and `pattern` are what its picture shows."""

    item_id: str
    design: Design
    style: str
    color: str
    material: str
    brand: str
    price: int
    title: str
    description: str

    @property
    def category(self) -> str:
        """Its kind, as the shop says it."""
        return NOUNS[self.design.kind].capitalize()

    @property
    def room(self) -> str:
        """Where it belongs."""
        return room_of(self.design.kind)


def room_of(kind: str) -> str:
    """The room of a kind."""
    return next(room for room, kinds in ROOMS.items() if kind in kinds)


def make_products(seed: int) -> list[Product]:
    """All 728, kind by kind; no two share a title, nor kind, style, form, colour, materials, relief and pattern."""
    products, titles = [], set[str]()
    for place, kind in enumerate(FORMS):
        rng = np.random.default_rng([seed, 1, place])
        looks = set[tuple[str, ...]]()
        for number in range(PER_KIND):
            style = STYLES[(number + place) % len(STYLES)]
            for turn in range(number // len(STYLES), 200):
                design, color = _design(kind, style, turn, rng)
                look = (style.name, design.form, color, design.material, design.frame, design.relief, design.pattern)
                if look not in looks:
                    break
            else:
                raise ValueError(f"{style.name} has too few looks for {PER_KIND} of {kind}")
            looks.add(look)
            words = np.random.default_rng([seed, 2, place, number])
            products.append(_product(f"{kind}-{number + 1:02d}", design, style, color, titles, words))
    return products


def make_held_out(seed: int) -> list[Product]:
    """40 more of the same kinds, in colours that the shop does not have and in other proportions; some in new forms."""
    titles, products = {product.title for product in make_products(seed)}, []
    rng = np.random.default_rng([seed, 3])
    kinds = [*FORMS, *rng.permutation(list(FORMS))[: HELD_OUT - len(FORMS)].tolist()]
    for number, kind in enumerate(kinds):
        style = STYLES[int(rng.integers(len(STYLES)))]
        design, color = _design(kind, style, int(rng.integers(9)), rng, unseen=True)
        words = np.random.default_rng([seed, 4, number])
        products.append(_product(f"new-{kind}-{number + 1:02d}", design, style, color, titles, words))
    return products


def _design(kind: str, style: Style, turn: int, rng: np.random.Generator, unseen: bool = False) -> tuple[Design, str]:
    """A look, and the name of its colour."""
    letter = LETTERS[style.name]
    forms = [form for form, letters in FORMS[kind].items() if letter in letters]
    forms = list(_UNSEEN_FORMS.get(kind, forms)) if unseen else forms
    form = forms[turn % len(forms)]
    material, color_name, color = _body(kind, form, letter, style, _UNSEEN if unseen else style.colors, rng)
    relief, pattern = _relief_and_pattern(kind, form, material, style, rng)
    low, high = (0.8, 1.25) if unseen else (0.93, 1.08)
    others = [accent for accent in style.accents if accent != color]
    accent, third = (str(value) for value in rng.permutation(others)[:2])
    if kind == "bottle" and material == "glass":
        accent = str(rng.choice(_LIQUIDS))
    frame = str(rng.choice(style.metals if _has_metal(kind, form, letter, rng) else style.woods))
    tint = np.array([226, 223, 218]) + rng.integers(-4, 5) + rng.integers(-2, 3, 3)
    design = Design(
        kind=kind,
        form=form,
        color=OWN[frame] if kind == "mirror" else color,
        accent=accent,
        third=third,
        material=material,
        finish="gloss" if form == "enamel" or kind == "kettle" else str(rng.choice(style.finishes)),
        frame=frame,
        relief=relief,
        pattern=pattern,
        girth=round(float(rng.uniform(low, high)), 3),
        height=round(float(rng.uniform(low, high)), 3),
        seed=int(rng.integers(1_000_000)),
        backdrop="#" + "".join(f"{int(value):02x}" for value in tint),
    )
    return design, frame if kind == "mirror" else color_name


def _product(
    item_id: str, design: Design, style: Style, color: str, titles: set[str], rng: np.random.Generator
) -> Product:
    """The look as something on sale, with a title that is not among `titles` yet."""
    material, room = _material_name(design), room_of(design.kind)
    names = {"color": color, "material": material, "style": style.name, "room": room}
    brand = BRANDS[int(rng.integers(len(BRANDS)))]
    dear = 1.25 if "marble" in material or material == "leather" else 1.0
    price = max(9, round(PRICES[design.kind] * float(rng.uniform(0.7, 1.45)) * dear / 5) * 5 - 1)
    title, description = write(design, names, style.moods, rng)
    while title in titles:
        title, description = write(design, names, style.moods, rng)
    titles.add(title)
    return Product(item_id, design, style.name, color, material, brand, price, title, description)


def _body(
    kind: str, form: str, letter: str, style: Style, colors: dict[str, str], rng: np.random.Generator
) -> tuple[str, str, str]:
    """Material, name of its colour, the colour."""
    material = FORM_MATERIALS.get((kind, form)) or str(
        rng.choice([material for material, letters in MATERIALS[kind].items() if letter in letters])
    )
    if form == "scalloped" or (kind, form) == ("plate", "upright"):
        material = "ceramic"
    chosen = {"wood": style.woods, "metal": style.metals, "weave": style.weaves}.get(material, (material,))
    material = str(rng.choice([one for one in chosen if one != "white steel"]))
    named = {
        "glass": _GLASSES, "leather": _HIDES, "rattan": _NATURAL,
        "opal glass": {"opal": "#f3e2c0", "amber": "#dca052", "rose": "#dfa594", "sea green": "#9fc7ae"},
        "wax": {"ivory": "#efe3c8", "honey": "#d8a44e", **style.colors},
        "clay": {"terracotta": "#b9684a", "pale terracotta": "#cf9474", "brown clay": "#8a5a43"},
        "concrete": {"pale grey": "#bdbbb6", "grey": "#8f8f8d", "charcoal": "#55565a"},
    }.get(material, colors)  # fmt: skip
    if material in OWN:
        return material, material, OWN[material]
    if kind == "basket" and rng.random() < 0.25:
        named = colors
    name = str(rng.choice(list(named)))
    return material, name, named[name]


def _relief_and_pattern(kind: str, form: str, material: str, style: Style, rng: np.random.Generator) -> tuple[str, str]:
    relief = pattern = ""
    turned = ("mug", "bowl", "teapot", "bottle", "jar", "vase", "planter", "lamp", "candle", "candlestick")
    if kind in turned and form not in ("enamel", "scalloped", "three arms", "on legs", "low", "dome", "arm"):
        relief = str(rng.choice(style.reliefs))
    if "marble" in material or (material == "glass" and relief == "wobble"):
        relief = ""
    if kind == "print":
        return "", str(rng.choice(style.prints))
    if kind == "clock":
        return "", str(rng.choice(_DIALS.get(LETTERS[style.name], ("ticks", "dots", "ticks"))))
    if kind == "board" and material in WOODS:
        pattern = str(rng.choice(["", "", "inlay"]))
    elif kind == "basket":
        pattern = str(rng.choice(["", "bands", "dipped"]))
    elif material == "ceramic" and kind not in ("lamp", "pendant", "kettle") and form != "scalloped":
        pattern = str(rng.choice(style.glazes))
        if kind in ("bowl", "plate") and pattern not in ("speckled", "bands", "dots", "pinstripes"):
            pattern = ""
    elif material in WEAVES and kind in ("cushion", "rug", "pouf"):
        pattern = str(rng.choice(style.cloths))
        if kind == "rug" and rng.random() < 0.6:
            pattern = str(rng.choice([name for name in style.cloths if name]))
        if material in ("velvet", "knit", "boucle") and kind != "rug" and rng.random() < 0.6:
            pattern = ""
    if kind == "cushion" and style.name == "Boho" and form == "square":
        relief = str(rng.choice(["tassels", ""]))
    if kind != "cushion" and pattern not in ("", "speckled", "dipped"):
        relief = ""
    return relief, pattern


def _has_metal(kind: str, form: str, letter: str, rng: np.random.Generator) -> bool:
    """Whether legs, frames and fittings are of metal."""
    if kind in ("pendant", "lamp"):
        return form != "tripod"
    if kind in ("chair", "armchair", "stool") and form not in ("shell", "tub", "club", "bar", "padded"):
        return False
    if kind in ("board", "basket", "jar"):
        return letter == "D"
    return bool(rng.random() < {"S": 0.15, "J": 0.1, "I": 0.9, "M": 0.3, "B": 0.15, "D": 0.9, "R": 0.25}[letter])


def _material_name(design: Design) -> str:
    if design.kind == "mirror":
        return design.frame
    if design.kind == "print":
        return "paper"
    if design.material == "ceramic":
        if design.form == "enamel" or design.kind == "kettle":
            return "enamelled steel"
        return "porcelain" if design.finish == "gloss" else "stoneware"
    return _NAMES.get(design.material, design.material)
