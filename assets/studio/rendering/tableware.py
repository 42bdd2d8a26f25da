"""Mugs, bowls, plates, trays and boards."""

import math

import numpy as np

from molar.assets.studio.design import Design
from molar.assets.studio.rendering.geometry import box, lathe, plate, tube
from molar.assets.studio.rendering.materials import ceramic, wood
from molar.assets.studio.rendering.outlines import circle, curve, profile, rectangle, rounded
from molar.assets.studio.rendering.stage import View
from molar.assets.studio.rendering.surfaces import body, frame, plain, radial, radius_at, sized, vessel

_MUGS = {
    "straight": [(0, 0), (0.38, 0), (0.43, 0.05), (0.43, 0.5), (0.43, 0.95)],
    "tapered": [(0, 0), (0.30, 0), (0.35, 0.04), (0.41, 0.5), (0.47, 0.92)],
    "round": [(0, 0), (0.26, 0), (0.40, 0.12), (0.50, 0.40), (0.45, 0.72), (0.42, 0.9)],
    "enamel": [(0, 0), (0.42, 0), (0.45, 0.04), (0.45, 0.5), (0.45, 0.78), (0.475, 0.82)],
    "tall": [(0, 0), (0.31, 0), (0.35, 0.05), (0.36, 0.6), (0.38, 1.15)],
    "barrel": [(0, 0), (0.34, 0), (0.38, 0.04), (0.47, 0.45), (0.41, 0.86)],
    "bell": [(0, 0), (0.27, 0), (0.31, 0.04), (0.33, 0.45), (0.40, 0.78), (0.50, 0.92)],
}
_BOWLS = {
    "deep": [(0, 0), (0.28, 0), (0.34, 0.05), (0.62, 0.34), (0.70, 0.66)],
    "shallow": [(0, 0), (0.30, 0), (0.36, 0.04), (0.75, 0.18), (0.92, 0.36)],
    "footed": [(0, 0), (0.34, 0), (0.30, 0.1), (0.22, 0.2), (0.5, 0.32), (0.72, 0.56), (0.78, 0.74)],
    "round": [(0, 0), (0.30, 0), (0.58, 0.18), (0.70, 0.46), (0.64, 0.70)],
    "flared": [(0, 0), (0.24, 0), (0.28, 0.06), (0.42, 0.32), (0.66, 0.5), (0.86, 0.58)],
}
_PLATES = {
    "coupe": [(0, 0), (0.5, 0), (0.6, 0.02), (0.85, 0.06), (1.0, 0.15)],
    "rimmed": [(0, 0), (0.5, 0), (0.58, 0.02), (0.66, 0.09), (0.8, 0.11), (1.0, 0.14)],
    "deep": [(0, 0), (0.45, 0), (0.6, 0.03), (0.8, 0.18), (0.9, 0.3)],
    "scalloped": [(0, 0), (0.5, 0), (0.62, 0.03), (0.82, 0.1), (1.0, 0.17)],
    "upright": [(0, 0), (0.8, 0), (0.9, 0.02), (0.94, 0.1), (0.95, 0.2)],
}
_HANDLES = {
    "c": [(0, 0.76), (0.16, 0.8), (0.29, 0.65), (0.30, 0.46), (0.2, 0.28), (0, 0.21)],
    "square": [(0, 0.78), (0.2, 0.78), (0.25, 0.73), (0.25, 0.35), (0.2, 0.29), (0, 0.28)],
    "loop": [(0, 0.78), (0.2, 0.82), (0.26, 0.65), (0.16, 0.48), (0, 0.44)],
}


def mug(design: Design) -> View:
    """With a handle that fits its form; some of wood."""
    outer = sized(design, profile(_MUGS[design.form]))
    vessel(design, outer, 0.016 if design.form == "enamel" else 0.032)
    top = outer[-1, 1]
    of_wood = design.frame if design.seed % 7 == 0 and design.form in ("straight", "tapered") else ""
    shape = {"straight": "square", "tall": "square", "round": "loop", "barrel": "loop"}.get(design.form, "c")
    points = [(radius_at(outer, (0.76 if x else z) * top) - 0.015 + x, 0, z * top) for x, z in _HANDLES[shape]]
    material = plain(of_wood, "#8a5a36", design.seed) if of_wood else plain_glaze(design)
    tube(points, [0.058, 0.05, 0.046, 0.05, 0.058], material)
    if design.form == "enamel":
        _rim(outer, design)
    return View(up=20, turn=-28, fill=0.66)


def bowl(design: Design) -> View:
    """Seen from above, so that its inside shows."""
    vessel(design, sized(design, profile(_BOWLS[design.form])), 0.035)
    return View(up=24, turn=design.seed % 90, fill=0.72)


