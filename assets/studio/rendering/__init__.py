"""Renders products with Blender's Cycles (https://docs.blender.org/api/5.0/).

`make pictures` runs it in an environment of its own, since Blender's module (bpy) brings a NumPy of its own. Nothing
else in the project imports this package.

Lengths are in any unit: the stage scales each product to its frame. z points up, the camera looks along +y.
"""

import bpy  # noqa: F401  (first: bmesh and mathutils can be imported only after it)
