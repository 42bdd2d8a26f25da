"""The photo studio: backdrop, lights, camera, and the settings of the renderer.

384 by 384 pixels at 10 samples without visible noise, by Cycles on a CPU with its denoiser. Colours stay what they were
given as (Khronos' neutral view). What metal and glazes mirror is a world of its own, which lights nothing.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from PIL import Image

from molar.assets.studio.rendering.geometry import add, mesh
from molar.assets.studio.rendering.materials import paint
from molar.assets.studio.rendering.outlines import Point

_DISTANCE = 9.5  # of the camera


class View(NamedTuple):
    """How a product is looked at; angles in degrees.

    Attributes:
        up: the camera's height above the product.
        turn: of the product.
        fill: share of the picture's side that the product takes.
        size: to which it is scaled, its longest side; light falls on all alike.
        wall: it hangs on a wall.
        light: factor of the studio's lights.
        lift: how high it hangs above the floor.
    """

    up: float = 14
    turn: float = 0
    fill: float = 0.76
    size: float = 2.0
    wall: bool = False
    light: float = 1.0
    lift: float = 0.0


def set_up(pixels: int, samples: int, threads: int) -> None:
    """An empty scene and its renderer."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_adaptive_sampling, cycles.seed = "CPU", samples, False, 7
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "FAST"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 8, 2, 4
    cycles.transmission_bounces = cycles.transparent_max_bounces = 8
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect, cycles.blur_glossy = 4, 0.5
    scene.render.resolution_x = scene.render.resolution_y = pixels
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.view_settings.view_transform, scene.view_settings.look = "Khronos PBR Neutral", "None"
    scene.render.image_settings.file_format, scene.render.filter_size = "PNG", 1.2


def clear() -> None:
    """Leave nothing of the last product."""
    data = bpy.data
    for kept in (
        data.objects, data.meshes, data.curves, data.materials, data.images, data.lights, data.cameras, data.worlds,
        data.node_groups,
    ):  # fmt: skip
        for one in list(kept):
            if one.name != "Render Result":
                kept.remove(one)


def photograph(view: View, backdrop: str, path: Path, pixels: int, quality: int) -> None:
    """Render what is in the scene to a WebP file of that many pixels a side."""
    product = [o for o in bpy.context.scene.objects if o.parent is None]
    _studio(view, backdrop)
    _frame(product, view)
    scene = bpy.context.scene
    rendered = path.with_suffix(".png")
    scene.render.filepath = str(rendered)
    bpy.ops.render.render(write_still=True)
    with Image.open(rendered) as image:
        image.convert("RGB").resize((pixels, pixels), Image.Resampling.LANCZOS).save(path, quality=quality, method=6)
    rendered.unlink()


def _studio(view: View, backdrop: str) -> None:
    surface = paint(backdrop, 0.75)
    lights: list[tuple[Point, Point, float, Point, Point]]
    corners: list[Point]
    if view.wall:
        corners = [(-16, 0, -12), (16, 0, -12), (16, 0, 14), (-16, 0, 14)]
        mesh(corners, [(0, 1, 2, 3)], surface)
        lights = [
            ((-4.4, -4.0, 5.0), (1.5, 1.5), 760, (1, 0.965, 0.92), (0, 0, 0)),
            ((5.2, -5, -0.5), (4, 4), 170, (1, 1, 1), (0, 0, 0)),
        ]
    else:
        bend = [(2 + 2.5 * math.sin(a), 2.5 - 2.5 * math.cos(a)) for a in np.linspace(0, math.pi / 2, 24)]
        line = [(-9.0, 0.0), *bend, (4.5, 12.0)]
        corners = [(x, y, z) for y, z in line for x in (-16, 16)]
        faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(line) - 1)]
        mesh(corners, faces, surface, sharp_from=0)
        lights = [
            ((-4.0, -2.2, 5.0), (1.5, 1.5), 395, (1, 0.965, 0.92), (0, 0, 0.6)),
            ((5.2, -3.2, 2.6), (3.2, 3.2), 46, (0.93, 0.97, 1), (0, 0, 0.6)),
            ((1.8, 3.0, 5.4), (2.6, 1.2), 120, (1, 1, 1), (0, 0, 0.6)),
            ((-5, -0.6, 1.5), (0.7, 4.0), 40, (1, 1, 1), (0, 0, 0.6)),
        ]
    for at, size, power, color, to in lights:
        _softbox(at, size, power * view.light, color, to)
    _world()


def _softbox(at: Sequence[float], size: Sequence[float], power: float, color: Sequence[float], to: Any) -> None:
    data = bpy.data.lights.new("softbox", "AREA")
    data.shape, data.size, data.size_y, data.energy, data.color = "RECTANGLE", *size, power, color
    made = add(data)
    made.location = at
    made.rotation_euler = (Vector(to) - Vector(at)).to_track_quat("-Z", "Y").to_euler()


