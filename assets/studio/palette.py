"""Colours that materials have of themselves; "#rrggbb"."""

import colorsys

WOODS = {
    "oak": ("#c69c69", "#a87942"), "ash": ("#dcc39b", "#c2a274"), "birch": ("#e6cfa8", "#d3b586"),
    "walnut": ("#80573a", "#432a1b"), "teak": ("#a9713f", "#784823"), "cherry": ("#a8643c", "#7c4024"),
    "ebony": ("#3d3530", "#1d1815"), "pine": ("#dcb67a", "#b98648"), "reclaimed wood": ("#8d6e4f", "#4f3b29"),
    "bamboo": ("#dcbf85", "#c3a061"), "whitewashed wood": ("#ddd4c4", "#bdb09c"), "dark oak": ("#6a4a33", "#3f2a1c"),
}  # fmt: skip
"""Light and dark of each."""

METALS = {
    "steel": ("#bfc1c2", 0.17), "chrome": ("#d9dbde", 0.05), "brass": ("#d2ad74", 0.22), "gold": ("#dfba77", 0.14),
    "copper": ("#d08a6c", 0.2), "bronze": ("#6e4c30", 0.32), "gunmetal": ("#55585c", 0.3),
}  # fmt: skip
"""Colour and roughness of each."""

PAINTED = {"black steel": "#232427", "white steel": "#e4e1da", "cast iron": "#2b2b2c"}

WEAVES = ("linen", "canvas", "boucle", "velvet", "knit", "pile")

OWN = {
    **{name: light for name, (light, _) in WOODS.items()},
    **{name: color for name, (color, _) in METALS.items()},
    **PAINTED,
    "marble": "#efece6",
    "black marble": "#26282a",
}
"""The colour of all that have one of their own."""


def srgb(color: str) -> tuple[float, float, float]:
    """ "#rrggbb" as three numbers from 0 to 1."""
    r, g, b = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return r, g, b


def lightness_and_hue(color: str) -> tuple[float, float, float]:
    """How light and how colourful from 0 to 1, and the hue as a share of the circle, as in HSL."""
    hue, lightness, _ = colorsys.rgb_to_hls(*srgb(color))
    return lightness, max(srgb(color)) - min(srgb(color)), hue
