"""Image autoencoders of diffusers: the true classes at reduced width, in the files that the library writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.streams import open_stream
from tokenbench.evaluation.windows import Compute
from tokenbench.media.clip import Clip
from tokenbench.media.pixels import to_float
from tokenbench.registry import find_card
from tokenbench.tokenizer import Tokens
from tokenbench_baselines.diffusers_models import image
from tokenbench_baselines.diffusers_models.cards import CARDS
from tokenbench_baselines.diffusers_models.image import ImageAutoencoder

diffusers = pytest.importorskip("diffusers", reason="pip install tokenbench[diffusers]")

CARD = {card.info.name: card for card in CARDS}

KL = {"block_out_channels": [4, 4, 4, 8], "norm_num_groups": 2, "layers_per_block": 1}
TINY = {
    "encoder_block_out_channels": [4] * 4,
    "decoder_block_out_channels": [4] * 4,
    "num_encoder_blocks": [1] * 4,
    "num_decoder_blocks": [1] * 4,
}
DC = {
    "encoder_block_out_channels": [8, 8, 8, 16, 32, 32],
    "decoder_block_out_channels": [8, 8, 8, 16, 32, 32],
    "encoder_layers_per_block": [1] * 6,
    "decoder_layers_per_block": [1] * 6,
    "attention_head_dim": 8,
}

# Arguments that make each network narrow and shallow, beside those of its card; what a token is stays.
REDUCED: dict[str, dict[str, Any]] = {
    "flux-8x8": KL,
    "sd-ft-mse-8x8": KL,
    "flux2-8x8": KL,
    "sd-asymmetric-2-8x8": {
        "down_block_out_channels": [4] * 4,
        "up_block_out_channels": [4] * 4,
        "norm_num_groups": 2,
        "layers_per_down_block": 1,
        "layers_per_up_block": 1,
    },
    "taesd-8x8": TINY,
    "taef1-8x8": TINY,
    "qwen-image-8x8": {"base_dim": 4, "num_res_blocks": 1},
    "dc-ae-f32c32-sana-32x32": DC,
    "dc-ae-f32c32-mix-32x32": {**DC, "encoder_layers_per_block": [0, 1, 1, 1, 1, 1]},
    # The library normalises 32 groups of it, whatever the configuration says.
    "movq-8x8": {**KL, "block_out_channels": [32] * 4},
    "amused-16x16": {**KL, "block_out_channels": [4, 4, 4, 4, 8]},
}


@pytest.fixture(scope="module")
def pictures(mini: dict[str, Clip], carphone: NDArray[np.uint8]) -> Tensor:
    """2 x 3 x 64 x 96, of a cat and a man."""
    cat = next(mini["chelsea"].chunks(1))[:, 60:124, 100:196]
    return to_float(np.concatenate([cat, carphone[:1, 30:94, 40:136]]))[0].transpose(0, 1)


def network(name: str, seed: int = 0) -> Any:
    """The card's class at reduced width."""
    options = CARD[name].options
    torch.manual_seed(seed)
    return getattr(diffusers, options["class_name"])(**{**options["config"], **REDUCED[name]}).eval()


def saved(name: str, folder: Path, **given: Any) -> ImageAutoencoder:
    """The card's tokenizer with a reduced network, from files that the library wrote."""
    network(name).save_pretrained(folder / "vae" if "flux" in name else folder)
    tokenizer = CARD[name].load(weights=str(folder), **given)
    assert isinstance(tokenizer, ImageAutoencoder)
    return tokenizer


@torch.no_grad()
def directly(module: Any, pictures: Tensor) -> Tensor:
    """What the class itself makes of pictures, at the mode of its posterior."""
    if isinstance(module, diffusers.AutoencoderKLQwenImage):
        return module.decode(module.encode(pictures.unsqueeze(2)).latent_dist.mode()).sample.squeeze(2)
    encoded = module.encode(pictures)
    if isinstance(module, diffusers.AutoencoderDC):
        return module.decode(encoded.latent).sample
    if isinstance(module, diffusers.AutoencoderTiny):
        return module.decode(encoded.latents).sample
    if isinstance(module, diffusers.VQModel):
        # The library looks codes up when it decodes.
        return module.decode(encoded.latents).sample
    return module.decode(encoded.latent_dist.mode()).sample


