"""A material as a graph of Blender's shader nodes (https://docs.blender.org/manual/en/5.0/render/shader_nodes/)."""

from collections.abc import Mapping, Sequence
from typing import Any

import bpy
import numpy as np

from molar.assets.studio.palette import srgb

Linear = tuple[float, float, float, float]
Stops = Sequence[tuple[float, float | Linear]]


def linear(color: str, factor: float = 1.0) -> Linear:
    """The same as light, times a factor, with an alpha of 1."""
    s = np.array(srgb(color))
    light = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
    r, g, b = np.minimum(light * factor, 1.0).tolist()
    return r, g, b, 1.0


class Shader:
    """A material in the making: sockets go from method to method, `set` connects them to its principled shader."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self._tree = self.material.node_tree
        self._tree.nodes.clear()
        self.output = self._tree.nodes.new("ShaderNodeOutputMaterial")
        self.principled = self._tree.nodes.new("ShaderNodeBsdfPrincipled")
        self.link(self.principled.outputs[0], self.output.inputs[0])

    def link(self, source: Any, target: Any) -> None:
        """Connect an output with an input."""
        self._tree.links.new(source, target)

    def node(self, kind: str, inputs: Mapping[Any, Any] | None = None, **settings: Any) -> Any:
        """A node of that kind; inputs, by name or number, are sockets or values."""
        made = self._tree.nodes.new(f"ShaderNode{kind}")
        for name, value in settings.items():
            setattr(made, name, value)
        for name, value in (inputs or {}).items():
            self._fill(made.inputs[name], value)
        return made

    def set(self, **inputs: Any) -> Any:
        """Set inputs of the principled shader (`Base_Color` is "Base Color") and give the material."""
        for name, value in inputs.items():
            self._fill(self.principled.inputs[name.replace("_", " ")], value)
        return self.material

    def math(self, operation: str, a: Any, b: Any = 0.0) -> Any:
        """Both put together."""
        return self.node("Math", {0: a, 1: b}, operation=operation).outputs[0]

    def place(self, kind: str = "Object") -> Any:
        """Where a point lies: in the object ("Object"), or on its surface ("UV")."""
        return self.node("TexCoord").outputs[kind]

    def scaled(self, vector: Any, scale: Sequence[float], move: Sequence[float] = (0, 0, 0)) -> Any:
        """A place in other units."""
        return self.node("Mapping", {"Vector": vector, "Scale": scale, "Location": move}).outputs[0]

    def axes(self, vector: Any) -> tuple[Any, Any, Any]:
        """Its x, y and z."""
        x, y, z = self.node("SeparateXYZ", {0: vector}).outputs[:]
        return x, y, z

    def noise(self, vector: Any, scale: float, detail: float = 3, distortion: float = 0, rough: float = 0.5) -> Any:
        """Soft noise from 0 to 1."""
        inputs = {"Vector": vector, "Scale": scale, "Detail": detail, "Distortion": distortion, "Roughness": rough}
        return self.node("TexNoise", inputs).outputs[0]

    def cells(self, vector: Any, scale: float, feature: str = "F1") -> Any:
        """Distance to the next of many scattered points."""
        return self.node("TexVoronoi", {"Vector": vector, "Scale": scale}, feature=feature).outputs[0]

    def ramp(self, value: Any, stops: Stops) -> Any:
        """Colours or greys by value."""
        made = self.node("ValToRGB", {0: value})
        elements = made.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(0.5)
        for element, (position, color) in zip(elements, stops, strict=True):
            element.position = position
            element.color = color if isinstance(color, tuple) else (color, color, color, 1)
        return made.outputs[0]

    def mix(self, factor: Any, a: Any, b: Any, mode: str = "MIX") -> Any:
        """Colour b over colour a."""
        return self.node("Mix", {0: factor, 6: a, 7: b}, data_type="RGBA", blend_type=mode).outputs[2]

    def bump(self, height: Any, strength: float = 0.3, distance: float = 0.02) -> Any:
        """A rough surface as a normal."""
        return self.node("Bump", {"Strength": strength, "Distance": distance, "Height": height}).outputs[0]

    def picture(self, pixels: np.ndarray, vector: Any) -> Any:
        """Colours of an sRGB picture (height, width, 3), repeated in all directions."""
        height, width = pixels.shape[:2]
        image = bpy.data.images.new("pattern", width, height)
        image.pixels.foreach_set(np.dstack([pixels, np.ones((height, width))]).astype(np.float32).ravel())
        image.update()
        image.pack()
        made = self.node("TexImage", {"Vector": vector})
        made.image = image
        return made.outputs[0]

    def shine_through(self, shader: Any, factor: Any) -> Any:
        """Mix the principled shader with another one and give the material."""
        both = self.node("MixShader", {0: factor, 1: self.principled.outputs[0], 2: shader})
        self.link(both.outputs[0], self.output.inputs[0])
        return self.material

    def _fill(self, target: Any, value: Any) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.link(value, target)
        else:
            target.default_value = value
