"""Shapes as Blender objects: revolved profiles, tubes, rods, boxes, surfaces and cut-out plates."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import bmesh
import bpy
import numpy as np
from mathutils import Matrix, Vector

from molar.assets.studio.rendering.outlines import Point, Points, circle, curve

Radial = Callable[[float, float], float]
"""(angle, height) -> factor of the radius there."""


def add(data: Any, name: str = "part") -> Any:
    """An object of Blender's that shows `data` in the scene."""
    made = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(made)
    return made


def mesh(
    vertices: Points,
    faces: Sequence[Sequence[int]],
    material: Any,
    uv: Points | None = None,
    sharp_from: float = 40.0,
    at: Point = (0, 0, 0),
    turn: Point = (0, 0, 0),
) -> Any:
    """A smoothly shaded mesh; edges of more than `sharp_from` degrees stay sharp (0: none do)."""
    data = bpy.data.meshes.new("part")
    data.from_pydata([tuple(map(float, v)) for v in vertices], [], [tuple(map(int, f)) for f in faces])
    if uv is not None:
        layer = data.uv_layers.new(name="UVMap")
        index = np.empty(len(data.loops), np.int32)
        data.loops.foreach_get("vertex_index", index)
        layer.data.foreach_set("uv", np.asarray(uv, np.float32)[index].ravel())
    data.validate()
    data.update()
    data.shade_smooth()
    if sharp_from:
        data.set_sharp_from_angle(angle=math.radians(sharp_from))
    data.materials.append(material)
    made = add(data)
    made.location, made.rotation_euler = at, turn
    return made


def lathe(
    outline: Points,
    material: Any,
    radial: Radial | None = None,
    segments: int = 96,
    sharp_from: float = 40.0,
    at: Point = (0, 0, 0),
    turn: Point = (0, 0, 0),
) -> Any:
    """A profile turned around the z axis. UV: once around, once along the profile."""
    points = np.asarray(outline, float)
    along = np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
    angle = np.linspace(0, 2 * math.pi, segments + 1)
    vertices, uv = [], []
    for (radius, height), v in zip(points, along / along[-1], strict=True):
        factor = np.array([radial(a, height) if radial else 1.0 for a in angle[:-1]])
        r = radius * np.append(factor, factor[0])
        vertices.append(np.stack([r * np.cos(angle), r * np.sin(angle), np.full_like(angle, height)], 1))
        uv.append(np.stack([angle / (2 * math.pi), np.full_like(angle, v)], 1))
    made = mesh(np.vstack(vertices), _quads(len(points) - 1, segments), material, np.vstack(uv), 0, at, turn)
    shape = bmesh.new()
    shape.from_mesh(made.data)
    bmesh.ops.remove_doubles(shape, verts=shape.verts, dist=1e-5)
    bmesh.ops.recalc_face_normals(shape, faces=shape.faces)
    shape.to_mesh(made.data)
    shape.free()
    made.data.shade_smooth()
    if sharp_from:
        made.data.set_sharp_from_angle(angle=math.radians(sharp_from))
    return made


def surface(
    at_uv: Callable[[float, float], Point],
    columns: int,
    rows: int,
    material: Any,
    thickness: float = 0.0,
    smooth: int = 0,
    at: Point = (0, 0, 0),
    turn: Point = (0, 0, 0),
) -> Any:
    """The surface (u, v) -> (x, y, z) for u and v from 0 to 1; `smooth` subdivides it."""
    grid = [(u / columns, v / rows) for v in range(rows + 1) for u in range(columns + 1)]
    made = mesh([at_uv(u, v) for u, v in grid], _quads(rows, columns), material, grid, 0, at, turn)
    if thickness:
        solid = made.modifiers.new("solid", "SOLIDIFY")
        solid.thickness, solid.offset = thickness, 0
    if smooth:
        finer = made.modifiers.new("smooth", "SUBSURF")
        finer.levels = finer.render_levels = smooth
    elif thickness:
        bevel = made.modifiers.new("bevel", "BEVEL")
        bevel.width, bevel.segments = thickness * 0.4, 3
    return made