@pytest.mark.parametrize("name", REDUCED)
def test_a_saved_network_gives_what_its_class_gives(name: str, pictures: Tensor, tmp_path: Path) -> None:
    tokenizer = saved(name, tmp_path)
    info = tokenizer.info
    tokens = tokenizer.encode(pictures)
    factor = info.compression[1]
    grid = (64 // factor, 96 // factor)
    if info.vocabulary is None:
        assert tokens.data.shape == (2, info.latent_channels, *grid)
        assert tokens.bits == 16 * tokens.data.numel()
    else:
        assert tokens.data.shape == (2, *grid)
        assert tokens.data.dtype == torch.int32
        assert tokens.bits == np.log2(info.vocabulary) * tokens.data.numel()
    assert info.bits_per_pixel == pytest.approx(tokens.bits / (2 * 64 * 96))
    reconstruction = tokenizer.decode(tokens)
    torch.testing.assert_close(reconstruction, directly(network(name), pictures), rtol=0, atol=1e-4)
    assert reconstruction.std() > 1e-3
    assert torch.equal(reconstruction, tokenizer.reconstruct(pictures))
    assert info.parameters == sum(weight.numel() for weight in tokenizer.module.parameters())
    posterior = "mode" if "KL" in CARD[name].options["class_name"] else "none"
    assert tokenizer.provenance["settings"]["posterior"] == posterior
    assert tokenizer.provenance["settings"].get("use_tiling", False) is False
    assert set(tokenizer.provenance["weights"]["files"]) == {"config.json", "diffusion_pytorch_model.safetensors"}


@pytest.mark.parametrize("name", ["flux-8x8", "flux2-8x8", "taesd-8x8", "dc-ae-f32c32-sana-32x32", "amused-16x16"])
def test_odd_sizes_are_padded_and_cropped_never_cut(name: str, carphone: NDArray[np.uint8], tmp_path: Path) -> None:
    tokenizer = saved(name, tmp_path)
    frames = carphone[:2, 10:81, 20:113]
    stream = open_stream(tokenizer, Compute(torch.device("cpu"), torch.float32), fps=25)
    parts = [stream.push(frames), stream.flush()]
    assert sum(len(part) for part in parts) == 2
    assert all(part.shape[1:] == (71, 93, 3) for part in parts)
    with pytest.raises(ClipError, match=f"71 x 93 is not a multiple of {tokenizer.info.padding.size[0]}; pad H x W to"):
        tokenizer.encode(to_float(frames)[0].transpose(0, 1))


@pytest.mark.parametrize("name", CARD)
def test_full_networks_have_the_parameters_of_their_cards(name: str) -> None:
    card = CARD[name]
    with torch.device("meta"):
        module = getattr(diffusers, card.options["class_name"])(**card.options["config"])
    assert sum(weight.numel() for weight in module.parameters()) == card.info.parameters


# From the model papers and the sheet of facts, in millions.
@pytest.mark.parametrize(
    ("name", "millions"),
    [("flux-8x8", 84), ("sd-ft-mse-8x8", 84), ("dc-ae-f32c32-in-32x32", 323), ("dc-ae-f64c128-in-64x64", 677)],
)
def test_parameters_are_those_that_papers_give(name: str, millions: int) -> None:
    assert round(CARD[name].info.parameters / 1e6) == millions


def test_random_weights_of_the_full_network(pictures: Tensor) -> None:
    card = find_card("taesd-8x8")
    first, second = card.load(weights="random"), card.load(weights="random")
    assert isinstance(first, ImageAutoencoder)
    assert isinstance(first.module, torch.nn.Module)
    assert first.info == replace(card.info, weights="random initialisation")
    assert torch.equal(first.reconstruct(pictures), second.reconstruct(pictures))


def test_cards_are_registered_and_say_what_to_install() -> None:
    for name, card in CARD.items():
        assert find_card(name) == card
        assert card.requires == {"diffusers": "tokenbench[diffusers]"}
        assert card.info.padding.size[0] % card.info.compression[1] == 0
        assert ("[U]" in card.info.license) <= ("[U]" in card.info.source)


def test_a_large_batch_in_parts_is_one_pass(pictures: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = saved("sd-ft-mse-8x8", tmp_path)
    whole = tokenizer.encode(pictures)
    monkeypatch.setattr(image, "_PIXELS_AT_ONCE", 64 * 96)
    parts = tokenizer.encode(pictures)
    torch.testing.assert_close(parts.data, whole.data)
    assert parts.bits == whole.bits
    assert tokenizer.decode(parts).shape == pictures.shape


def test_sdxl_in_float16_is_warned_of(pictures: Tensor, tmp_path: Path) -> None:
    network("sd-ft-mse-8x8").save_pretrained(tmp_path)
    card = find_card("sdxl-8x8")
    with pytest.warns(UserWarning, match="sdxl-8x8 is known to overflow in float16; take bfloat16 or float32"):
        tokenizer: Any = card.load(weights=str(tmp_path), dtype=torch.float16)
    assert tokenizer.provenance["settings"]["dtype"] == "float16"
    assert tokenizer.reconstruct(pictures).dtype == torch.float16
    tokens = tokenizer.encode(pictures)
    tokenizer.module.decoder.conv_in.bias.fill_(60000)
    tokenizer.module.decoder.conv_in.weight.fill_(60000)
    with pytest.raises(ClipError, match=r"sdxl-8x8: decode overflowed in float16 .* take bfloat16 or float32"):
        tokenizer.decode(tokens)
    tokenizer.module.encoder.conv_in.bias.fill_(torch.nan)
    with pytest.raises(ClipError, match="encode overflowed in float16"):
        tokenizer.encode(pictures)


def test_only_sdxl_is_warned_of(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    network("sd-ft-mse-8x8").save_pretrained(tmp_path)
    find_card("sdxl-8x8").load(weights=str(tmp_path), dtype=torch.bfloat16)
    find_card("sdxl-fp16-fix-8x8").load(weights=str(tmp_path), dtype=torch.float16)
    assert not [warning for warning in recwarn if "overflow" in str(warning.message)]


def test_what_is_no_picture_or_token_is_refused(pictures: Tensor, tmp_path: Path) -> None:
    tokenizer = saved("flux-8x8", tmp_path / "flux")
    for wrong in (pictures[0], pictures[:, :1], pictures[:0], pictures.unsqueeze(2)):
        with pytest.raises(TokenBenchError, match="flux-8x8 takes B x 3 x H x W"):
            tokenizer.encode(wrong)
    for data in (torch.zeros(1, 4, 8, 8), torch.zeros(1, 16, 8, 8, dtype=torch.int32), torch.zeros(16, 8, 8), None):
        with pytest.raises(TokenBenchError, match="flux-8x8 decodes latents B x 16 x h x w"):
            tokenizer.decode(Tokens(data, None))
    discrete = saved("movq-8x8", tmp_path / "movq")
    for codes in (torch.zeros(1, 8, 8), torch.zeros(1, 4, 8, 8, dtype=torch.int64)):
        with pytest.raises(TokenBenchError, match="movq-8x8 decodes whole numbers B x h x w"):
            discrete.decode(Tokens(codes, None))
    with pytest.raises(TokenBenchError, match="decodes codes 0 to 16383, got 0 to 16384"):
        discrete.decode(Tokens(torch.tensor([[[0, 16384]]]), None))


def test_codes_are_those_of_the_nearest_rows(pictures: Tensor, tmp_path: Path) -> None:
    tokenizer = saved("movq-8x8", tmp_path)
    latents = tokenizer.module.encode(pictures).latents.detach()
    rows = tokenizer.module.quantize.embedding.weight
    nearest = torch.cdist(latents.permute(0, 2, 3, 1).flatten(0, 2).double(), rows.double()).argmin(1)
    assert (tokenizer.encode(pictures).data.flatten() == nearest).float().mean() > 0.99


def test_weights_with_other_latents_are_refused(pictures: Tensor, tmp_path: Path) -> None:
    network("sd-ft-mse-8x8").save_pretrained(tmp_path / "vae")
    tokenizer: Any = find_card("flux-8x8").load(weights=str(tmp_path))
    with pytest.raises(ClipError, match="encode gave 2 x 4 x 8 x 12, expected 2 x 16 x 8 x 12; take the weights"):
        tokenizer.encode(pictures)
