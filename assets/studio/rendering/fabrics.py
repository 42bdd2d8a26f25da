"""Soft surfaces: woven and knitted cloth, pile, leather, and the cloth of a lit lampshade."""

import math
from typing import Any

import numpy as np

from molar.assets.studio.rendering.nodes import Shader, linear


def fabric(
    color: str, weave: str, picture: np.ndarray | None = None, threads: float = 110.0, on_surface: bool = True
) -> Any:
    """Cloth.

    Args:
        color: of its threads.
        weave: linen, canvas, boucle, velvet, knit or pile.
        picture: a pattern instead of the colour, by UV.
        threads: in one unit of UV (or of length).
        on_surface: threads run along UV; else along x and z.
    """
    shader = Shader(weave)
    place = shader.place("UV" if on_surface else "Object")
    base = linear(color) if picture is None else shader.picture(picture, shader.place("UV"))
    x, y, z = shader.axes(place)
    color_of, normal = _WEAVES[weave](shader, place, x, y if on_surface else z, base, threads)
    sheen = 1.0 if weave == "velvet" else 0.25
    return shader.set(
        Base_Color=color_of, Roughness=0.95, Sheen_Weight=sheen, Sheen_Roughness=0.4, Normal=normal,
        Specular_IOR_Level=0.2, Sheen_Tint=linear(color) if weave == "velvet" else (1, 1, 1, 1),
    )  # fmt: skip


def leather(color: str) -> Any:
    """Grained, worn lighter in places."""
    shader = Shader("leather")
    place = shader.place()
    base = shader.ramp(shader.noise(place, 2.5, 4), [(0.3, linear(color, 0.7)), (0.7, linear(color))])
    return shader.set(Base_Color=base, Roughness=0.42, Normal=shader.bump(shader.cells(place, 38.0), 0.25, 0.01))


def lampshade(color: str) -> Any:
    """Cloth that light shines through."""
    shader = Shader("lampshade")
    place = shader.place("UV")
    across = shader.noise(shader.scaled(place, (6, 220, 1)), 1, 3)
    along = shader.noise(shader.scaled(place, (420, 5, 1)), 1, 3)
    threads = shader.math("MULTIPLY", shader.math("ADD", across, along), 0.5)
    base = shader.mix(0.45, linear(color), shader.ramp(threads, [(0.35, 0.6), (0.65, 1.15)]), "MULTIPLY")
    shader.set(Base_Color=base, Roughness=0.9)
    return shader.shine_through(shader.node("BsdfTranslucent", {0: base}).outputs[0], 0.45)


def _wave(shader: Shader, value: Any, times: float) -> Any:
    return shader.math("ABSOLUTE", shader.math("SINE", shader.math("MULTIPLY", value, times * math.pi)))


def _shaded(shader: Shader, base: Any, height: Any, dark: float, bright: float, until: float) -> Any:
    return shader.mix(1.0, base, shader.ramp(height, [(0.0, dark), (until, bright)]), "MULTIPLY")


def _plain_weave(shader: Shader, place: Any, x: Any, y: Any, base: Any, threads: float, slubs: float) -> Any:
    flat = shader.node("CombineXYZ", {0: x, 1: y}).outputs[0]
    over = shader.node("TexChecker", {"Vector": flat, "Scale": threads}).outputs[1]
    height = shader.node(
        "Mix", {0: over, 2: _wave(shader, x, threads), 3: _wave(shader, y, threads)}, data_type="FLOAT"
    ).outputs[0]
    first = shader.noise(shader.scaled(place, (4, 140, 140)), 1.0, 3)
    second = shader.noise(shader.scaled(place, (140, 4, 4)), 1.0, 3)
    thick = shader.math("MULTIPLY", shader.math("ADD", first, second), 0.5)
    color = _shaded(shader, base, height, 0.6, 1.0, 0.6)
    color = shader.mix(slubs, color, shader.ramp(thick, [(0.35, 0.7), (0.65, 1.15)]), "MULTIPLY")
    return color, shader.bump(height, 0.5)


def _linen(shader: Shader, place: Any, x: Any, y: Any, base: Any, threads: float) -> Any:
    return _plain_weave(shader, place, x, y, base, threads, 0.55)


def _canvas(shader: Shader, place: Any, x: Any, y: Any, base: Any, threads: float) -> Any:
    return _plain_weave(shader, place, x, y, base, threads, 0.25)


def _boucle(shader: Shader, place: Any, x: Any, y: Any, base: Any, threads: float) -> Any:
    loops = shader.cells(place, threads * 0.6, "SMOOTH_F1")
    height = shader.math("SUBTRACT", shader.noise(place, threads * 0.7, 4, 1.2), loops)
    return _shaded(shader, base, height, 0.66, 1.05, 0.5), shader.bump(height, 0.9, 0.06)


def _velvet(shader: Shader, place: Any, x: Any, y: Any, base: Any, threads: float) -> Any:
    brushed = shader.ramp(shader.noise(place, 6, 4), [(0.3, 0.7), (0.7, 1.15)])
    return shader.mix(1.0, base, brushed, "MULTIPLY"), shader.bump(shader.noise(place, 180, 2), 0.25, 0.01)


def _knit(shader: Shader, place: Any, x: Any, y: Any, base: Any, threads: float) -> Any:
    columns = threads * 0.35
    slant = shader.math("PINGPONG", shader.math("MULTIPLY", x, columns), 0.5)
    rows = shader.math("ADD", shader.math("MULTIPLY", y, threads * 0.5), shader.math("MULTIPLY", slant, 1.2))
    height = shader.math("MULTIPLY", _wave(shader, rows, 1.0), shader.math("POWER", _wave(shader, x, columns), 0.5))
    return _shaded(shader, base, height, 0.55, 1.0, 0.6), shader.bump(height, 0.8, 0.05)


def _pile(shader: Shader, place: Any, x: Any, y: Any, base: Any, threads: float) -> Any:
    height = shader.noise(place, threads * 1.6, 5, 0.6, 0.7)
    color = shader.mix(1.0, base, shader.ramp(height, [(0.3, 0.65), (0.65, 1.1)]), "MULTIPLY")
    return color, shader.bump(height, 0.8, 0.04)


_WEAVES = {
    "linen": _linen, "canvas": _canvas, "boucle": _boucle, "velvet": _velvet, "knit": _knit, "pile": _pile,
}  # fmt: skip