def tube(
    points: Points,
    radius: float | Sequence[float],
    material: Any,
    closed: bool = False,
    straight: bool = False,
    capped: bool = True,
    steps: int = 10,
    sides: int = 6,
) -> Any:
    """A round tube through points (n, 3), smoothed unless straight or closed; radii are spread along it."""
    path = np.asarray(points, float) if straight or closed else curve(points, steps)
    places = np.linspace(0, 1, len(path))
    radii = np.interp(places, np.linspace(0, 1, np.size(radius)), np.atleast_1d(radius))
    data = bpy.data.curves.new("tube", "CURVE")
    data.dimensions = "3D"
    line = data.splines.new("POLY")
    line.points.add(len(path) - 1)
    for place, xyz, r in zip(line.points, path, radii, strict=True):
        place.co, place.radius = (*xyz, 1), r
    line.use_cyclic_u, line.use_smooth = closed, True
    data.bevel_depth, data.bevel_resolution = 1, sides
    data.use_fill_caps, data.twist_mode = capped, "MINIMUM"
    data.materials.append(material)
    return add(data)


def ring(radius: float, height: float, thickness: float, material: Any, sides: int = 4) -> Any:
    """A closed tube around the z axis."""
    return tube([(*xy, height) for xy in circle(radius, 96)], thickness, material, closed=True, sides=sides)


def box(size: Point, material: Any, at: Point = (0, 0, 0), turn: Point = (0, 0, 0), bevel: float = 0.03) -> Any:
    """A cuboid around `at`, its edges rounded."""
    x, y, z = (side / 2 for side in size)
    corners = [(a, b, c) for a in (-x, x) for b in (-y, y) for c in (-z, z)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    made = mesh(corners, faces, material, None, 0, at, turn)
    if bevel:
        edge = made.modifiers.new("bevel", "BEVEL")
        edge.width, edge.segments = bevel, 4
        made.modifiers.new("normals", "WEIGHTED_NORMAL").keep_sharp = True
    else:
        made.data.shade_flat()
    return made


def rod(start: Point, end: Point, first: float, last: float, material: Any, segments: int = 24) -> Any:
    """A round leg between two points, with a radius at each, its ends softened."""
    a, b = Vector(start), Vector(end)
    length, soft = (b - a).length, min(first, last) * 0.3
    outline = [(0, 0), (first - soft, 0), (first, soft), (last, length - soft), (last - soft, length), (0, length)]
    made = lathe(outline, material, segments=segments)
    made.matrix_world = Matrix.Translation(a) @ (b - a).to_track_quat("Z", "Y").to_matrix().to_4x4()
    return made


def plate(
    outlines: Sequence[Points],
    depth: float,
    material: Any,
    bevel: float = 0.02,
    at: Point = (0, 0, 0),
    turn: Point = (0, 0, 0),
) -> Any:
    """Outlines in the x-y plane (the first outside, the others holes) with a depth and rounded edges."""
    data = bpy.data.curves.new("plate", "CURVE")
    data.dimensions, data.fill_mode = "2D", "BOTH"
    for outline in outlines:
        line = data.splines.new("POLY")
        line.points.add(len(outline) - 1)
        line.use_cyclic_u = True
        for place, (x, y) in zip(line.points, outline, strict=True):
            place.co = (x, y, 0, 1)
    data.extrude, data.bevel_depth, data.bevel_resolution, data.offset = depth / 2 - bevel, bevel, 3, -bevel
    data.materials.append(material)
    made = add(data)
    made.location, made.rotation_euler = at, turn
    return made


def text(words: str, size: float, material: Any, at: Point, turn: Point = (math.pi / 2, 0, 0)) -> Any:
    """Centred words, upright unless turned."""
    data = bpy.data.curves.new("text", "FONT")
    data.body, data.size, data.extrude = words, size, 0.004
    data.align_x = data.align_y = "CENTER"
    data.materials.append(material)
    made = add(data)
    made.location, made.rotation_euler = at, turn
    return made


def bulb(power: float, at: Point, size: float = 0.1) -> Any:
    """A warm point of light of so many watts."""
    data = bpy.data.lights.new("bulb", "POINT")
    data.energy, data.shadow_soft_size, data.color = power, size, (1, 0.78, 0.5)
    made = add(data)
    made.location = at
    return made


def _quads(rows: int, columns: int) -> list[tuple[int, int, int, int]]:
    wide = columns + 1
    return [
        (i * wide + j, i * wide + j + 1, (i + 1) * wide + j + 1, (i + 1) * wide + j)
        for i in range(rows)
        for j in range(columns)
    ]
