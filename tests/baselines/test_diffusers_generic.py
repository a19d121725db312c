"""Any autoencoder of diffusers by its repository or folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.media.pixels import to_float
from tokenbench.registry import find_card, load_tokenizer
from tokenbench.tokenizer import Card, Padding
from tokenbench_baselines.diffusers_models.generic import card

diffusers = pytest.importorskip("diffusers", reason="pip install tokenbench[diffusers]")

NARROW = {"block_out_channels": (4, 4, 8, 8), "latent_channels": 4, "layers_per_block": 1, "norm_num_groups": 2}
KL = {
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "up_block_types": ["UpDecoderBlock2D"] * 3,
    "block_out_channels": [4, 4, 8],
    "latent_channels": 6,
    "norm_num_groups": 2,
}
VQ = {**KL, "num_vq_embeddings": 48, "vq_embed_dim": 4}
COMMIT = "abcdef1" + "1" * 33


def save(folder: Path, class_name: str, config: dict[str, Any]) -> Any:
    torch.manual_seed(0)
    network = getattr(diffusers, class_name)(**config).eval()
    network.save_pretrained(folder)
    return network


def made(name: str) -> Card:
    found = card(name)
    assert found is not None
    return found


def refusal(name: str) -> str:
    with pytest.raises(TokenBenchError) as caught:
        card(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_network_of_pictures_is_measured_and_used(tmp_path: Path, carphone: NDArray[np.uint8]) -> None:
    network = save(tmp_path / "vae", "AutoencoderKL", KL)
    name = f"diffusers:{tmp_path}#vae"
    info = find_card(name).info
    assert (info.name, info.kind, info.modality) == (name, "continuous", "image")
    assert (info.compression, info.latent_channels, info.bits_per_pixel) == ((1, 4, 4), 6, 6.0)
    assert info.padding == Padding(size=(4, 4))
    assert info.parameters == sum(weight.numel() for weight in network.parameters())
    tokenizer = load_tokenizer(name)
    pictures = to_float(carphone[:2, :36, :44])[0].transpose(0, 1)
    with torch.no_grad():
        expected = network.decode(network.encode(pictures).latent_dist.mode()).sample
    torch.testing.assert_close(tokenizer.reconstruct(pictures), expected)
    random: Any = load_tokenizer(name, weights="random")
    assert random.info.weights == "random initialisation"


def test_a_codebook_gives_codes(tmp_path: Path, carphone: NDArray[np.uint8]) -> None:
    save(tmp_path, "VQModel", VQ)
    tokenizer = made(f"diffusers:{tmp_path}").load()
    assert (tokenizer.info.kind, tokenizer.info.vocabulary) == ("discrete", 48)
    assert tokenizer.info.latent_channels is None
    tokens = tokenizer.encode(to_float(carphone[:1, :36, :44])[0].transpose(0, 1))
    assert tokens.data.shape == (1, 9, 11)
    assert tokens.bits == pytest.approx(99 * np.log2(48))


@pytest.mark.parametrize(
    ("class_name", "config", "compression", "frames", "window"),
    [
        ("AutoencoderKLWan", {"base_dim": 4, "z_dim": 4, "num_res_blocks": 1}, (4, 8, 8), (4, 1), 17),
        ("AutoencoderKLCogVideoX", NARROW, (4, 8, 8), (8, 1), 17),
        (
            "AutoencoderKLMochi",
            {
                "encoder_block_out_channels": (32,) * 4,
                "decoder_block_out_channels": (32,) * 4,
                "latent_channels": 4,
                "layers_per_block": (1,) * 5,
            },
            (6, 8, 8),
            (6, 1),
            19,
        ),
        # It keeps 5, 9, 13 and 17 frames, but of 21 only 18.
        (
            "AutoencoderKLKVAEVideo",
            {"ch": 32, "ch_mult": (1, 1, 1, 1), "num_res_blocks": 1, "z_channels": 4},
            (4, 8, 8),
            (8, 1),
            17,
        ),
    ],
)
def test_frame_counts_that_a_network_keeps_are_found(
    class_name: str,
    config: dict[str, Any],
    compression: tuple[int, int, int],
    frames: tuple[int, int],
    window: int,
    tmp_path: Path,
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": class_name, **config}))
    info = made(f"diffusers:{tmp_path}").info
    assert (info.modality, info.latent_channels, info.window) == ("video", 4, window)
    assert info.compression == compression
    assert info.padding == Padding(frames=frames, size=(8, 8))


def test_a_video_network_is_used(tmp_path: Path, carphone: NDArray[np.uint8]) -> None:
    network = save(tmp_path, "AutoencoderKLWan", {"base_dim": 4, "z_dim": 4, "num_res_blocks": 1})
    video = to_float(carphone[:5, :32, :40])
    with torch.no_grad():
        expected = network.decode(network.encode(video).latent_dist.mode()).sample
    torch.testing.assert_close(load_tokenizer(f"diffusers:{tmp_path}").reconstruct(video), expected)


def test_a_repository_is_read_from_the_hubs_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path / "installed"))
    snapshot = tmp_path / "hub/models--owner--net/snapshots" / COMMIT
    save(snapshot / "vae", "AutoencoderKL", KL)
    found = made(f"diffusers:owner/net@{COMMIT[:7]}#vae")
    assert found.info.weights == "huggingface: owner/net"
    tokenizer: Any = found.load()
    assert tokenizer.provenance["weights"]["revision"] == COMMIT
    assert tokenizer.provenance["weights"]["source"] == "hf:owner/net"
    assert "offline mode" in refusal("diffusers:owner/other")
    assert "diffusers:owner/name#vae" in refusal("diffusers:owner/other")


def test_names_of_others_are_left_alone() -> None:
    assert card("flux-8x8") is None
    assert card("jit:a.jit,b.jit") is None


@pytest.mark.parametrize("name", ["", "net", "a/b/c", "owner/net#", "owner/net#../x", "ow ner/net", "owner/..#/etc"])
def test_names_that_are_none_are_refused(name: str) -> None:
    assert "write diffusers:owner/name" in refusal(f"diffusers:{name}")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "describes None, no autoencoder of diffusers"),
        ({"_class_name": "UNet2DModel"}, "describes UNet2DModel, no autoencoder"),
        ({"_class_name": "os.system"}, "describes os.system, no autoencoder"),
        ({"_class_name": ["AutoencoderKL"]}, "no autoencoder"),
        ({"_class_name": "AutoencoderKLOfTomorrow"}, "has no AutoencoderKLOfTomorrow; pip install --upgrade"),
        ({"_class_name": "AutoencoderKL", "block_out_channels": "x"}, "makes no AutoencoderKL of this configuration"),
        ({"_class_name": "AutoencoderOobleck"}, "nothing comes back from AutoencoderOobleck"),
    ],
)
def test_only_autoencoders_of_the_library_are_made(config: dict[str, Any], said: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert said in refusal(f"diffusers:{tmp_path}")


def test_a_folder_without_a_network_says_which_of_its_folders_have_one(tmp_path: Path) -> None:
    for folder in ("vae", "unet"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "config.json").write_text("{}")
    assert "name one of its folders behind a #: unet, vae" in refusal(f"diffusers:{tmp_path}")
    assert "there is no" in refusal(f"diffusers:{tmp_path}/nowhere")
