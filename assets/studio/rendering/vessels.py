"""Jars and vases."""

import math

import numpy as np

from molar.assets.studio.design import Design
from molar.assets.studio.rendering.geometry import lathe, tube
from molar.assets.studio.rendering.materials import fibre
from molar.assets.studio.rendering.outlines import curve, profile, rounded
from molar.assets.studio.rendering.pouring import lid
from molar.assets.studio.rendering.stage import View
from molar.assets.studio.rendering.surfaces import frame, sized, vessel
from molar.assets.studio.rendering.tableware import plain_glaze

_JARS = {
    "canister": [(0, 0), (0.44, 0), (0.48, 0.05), (0.48, 0.45), (0.48, 0.86)],
    "ginger": [(0, 0), (0.32, 0), (0.36, 0.05), (0.54, 0.5), (0.5, 0.78), (0.3, 0.94), (0.28, 1.0)],
    "pot": [(0, 0), (0.36, 0), (0.52, 0.14), (0.56, 0.34), (0.5, 0.56), (0.46, 0.62)],
    "apothecary": [(0, 0), (0.34, 0), (0.3, 0.06), (0.1, 0.12), (0.1, 0.2), (0.42, 0.34), (0.48, 0.62), (0.42, 0.98)],
    "urn": [(0, 0), (0.3, 0), (0.34, 0.04), (0.5, 0.3), (0.54, 0.7), (0.42, 1.02), (0.4, 1.06)],
}
_VASES = {
    "bottle": [(0, 0), (0.34, 0), (0.46, 0.14), (0.50, 0.42), (0.40, 0.78), (0.17, 1.02), (0.12, 1.25),
        (0.13, 1.5), (0.18, 1.6)],
    "amphora": [(0, 0), (0.24, 0), (0.3, 0.15), (0.52, 0.62), (0.56, 0.92), (0.44, 1.2), (0.22, 1.36),
        (0.2, 1.48), (0.28, 1.58)],
    "gourd": [(0, 0), (0.3, 0), (0.5, 0.18), (0.55, 0.4), (0.4, 0.66), (0.25, 0.8), (0.32, 1.0), (0.34, 1.15),
        (0.22, 1.32), (0.14, 1.45), (0.17, 1.56)],
    "cylinder": [(0, 0), (0.36, 0), (0.38, 0.05), (0.38, 0.5), (0.38, 1.3), (0.38, 1.36)],
    "ball": [(0, 0), (0.25, 0), (0.52, 0.2), (0.66, 0.55), (0.56, 0.92), (0.3, 1.12), (0.2, 1.18), (0.2, 1.26)],
    "trumpet": [(0, 0), (0.34, 0), (0.3, 0.1), (0.2, 0.4), (0.22, 0.85), (0.34, 1.25), (0.52, 1.55)],
    "tulip": [(0, 0), (0.2, 0), (0.34, 0.14), (0.46, 0.5), (0.42, 0.95), (0.34, 1.25), (0.38, 1.4)],
}  # fmt: skip


def jar(design: Design) -> View:
    """With a lid of its own material or of wood."""
    outer = sized(design, profile(_JARS[design.form]))
    vessel(design, outer)
    rim, top = outer[-1]
    own = design.form in ("ginger", "apothecary")
    cover = plain_glaze(design) if own else frame(design, "X")
    if design.form in ("canister", "urn"):
        lathe(rounded([(0, top), (rim + 0.02, top), (rim + 0.02, top + 0.1), (0, top + 0.1)], 0.03), cover)
        lathe(
            profile([(0, top + 0.1), (0.06, top + 0.11), (0.1, top + 0.2), (0.07, top + 0.26), (0, top + 0.27)], 6), lid
        )
    else:
        lid(rim + 0.03, top, cover, cover, 0.16)
    return View(up=14, turn=design.seed % 60, fill=0.74)


def vase(design: Design) -> View:
    """Some hold dried stems."""
    outer = sized(design, profile(_VASES[design.form]))
    vessel(design, outer, 0.04, floor=0.06)
    if design.form in ("bottle", "amphora", "tulip") and design.seed % 3 == 0:
        _dried_stems(outer[-1], np.random.default_rng(design.seed))
    return View(up=10, turn=design.seed % 60, fill=0.78)


def _dried_stems(rim: np.ndarray, rng: np.random.Generator) -> None:
    stem, plume = fibre("#a98d5c"), fibre("#dcc8a0", 0.2)
    radius, top = rim
    for number in range(7):
        angle, lean, length = number * 2.4 + 0.3, rng.uniform(0.15, 0.6), rng.uniform(0.8, 1.25)
        away = np.array([math.cos(angle), math.sin(angle)])
        reach = (radius * 0.5, radius * 0.5 + lean * 0.4, radius * 0.5 + lean)
        heights = (top, top + length * 0.5, top + length)
        path = [(0, 0, 0.25), *[(*(away * r), z) for r, z in zip(reach, heights, strict=True)]]
        tube(path, 0.011, stem, sides=2)
        last = curve(path, 12)[-13:]
        for _ in range(150):
            t = rng.uniform(0, 1)
            length_here = 0.17 * math.sin(math.pi * min(1, t * 0.9 + 0.12))
            direction = rng.normal(size=3)
            direction /= np.linalg.norm(direction)
            direction[2] = abs(direction[2]) * 1.2
            start = last[int(t * 12)]
            tube(
                [start, start + direction * length_here * 0.6, start + direction * length_here],
                [0.009, 0.004],
                plume,
                sides=1,
                steps=2,
            )
