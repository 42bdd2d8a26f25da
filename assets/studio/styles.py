"""The seven design styles: what each is made of, and which forms it prefers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """What products of a style look like.

    Attributes:
        name: as the shop says it.
        colors: name -> "#rrggbb".
        accents: of second colours.
        woods: of its furniture; `palette.WOODS`.
        metals: `palette.METALS` or `palette.PAINTED`.
        finishes: of its glazes.
        reliefs: of its turned bodies; "" is smooth.
        glazes: patterns of its stoneware.
        cloths: patterns of its textiles.
        prints: patterns of its framed prints.
        weaves: of its textiles.
        moods: words that a shop says of it.
    """

    name: str
    colors: dict[str, str]
    accents: tuple[str, ...]
    woods: tuple[str, ...]
    metals: tuple[str, ...]
    finishes: tuple[str, ...]
    reliefs: tuple[str, ...]
    glazes: tuple[str, ...]
    cloths: tuple[str, ...]
    prints: tuple[str, ...]
    weaves: tuple[str, ...]
    moods: tuple[str, ...]


STYLES = (
    Style(
        "Scandinavian",
        {
            "chalk white": "#efece5",
            "dusty blue": "#8fa9b8",
            "pale grey": "#c3c5c4",
            "blush": "#e0b9ad",
            "soft mint": "#b3cdbf",
        },
        ("#e9e3d6", "#7f98a5", "#d6b792", "#8d9a90"),
        ("birch", "ash"),
        ("white steel", "black steel"),
        ("satin", "matte"),
        ("", "", "ribs"),
        ("", "", "dipped", "dots", "pinstripes"),
        ("", "grid", "chevron", "stripes", "dots"),
        ("lines", "print", "leaves"),
        ("knit", "linen", "boucle"),
        ("light", "airy", "quiet", "fresh", "uncluttered"),
    ),
    Style(
        "Japandi",
        {"rice white": "#e6dfd0", "moss": "#7c8462", "clay beige": "#b89d86", "charcoal": "#45433f", "oat": "#cbb99c"},
        ("#5b574c", "#d8cdb8", "#9a8a72", "#2f2d2a"),
        ("bamboo", "dark oak"),
        ("black steel", "cast iron"),
        ("matte",),
        ("wobble", "wobble", ""),
        ("", "speckled", "dipped", "speckled"),
        ("", "pebbles", "pinstripes", ""),
        ("pebbles", "lines"),
        ("linen", "canvas", "boucle"),
        ("calm", "hand-finished", "unhurried", "grounded", "balanced"),
    ),
    Style(
        "Industrial",
        {
            "graphite": "#4a4d50",
            "concrete grey": "#a3a3a0",
            "rust": "#95512f",
            "ink black": "#26272a",
            "steel blue": "#586b78",
        },
        ("#26272a", "#b0703f", "#cfcac0", "#8a8c8c"),
        ("reclaimed wood", "dark oak"),
        ("black steel", "gunmetal", "steel", "copper"),
        ("matte", "satin"),
        ("", "facets", ""),
        ("", "bands", "dipped"),
        ("", "stripes", "grid", "checks"),
        ("print", "grid"),
        ("canvas", "canvas", "linen"),
        ("sturdy", "raw", "no-nonsense", "hard-wearing", "workshop-born"),
    ),
    Style(
        "Mid-century",
        {"mustard": "#d19a2e", "teal": "#2a7474", "burnt orange": "#c9652c", "olive": "#76743a", "cream": "#efe2c6"},
        ("#2f5f60", "#efe2c6", "#b5482a", "#3a3531"),
        ("walnut", "teak"),
        ("brass", "black steel"),
        ("gloss", "gloss", "satin"),
        ("", "", "ribs"),
        ("", "bands", "diamonds", "checks"),
        ("", "diamonds", "leaves", "chevron"),
        ("print", "pebbles", "diamonds"),
        ("boucle", "canvas", "velvet"),
        ("low-slung", "optimistic", "clean-lined", "lively", "atomic-age"),
    ),
    Style(
        "Boho",
        {"terracotta": "#bd6547", "ochre": "#cf9a42", "plum": "#7b4660", "sand": "#d9c29c", "turquoise": "#4d9a97"},
        ("#f0e2c4", "#8e3d2b", "#d99a3d", "#44706a"),
        ("bamboo", "teak"),
        ("copper", "bronze"),
        ("satin", "matte"),
        ("wobble", "", ""),
        ("", "kilim", "leaves", "arches"),
        ("kilim", "arches", "medallion", "diamonds"),
        ("arches", "leaves", "print"),
        ("canvas", "linen", "knit"),
        ("warm", "well-travelled", "layered", "free-spirited", "sun-baked"),
    ),
    Style(
        "Art deco",
        {"midnight": "#22304f", "emerald": "#1f6650", "ivory": "#efe6d0", "burgundy": "#6b2233", "onyx": "#1f1f22"},
        ("#d2ad74", "#efe6d0", "#c89f5a", "#1f1f22"),
        ("ebony", "cherry"),
        ("gold", "brass", "chrome"),
        ("gloss",),
        ("facets", "flutes", ""),
        ("", "fans", "rays", "fans"),
        ("fans", "rays", "greek", ""),
        ("fans", "rays"),
        ("velvet",),
        ("glamorous", "polished", "evening-ready", "opulent", "streamlined"),
    ),
    Style(
        "Rustic",
        {
            "farmhouse white": "#e5dccb",
            "barn red": "#8f3529",
            "forest": "#3d5a41",
            "honey": "#c08b44",
            "slate": "#66707a",
        },
        ("#e5dccb", "#5e4630", "#8f3529", "#3d5a41"),
        ("pine", "oak"),
        ("cast iron", "bronze"),
        ("satin",),
        ("", "ribs", "wobble"),
        ("", "speckled", "checks", "bands"),
        ("tartan", "checks", "stripes", "border"),
        ("leaves", "tartan"),
        ("linen", "canvas", "pile"),
        ("hearty", "time-worn", "country", "honest", "homespun"),
    ),
)

LETTERS = dict(zip((style.name for style in STYLES), "SJIMBDR", strict=True))
"""Style -> its letter in the tables of kinds; D is art deco."""
