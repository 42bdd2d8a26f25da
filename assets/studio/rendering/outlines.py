"""Lines that shapes are made of: curves, the profiles of turned things, and outlines in a plane.

A profile is an array (n, 2) of radius and height, from the bottom to the rim.
"""

import math
from collections.abc import Sequence

import numpy as np

Point = Sequence[float]
Points = Sequence[Point] | np.ndarray


def curve(points: Points, steps: int = 10) -> np.ndarray:
    """Catmull-Rom curve through points of any dimension."""
    p = np.asarray(points, float)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.vstack([*parts, p[-2:-1]])


def profile(points: Points, steps: int = 10) -> np.ndarray:
    """The same through a profile's points, which never crosses the axis."""
    found = curve(points, steps)
    found[:, 0] = np.maximum(found[:, 0], 0)
    return found


def rounded(points: Points, radius: float = 0.05, steps: int = 6) -> np.ndarray:
    """A polyline (n, 2) whose inner corners are rounded."""
    p = np.asarray(points, float)
    out = [p[:1]]
    t = np.linspace(0, 1, steps)[:, None]
    for a, b, c in zip(p, p[1:], p[2:], strict=False):
        before, after = np.linalg.norm(a - b), np.linalg.norm(c - b)
        cut = min(radius, before * 0.48, after * 0.48)
        q, r = b + (a - b) / before * cut, b + (c - b) / after * cut
        out.append((1 - t) ** 2 * q + 2 * t * (1 - t) * b + t * t * r)
    return np.vstack([*out, p[-1:]])


def hollow(outer: np.ndarray, wall: float, floor: float | None = None) -> np.ndarray:
    """The closed profile of a vessel with that outside: a wall, a round lip, and a floor of that thickness."""
    floor = wall * 1.3 if floor is None else floor
    along = np.gradient(outer, axis=0)
    along /= np.linalg.norm(along, axis=1)[:, None] + 1e-9
    inner = outer - np.stack([along[:, 1], -along[:, 0]], 1) * wall
    inner = inner[(inner[:, 1] > outer[0, 1] + floor) & (inner[:, 0] > 0)]
    kept = [inner[-1]]
    for point in inner[-2::-1]:  # from the rim down, without the loops that an offset makes in narrow bends
        if point[1] < kept[-1][1] - 1e-4:
            kept.append(point)
    bottom = outer[0, 1] + floor
    inside = np.vstack([kept, [[max(kept[-1][0] - wall * 0.6, 0), bottom], [0, bottom]]])
    middle = (outer[-1] + inside[0]) / 2
    x, z = outer[-1] - middle
    angle = np.linspace(0, math.pi, 7)[1:-1]
    lip = middle + np.stack([x * np.cos(angle) - z * np.sin(angle), x * np.sin(angle) + z * np.cos(angle)], 1)
    return np.vstack([outer, lip, inside])


def circle(radius: float, points: int = 48, x: float = 0.0, y: float = 0.0) -> list[tuple[float, float]]:
    """Its outline."""
    angles = np.linspace(0, 2 * math.pi, points, endpoint=False)
    return [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]


def rectangle(width: float, height: float, radius: float, x: float = 0.0, y: float = 0.0) -> list[tuple[float, float]]:
    """The outline of one with rounded corners."""
    out = []
    for sx, sy, start in ((1, 1, 0), (-1, 1, 90), (-1, -1, 180), (1, -1, 270)):
        for degrees in np.linspace(start, start + 90, 10):
            a = math.radians(degrees)
            out.append(
                (
                    x + sx * (width / 2 - radius) + radius * math.cos(a),
                    y + sy * (height / 2 - radius) + radius * math.sin(a),
                )
            )
    return out


def arch(width: float, height: float, points: int = 48) -> list[tuple[float, float]]:
    """The outline of a rectangle with half a circle on top, around its middle."""
    r, straight = width / 2, height - width / 2
    top = [(r * math.cos(a), straight - height / 2 + r * math.sin(a)) for a in np.linspace(0, math.pi, points)]
    return [(-r, -height / 2), (r, -height / 2), *top]


def around(count: int, radius: float, start: float = 0.0) -> list[tuple[float, float]]:
    """So many points on a circle, the first at an angle in radians."""
    return [(radius * math.cos(start + i / count * 2 * math.pi), radius * math.sin(start + i / count * 2 * math.pi))
            for i in range(count)]  # fmt: skip
