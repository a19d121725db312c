"""The same weights give the same numbers in other people's classes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from cosmos_support import fill_by_formula
from torch import Tensor
from torch.nn import functional as F
from vq_support import noise, small_config, small_network

from tokenbench_baselines.vq.codebook import CodebookNetwork
from tokenbench_baselines.vq.config import CodebookConfig

# VQGAN's names, and those of the diffusers library. Levels of its decoder count from the lowest resolution.
_DIFFUSERS = (
    (r"\bdown\.(\d)\.block\.", r"down_blocks.\1.resnets."),
    (r"\bdown\.(\d)\.attn\.", r"down_blocks.\1.attentions."),
    (r"\bdown\.(\d)\.downsample\.", r"down_blocks.\1.downsamplers.0."),
    (r"\bup\.(\d)\.block\.", r"up_blocks.\1.resnets."),
    (r"\bup\.(\d)\.attn\.", r"up_blocks.\1.attentions."),
    (r"\bup\.(\d)\.upsample\.", r"up_blocks.\1.upsamplers.0."),
    (r"\bmid\.block_1\.", "mid_block.resnets.0."),
    (r"\bmid\.block_2\.", "mid_block.resnets.1."),
    (r"\bmid\.attn_1\.", "mid_block.attentions.0."),
    (r"(attentions\.\d)\.norm\.", r"\1.group_norm."),
    (r"(attentions\.\d)\.([qkv])\.", r"\1.to_\2."),
    (r"(attentions\.\d)\.proj_out\.", r"\1.to_out.0."),
    (r"nin_shortcut", "conv_shortcut"),
    (r"\bnorm_out\b", "conv_norm_out"),
)


def network(name: str) -> tuple[CodebookNetwork, CodebookConfig]:
    module, config = small_network(name), small_config(name)
    assert isinstance(module, CodebookNetwork)
    assert isinstance(config, CodebookConfig)
    return module, config


def diffusers_state(state: dict[str, Tensor], levels: int) -> dict[str, Tensor]:
    renamed = {}
    for key, tensor in state.items():
        key = re.sub(r"\bup\.(\d)\.", lambda match: f"up.{levels - 1 - int(match[1])}.", key)
        for pattern, name in _DIFFUSERS:
            key = re.sub(pattern, name, key)
        linear = re.search(r"attentions\.\d\.to_.*weight", key)
        renamed[key] = tensor[:, :, 0, 0] if linear else tensor
    return renamed


@pytest.mark.parametrize("name", ["vqgan-f16-16384", "vqgan-f8-16384", "ibq-16384"])
@torch.no_grad()
def test_vqgan_is_the_vq_model_of_diffusers(name: str) -> None:
    diffusers: Any = pytest.importorskip("diffusers")
    ours, config = network(name)
    attends = [level in config.attention_levels for level in range(len(config.widths))]
    theirs = diffusers.VQModel(
        block_out_channels=config.widths,
        down_block_types=["AttnDownEncoderBlock2D" if here else "DownEncoderBlock2D" for here in attends],
        up_block_types=["AttnUpDecoderBlock2D" if here else "UpDecoderBlock2D" for here in reversed(attends)],
        layers_per_block=config.encoder_blocks,
        latent_channels=config.z_channels,
        num_vq_embeddings=config.codes,
        vq_embed_dim=config.code_width,
    ).eval()
    theirs.load_state_dict(diffusers_state(ours.state_dict(), len(config.widths)))
    images = noise(2, 3, 48, 32)
    z = theirs.encode(images).latents
    torch.testing.assert_close(ours.latent(images), z, rtol=0, atol=1e-5 * float(z.abs().max()))
    if config.lookup == "euclidean":
        codes = theirs.quantize(z)[2][2].view(2, *z.shape[2:])
        assert torch.equal(ours.encode(images), codes.int())
        assert len(codes.unique()) > 1
    codes = torch.arange(12).view(2, 3, 2) * 5
    rows = ours.quantize.embedding(codes).permute(0, 3, 1, 2)
    expected = theirs.decode(rows, force_not_quantize=True).sample
    torch.testing.assert_close(ours.decode(codes), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


@torch.no_grad()
def test_janus_is_that_of_transformers_but_for_the_length_of_codes() -> None:
    janus: Any = pytest.importorskip("transformers.models.janus.modeling_janus")
    ours, config = network("janus-16x16")
    settings = janus.JanusVQVAEConfig(
        embed_dim=config.code_width,
        num_embeddings=config.codes,
        latent_channels=config.z_channels,
        base_channels=config.channels,
        channel_multiplier=list(config.multipliers),
        num_res_blocks=config.encoder_blocks,
        num_patches=3,
    )
    theirs = janus.JanusVQVAE(settings).eval()
    theirs.load_state_dict(ours.state_dict())
    images = noise(2, 3, 48, 48)
    z = theirs.quant_conv(theirs.encoder(images.clone()))
    torch.testing.assert_close(ours.latent(images), z, rtol=0, atol=1e-5 * float(z.abs().max()))
    codes = torch.arange(18).view(2, 3, 3) * 3
    expected = theirs.decode(codes.flatten(1))
    torch.testing.assert_close(ours.decode(codes), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
    # Theirs compares lengths too when it encodes; both agree where all lengths are 1.
    theirs.quantize.embedding.weight.data = F.normalize(theirs.quantize.embedding.weight.data, dim=-1)
    assert torch.equal(ours.encode(images).flatten(), theirs.quantize(F.normalize(z, dim=1))[2].int())


@torch.no_grad()
def test_llamagen_is_janus_under_other_names() -> None:
    llamagen, config = network("llamagen-16x16")
    janus = CodebookNetwork(replace(small_config("janus-16x16"), usage=config.usage)).eval()
    fill_by_formula(janus)
    values = dict(janus.named_parameters())
    for key, parameter in llamagen.named_parameters():
        for ours, theirs in (
            ("encoder.conv_blocks", "encoder.down"),
            ("decoder.conv_blocks", "decoder.up"),
            (".res.", ".block."),
            (".mid.0.", ".mid.block_1."),
            (".mid.1.", ".mid.attn_1."),
            (".mid.2.", ".mid.block_2."),
        ):
            key = key.replace(ours, theirs)
        parameter.data = values[key]
    images = noise(1, 3, 32, 48)
    assert torch.equal(llamagen(images), janus(images))
