"""The web demo, `molar demo` or `molar-demo`: a storefront on any bundle."""

import os
from unittest import mock

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

# Whenever Gradio is imported it writes typings of its components for editors, which is nearly half of the time that the
# import takes; components without a source file are left out (gradio.component_meta.create_or_modify_pyi).
with mock.patch("inspect.getfile", side_effect=OSError):
    import gradio  # noqa: F401

from molar.app.demo.application import build_app, serve

__all__ = ["build_app", "serve"]
