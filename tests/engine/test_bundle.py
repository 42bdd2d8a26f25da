"""A bundle is what was exported, byte for byte, or it is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from molar.engine import BundleError, Recommender
from molar.engine.bundle import Manifest, file_facts, map_tensors, open_bundle, table_tensors


def rewrite(bundle: Path, manifest: Manifest) -> None:
    (bundle / "manifest.json").write_text(manifest.to_json())


def test_tables_are_mapped_and_equal_to_the_librarys_copy(bundle: Path) -> None:
    mapped = map_tensors(bundle / "items.safetensors", table_tensors(open_bundle(bundle)))
    for name, table in load_file(bundle / "items.safetensors").items():
        assert isinstance(mapped[name], np.memmap)
        assert np.array_equal(mapped[name], table)
        assert table.shape[0] == 64  # 24 items, and zeros
        assert not table[24:].any()


def test_every_changed_byte_is_found(broken_bundle: Path) -> None:
    """1,000 bytes anywhere in it, the manifest among them."""
    rng = np.random.default_rng(0)
    files = sorted(broken_bundle.iterdir())
    assert len(files) == len(open_bundle(broken_bundle).files) + 1
    for number in range(1000):
        path = files[number % len(files)]
        content = bytearray(path.read_bytes())
        place = int(rng.integers(len(content)))
        before = content[place]
        content[place] ^= int(rng.integers(1, 256))
        path.write_bytes(content)
        with pytest.raises(BundleError):
            open_bundle(broken_bundle)
        content[place] = before
        path.write_bytes(content)
    open_bundle(broken_bundle)


@pytest.mark.parametrize("name", ["recommender.onnx", "items.safetensors", "catalog.db"])
def test_a_flipped_bit_is_named(broken_bundle: Path, name: str) -> None:
    content = bytearray((broken_bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (broken_bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name}: its SHA-256 is not the manifest's; the file is damaged"):
        Recommender.load(broken_bundle)


def test_missing_short_and_foreign_bundles(broken_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such folder; give a bundle made by `molar export`"):
        Recommender.load(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"manifest\.json: missing; .* is no bundle"):
        Recommender.load(tmp_path)
    graph = broken_bundle / "recommender.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    with pytest.raises(BundleError, match="the file is cut off or was changed"):
        Recommender.load(broken_bundle)
    graph.unlink()
    with pytest.raises(BundleError, match=r"recommender\.onnx: missing"):
        Recommender.load(broken_bundle)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "images/../../secret"])
def test_a_manifest_that_points_outside_of_its_folder(broken_bundle: Path, name: str) -> None:
    (broken_bundle.parent / "secret").write_text("no")
    manifest = open_bundle(broken_bundle)
    rewrite(broken_bundle, replace(manifest, files={**manifest.files, name: manifest.files["catalog.db"]}))
    with pytest.raises(BundleError, match=r"manifest\.json: lists .* which is not a file of this folder"):
        Recommender.load(broken_bundle)


def test_a_link_in_the_place_of_a_file(broken_bundle: Path) -> None:
    catalog = broken_bundle / "catalog.db"
    catalog.rename(broken_bundle.parent / "elsewhere.db")
    catalog.symlink_to(broken_bundle.parent / "elsewhere.db")
    with pytest.raises(BundleError, match=r"lists 'catalog\.db', which is not a file of this folder"):
        Recommender.load(broken_bundle)


def test_a_manifest_of_another_version_or_broken(broken_bundle: Path) -> None:
    path = broken_bundle / "manifest.json"
    text = path.read_text()
    manifest = json.loads(text)
    path.write_text(json.dumps(manifest | {"format_version": 99}))
    with pytest.raises(BundleError, match="format 99 is newer than this version of Molar reads; upgrade molar"):
        Recommender.load(broken_bundle)
    path.write_text(json.dumps(manifest | {"format_version": 2}))
    with pytest.raises(BundleError, match="format 2 is older than this version of Molar reads; export it again"):
        Recommender.load(broken_bundle)
    path.write_text(text[:-30])
    with pytest.raises(BundleError, match=r"manifest\.json: damaged"):
        Recommender.load(broken_bundle)
    path.write_text(text.replace('"Test shop"', '"Fest shop"'))
    with pytest.raises(BundleError, match=r"manifest\.json: not as it was exported; it is damaged or was changed"):
        Recommender.load(broken_bundle)


def test_a_table_that_is_not_as_the_manifest_says(broken_bundle: Path) -> None:
    path = broken_bundle / "items.safetensors"
    manifest = open_bundle(broken_bundle)
    tables = load_file(path)
    changes = {
        r"aligned is F32 \(128, \d+\), the manifest asks for F32 \(64, \d+\)": {
            name: np.concatenate([table, table]) for name, table in tables.items()
        },
        "ids is missing": {name: table for name, table in tables.items() if name != "ids"},
        "content is F16": {**tables, "content": tables["content"].astype(np.float16)},
    }
    for message, changed in changes.items():
        save_file(changed, path)
        rewrite(broken_bundle, replace(manifest, files={**manifest.files, path.name: file_facts(path)}))
        with pytest.raises(BundleError, match=message):
            Recommender.load(broken_bundle)
