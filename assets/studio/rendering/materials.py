"""Hard surfaces: glazes, clay, stone, wood, metal, glass, wax. Colours are "#rrggbb"."""

from typing import Any

import numpy as np

from molar.assets.studio.palette import METALS, PAINTED, WOODS
from molar.assets.studio.rendering.nodes import Shader, linear


def ceramic(color: str, finish: str, speckle: str = "", dip: str = "", dip_at: float = 0.5, glaze: Any = None) -> Any:
    """Glazed stoneware.

    Args:
        color: of the glaze.
        finish: gloss, satin or matte.
        speckle: colour of specks.
        dip: a second colour above `dip_at`, a height.
        glaze: a pattern's picture instead of the colour, by UV.
    """
    shader = Shader("ceramic")
    place = shader.place()
    if glaze is not None:
        base = shader.picture(glaze, shader.place("UV"))
    else:
        clouds = shader.ramp(shader.noise(place, 2.2, 4), [(0.35, 0.0), (0.7, 0.16)])
        base = shader.mix(clouds, linear(color), linear(color, 0.8))
    if dip:
        height = shader.math("ADD", shader.axes(place)[2], shader.math("MULTIPLY", shader.noise(place, 2.0, 2), 0.1))
        edge = shader.math("SUBTRACT", height, dip_at + 0.05 - 0.5)
        base = shader.mix(shader.ramp(edge, [(0.49, 0.0), (0.51, 1.0)]), base, linear(dip))
    if speckle:
        size = shader.math("MULTIPLY", shader.math("SUBTRACT", shader.noise(place, 18, 1), 0.28), 0.42)
        base = shader.mix(shader.math("LESS_THAN", shader.cells(place, 26.0), size), base, linear(speckle))
    rough, coat = {"gloss": (0.12, 0.6), "satin": (0.32, 0.15), "matte": (0.62, 0.0)}[finish]
    uneven = shader.bump(shader.noise(place, 5 if finish == "gloss" else 22, 3), 0.12, 0.02)
    return shader.set(Base_Color=base, Roughness=rough, Coat_Weight=coat, Coat_Roughness=0.06, Normal=uneven)


def clay(color: str) -> Any:
    """Unglazed, a little lighter and darker in places."""
    shader = Shader("clay")
    place = shader.place()
    stops = [(0.3, linear(color, 0.75)), (0.6, linear(color)), (0.8, linear(color, 1.3))]
    base = shader.ramp(shader.noise(place, 3, 6, rough=0.65), stops)
    return shader.set(Base_Color=base, Roughness=0.85, Normal=shader.bump(shader.noise(place, 30, 5), 0.25))


def concrete(color: str) -> Any:
    """Cast, with pores."""
    shader = Shader("concrete")
    place = shader.place()
    base = shader.ramp(shader.noise(place, 2.5, 8, rough=0.7), [(0.25, linear(color, 0.65)), (0.7, linear(color))])
    pores = shader.ramp(shader.cells(place, 14.0), [(0.04, 0.0), (0.12, 1.0)])
    return shader.set(Base_Color=base, Roughness=0.8, Normal=shader.bump(pores, 0.35))


def marble(dark: bool = False) -> Any:
    """White with grey veins, or black with white ones."""
    ground, vein = ("#26282a", "#cfcac0") if dark else ("#efece6", "#5f5b57")
    shader = Shader("marble")
    noise = shader.noise(shader.place(), 1.1, 7, 1.2, 0.62)
    near = shader.math("ABSOLUTE", shader.math("SUBTRACT", noise, 0.5))
    veins = shader.ramp(near, [(0.0, 1.0), (0.03, 0.4), (0.12, 0.06), (0.25, 0.0)])
    return shader.set(Base_Color=shader.mix(veins, linear(ground), linear(vein)), Roughness=0.18, Coat_Weight=0.3)


def wood(kind: str, axis: str = "Z", scale: float = 1.0, seed: int = 0) -> Any:
    """One of `WOODS`, its grain along an axis."""
    shader = Shader(kind)
    light, dark = (linear(color) for color in WOODS[kind])
    along = "XYZ".index(axis)
    wide, fine = [scale] * 3, [1.0] * 3
    wide[along], fine[along] = 0.13 * scale, 0.025
    shift = np.array([1.7, 0.9, 2.3]) * (seed % 17)
    rings_at, fibres_at = shader.scaled(shader.place(), wide, shift.tolist()), shader.scaled(shader.place(), fine)
    turns = shader.math("MULTIPLY", shader.noise(rings_at, 1.1, 1.5, 0.25), 11.0)
    rings = shader.math("PINGPONG", turns, 1.0)
    fibres = shader.noise(fibres_at, 34, 3, rough=0.7)
    base = shader.mix(shader.ramp(rings, [(0.0, 0.0), (0.6, 0.35), (0.9, 1.0), (1.0, 0.9)]), light, dark)
    base = shader.mix(shader.ramp(fibres, [(0.38, 0.55), (0.58, 0.0)]), base, dark)
    base = shader.mix(shader.ramp(shader.noise(rings_at, 0.5, 1), [(0.3, 0.0), (0.8, 0.25)]), base, light)
    height = shader.math("ADD", fibres, shader.math("MULTIPLY", rings, 0.3))
    normal = shader.bump(height, 0.12, 0.01)
    return shader.set(Base_Color=base, Roughness=0.42, Coat_Weight=0.12, Coat_Roughness=0.25, Normal=normal)