def _world() -> None:
    """Dim for diffuse light; for what is mirrored a brighter one with dark flags, so that metal has contrast."""
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    tree = world.node_tree
    tree.nodes.clear()

    def node(kind: str) -> Any:
        return tree.nodes.new(f"ShaderNode{kind}")

    def ramp(value: Any, stops: Sequence[tuple[float, tuple[float, float, float]]]) -> Any:
        unit, made = node("MapRange"), node("ValToRGB")
        unit.inputs[1].default_value = -1
        tree.links.new(value, unit.inputs[0])
        tree.links.new(unit.outputs[0], made.inputs[0])
        elements = made.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(0.5)
        for element, (position, color) in zip(elements, stops, strict=True):
            element.position, element.color = position, (*color, 1)
        return made.outputs[0]

    axes = node("SeparateXYZ")
    tree.links.new(node("TexCoord").outputs["Generated"], axes.inputs[0])
    grey = (0.82, 0.82, 0.82)
    sky = ramp(
        axes.outputs[2], [(0.3, (0.3, 0.28, 0.26)), (0.52, (0.5, 0.49, 0.47)), (0.62, grey), (0.95, (0.95, 0.97, 1))]
    )
    flags = [(0.0, 0.9), (0.22, 1.0), (0.34, 0.16), (0.44, 0.2), (0.56, 1.0), (0.8, 0.9), (0.9, 0.12), (1.0, 0.75)]
    banded = ramp(axes.outputs[0], [(position, (v, v, v)) for position, v in flags])
    both = node("Mix")
    both.data_type, both.blend_type = "RGBA", "MULTIPLY"
    both.inputs[0].default_value = 0.9
    tree.links.new(sky, both.inputs[6])
    tree.links.new(banded, both.inputs[7])
    choice, output = node("MixShader"), node("OutputWorld")
    tree.links.new(node("LightPath").outputs["Is Glossy Ray"], choice.inputs[0])
    for number, (color, strength) in enumerate(((sky, 0.22), (both.outputs[2], 1.15)), start=1):
        background = node("Background")
        background.inputs[1].default_value = strength
        tree.links.new(color, background.inputs[0])
        tree.links.new(background.outputs[0], choice.inputs[number])
    tree.links.new(choice.outputs[0], output.inputs[0])
    world.cycles.sampling_method = "NONE"


def _frame(product: list[Any], view: View) -> None:
    """Scale and place the product, and zoom until it fills its share of the picture, without moving the camera."""
    root = add(None, "root")
    for part in product:
        part.parent = root
    root.rotation_euler = (0, 0, math.radians(view.turn))
    low, high = _bounds(root)
    scale = view.size / max(high - low)
    root.scale = (scale,) * 3
    middle = -(low + high) / 2 * scale
    if view.wall:
        root.location = (middle[0], -high[1] * scale - 0.002, middle[2])
    else:
        root.location = (middle[0], middle[1], -low[2] * scale + 0.001 + view.lift)
    points = _points(root)
    center = Vector((points.min(0) + points.max(0)) / 2)
    lens, up, side = 75.0, math.radians(view.up), math.radians(-9 if view.wall else 0)
    data = bpy.data.cameras.new("camera")
    camera = add(data)
    bpy.context.scene.camera = camera
    data.sensor_width, data.lens, data.clip_end = 36, lens, 100
    away = Vector((math.sin(side) * math.cos(up), -math.cos(side) * math.cos(up), math.sin(up)))
    camera.location = center + away * _DISTANCE
    camera.rotation_euler = (-away).to_track_quat("-Z", "Y").to_euler()
    bpy.context.view_layer.update()
    seen = points[:: max(1, len(points) // 3000)]
    flat = np.array([world_to_camera_view(bpy.context.scene, camera, Vector(p))[:2] for p in seen])
    low_2, high_2 = flat.min(0), flat.max(0)
    zoom = view.fill / max(high_2 - low_2)
    data.lens = lens * zoom
    data.shift_x, data.shift_y = ((low_2 + high_2) / 2 - 0.5) * zoom


def _bounds(root: Any) -> tuple[np.ndarray, np.ndarray]:
    points = _points(root)
    return points.min(0), points.max(0)


def _points(root: Any) -> np.ndarray:
    """(n, 3) of what can be seen of it."""
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    found = []
    for part in root.children_recursive:
        if part.type not in ("MESH", "CURVE", "FONT"):
            continue
        evaluated = part.evaluated_get(graph)
        data = evaluated.to_mesh()
        places = np.empty(len(data.vertices) * 3, np.float32)
        data.vertices.foreach_get("co", places)
        matrix = np.array(part.matrix_world)
        step = max(1, len(data.vertices) // 1500)
        found.append(places.reshape(-1, 3)[::step] @ matrix[:3, :3].T + matrix[:3, 3])
        evaluated.to_mesh_clear()
    return np.vstack(found)