def plate_(design: Design) -> View:
    """Lying, seen from above."""
    outer = sized(design, profile(_PLATES[design.form]))
    if design.form == "scalloped":
        waves = 16
        lathe(
            np.vstack([outer, outer[::-1] + np.array([-0.004, 0.03])]),
            body(design, 9, 0.33),
            lambda a, z: 1 + 0.05 * abs(math.sin(a * waves / 2)) * min(1, z / 0.08),
            256,
        )
    else:
        vessel(design, outer, 0.03, 9)
    return View(up=42, turn=design.seed % 90, fill=0.8)


def tray(design: Design) -> View:
    """Round or long, with a rim and handles."""
    base = plain(design.material, design.color, design.seed, "X") if design.pattern == "" else body(design, 5)
    trim = frame(design, "X")
    if design.form == "round":
        lathe(
            rounded([(0, 0), (1, 0), (1.02, 0.14), (0.97, 0.14), (0.95, 0.04), (0, 0.04)], 0.02), base, radial(design)
        )
        for side in (-1, 1):
            points = [
                (side * 0.99, -0.22, 0.12),
                (side * 1.1, -0.16, 0.2),
                (side * 1.1, 0.16, 0.2),
                (side * 0.99, 0.22, 0.12),
            ]
            tube(points, 0.03, trim)
        return View(up=32, turn=20 + design.seed % 30, fill=0.84)
    wide, deep = 1.25 * design.girth, 0.8 * design.height
    corner = 0.38 if design.form == "oval" else 0.08
    plate([rectangle(2 * wide, 2 * deep, 2 * corner * deep)], 0.05, base, 0.015, at=(0, 0, 0.03))
    inner = rectangle(2 * wide - 0.08, 2 * deep - 0.08, 2 * corner * deep - 0.03)
    rim = trim if design.form != "lipped" else base
    plate([rectangle(2 * wide, 2 * deep, 2 * corner * deep), inner], 0.2, rim, 0.015, at=(0, 0, 0.12))
    if design.form != "lipped":
        for side in (-1, 1):
            x = side * (wide - 0.02)
            tube([(x, -0.26, 0.2), (x, -0.22, 0.36), (x, 0.22, 0.36), (x, 0.26, 0.2)], 0.032, trim)
    return View(up=32, turn=24, fill=0.86)


def board(design: Design) -> View:
    """A chopping board, leaning back."""
    material = plain(design.material, design.color, design.seed, "Y")
    wide, high = design.girth, design.height
    if design.form == "paddle":
        outline = rectangle(0.95 * wide, 1.25 * high, 0.16)
        top = 0.625 * high
        handle = [(0.12, 0), (0.09, 0.15), (0.095, 0.38), (0, 0.47), (-0.095, 0.38), (-0.09, 0.15), (-0.12, 0)]
        cut = max(i for i, (x, y) in enumerate(outline) if y > top - 0.001 and x > 0)
        neck = curve([(0.3 * wide, top), *[(x, top + y) for x, y in handle], (-0.3 * wide, top)], 6)
        holes = [[*outline[: cut + 1], *map(tuple, neck), *outline[cut + 1 :]], circle(0.045, 24, 0, top + 0.33)]
    elif design.form == "round":
        holes = [circle(0.8 * wide, 96), circle(0.06, 24, 0, 0.64 * wide)]
    elif design.form == "long":
        holes = [rectangle(0.62 * wide, 1.9 * high, 0.3 * wide), circle(0.06, 24, 0, 0.78 * high)]
    else:
        holes = [rectangle(1.15 * wide, 1.6 * high, 0.1), rectangle(0.34, 0.09, 0.04, y=0.62 * high)]
    made = plate(holes, 0.1, material, 0.02, turn=(math.radians(78), 0, 0))
    if design.pattern == "inlay":
        other = "walnut" if design.material in ("oak", "ash", "birch", "bamboo", "pine") else "ash"
        length = {"round": 1.0, "long": 1.3}.get(design.form, 1.1)
        strip = box((0.07, length * high, 0.104), wood(other, "Y"), (0.17, 0, 0), bevel=0)
        strip.parent = made
    return View(up=10, turn=22, fill=0.8)


def plain_glaze(design: Design) -> object:
    """Its body's material without the pattern, for handles and spouts."""
    if design.material != "ceramic":
        return plain(design.material, design.color, design.seed)
    color = design.accent if design.pattern == "dipped" else design.color
    return ceramic(color, design.finish, design.accent if design.pattern == "speckled" else "")


def _rim(outer: np.ndarray, design: Design) -> None:
    """Enamel shows its dark steel where it is thin."""
    r, z = outer[-1]
    ring = [(r + 0.006, z - 0.03), (r + 0.008, z + 0.008), (r - 0.02, z + 0.008), (r - 0.02, z - 0.03)]
    lathe(ring, plain("paint", "#26282c"), None, 128)
