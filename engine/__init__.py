"""Runs a Molar bundle: NumPy, ONNX Runtime and SQLite; never torch, never transformers."""

from molar.engine.catalog import Catalog
from molar.engine.catalog_item import CatalogItem
from molar.engine.errors import BundleError, DatasetError, ModelError, MolarError, RequestError, UnavailableError
from molar.engine.explain import Explanation
from molar.engine.item_encoder import NewItem
from molar.engine.recommendation import Recommendation
from molar.engine.recommender import Recommender

__all__ = [
    "BundleError",
    "Catalog",
    "CatalogItem",
    "DatasetError",
    "Explanation",
    "ModelError",
    "MolarError",
    "NewItem",
    "Recommendation",
    "Recommender",
    "RequestError",
    "UnavailableError",
]
