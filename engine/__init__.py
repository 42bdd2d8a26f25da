"""Runs a Molar bundle: NumPy, ONNX Runtime and SQLite; never torch, never transformers."""

from molar.engine.catalog import Catalog, CatalogItem
from molar.engine.errors import BundleError, DatasetError, ModelError, MolarError, RequestError
from molar.engine.recommender import Recommendation, Recommender

__all__ = [
    "BundleError",
    "Catalog",
    "CatalogItem",
    "DatasetError",
    "ModelError",
    "MolarError",
    "Recommendation",
    "Recommender",
    "RequestError",
]