def metal(kind: str) -> Any:
    """One of `METALS` or `PAINTED`."""
    shader = Shader(kind)
    place = shader.place()
    if kind in PAINTED:
        grain, strength = (90, 0.3) if kind == "cast iron" else (60, 0.08)
        normal = shader.bump(shader.noise(place, grain, 2), strength, 0.01)
        return shader.set(Base_Color=linear(PAINTED[kind]), Roughness=0.42, Normal=normal)
    color, rough = METALS[kind]
    return shader.set(Base_Color=linear(color), Metallic=1.0, Roughness=rough)


def glass(color: str = "#ffffff", ior: float = 1.45) -> Any:
    """Clear or tinted; light goes through it without being bent on its way to what stands behind."""
    shader = Shader("glass")
    shader.set(Base_Color=linear(color), Transmission_Weight=1.0, Roughness=0.0, IOR=ior)
    r, g, b, _ = linear(color)
    through = shader.node("BsdfTransparent", {0: (0.25 + 0.7 * r, 0.25 + 0.7 * g, 0.25 + 0.7 * b, 1.0)})
    return shader.shine_through(through.outputs[0], shader.node("LightPath").outputs["Is Shadow Ray"])


def paint(color: str, rough: float = 0.5, coat: float = 0.0) -> Any:
    """One even colour."""
    return Shader("paint").set(Base_Color=linear(color), Roughness=rough, Coat_Weight=coat)


def wax(color: str) -> Any:
    """Light goes some way into it."""
    return Shader("wax").set(
        Base_Color=linear(color), Roughness=0.45, Subsurface_Weight=0.35, Subsurface_Radius=(0.3, 0.2, 0.12),
        Subsurface_Scale=0.3,
    )  # fmt: skip


def glow(color: str, strength: float) -> Any:
    """A flame, or a lit globe."""
    return Shader("glow").set(Base_Color=linear(color), Emission_Color=linear(color), Emission_Strength=strength)


def fibre(color: str, variation: float = 0.35) -> Any:
    """Cane, straw, soil: lighter and darker along it."""
    shader = Shader("fibre")
    place = shader.place()
    base = shader.ramp(
        shader.noise(place, 9, 4), [(0.3, linear(color, 1 - variation)), (0.7, linear(color, 1 + 0.6 * variation))]
    )
    return shader.set(Base_Color=base, Roughness=0.7, Normal=shader.bump(shader.noise(place, 50, 3), 0.4, 0.01))


def leaf(color: str) -> Any:
    """With a light middle and edge; u goes across."""
    shader = Shader("leaf")
    across = shader.math("ABSOLUTE", shader.math("SUBTRACT", shader.axes(shader.place("UV"))[0], 0.5))
    rib = shader.ramp(across, [(0.0, 0.8), (0.035, 0.0), (0.40, 0.0), (0.46, 0.75)])
    green = shader.ramp(shader.noise(shader.place(), 4, 3), [(0.3, linear(color, 0.65)), (0.7, linear(color, 1.3))])
    return shader.set(Base_Color=shader.mix(rib, green, linear("#a9bd83")), Roughness=0.35, Specular_IOR_Level=0.4)


def mirror() -> Any:
    """A mirror in an empty studio is an even grey: it shows the soft light of a window instead."""
    shader = Shader("mirror")
    x, y, _ = shader.axes(shader.place("Generated"))
    across = shader.math("ADD", shader.math("MULTIPLY", x, 0.55), shader.math("MULTIPLY", y, 0.75))
    stops = [(0.0, 0.62), (0.40, 0.80), (0.47, 1.0), (0.60, 1.0), (0.66, 0.84), (0.70, 0.98), (0.80, 0.82), (1.0, 0.9)]
    light = shader.ramp(across, stops)
    return shader.set(Base_Color=light, Metallic=1.0, Roughness=0.03, Emission_Color=light, Emission_Strength=0.22)
