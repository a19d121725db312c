"""Cards of VidTok's released checkpoints. Importing this costs no torch."""

from __future__ import annotations

import re
from typing import Any

from tokenbench.tokenizer import Card, Padding, TokenizerInfo, nominal_bits_per_pixel
from tokenbench.weights import HubSource
from tokenbench_baselines.diffusers_models.cards import REQUIRES

REPOSITORY = "microsoft/VidTok"

# What was released, by its file's name, and the parameters of its network.
RELEASES = {
    "vidtok_kl_causal_488_4chn": 157_451_663,
    "vidtok_kl_causal_488_8chn": 157_617_559,
    "vidtok_kl_causal_488_16chn": 157_949_351,
    "vidtok_kl_causal_288_8chn": 148_769_429,
    "vidtok_kl_causal_444_4chn": 154_944_271,
    "vidtok_kl_causal_41616_4chn": 198_967_951,
    "vidtok_kl_noncausal_488_4chn": 157_451_663,
    "vidtok_kl_noncausal_41616_4chn": 198_967_951,
    "vidtok_fsq_causal_488_4096": 157_396_363,
    "vidtok_fsq_causal_488_32768": 157_424_012,
    "vidtok_fsq_causal_488_262144": 157_451_661,
    "vidtok_fsq_causal_41616_262144": 198_967_949,
    "vidtok_fsq_noncausal_488_262144": 157_451_661,
    "vidtok_fsq_noncausal_41616_262144": 198_967_949,
    "vidtok_kl_causal_488_4chn_v1_1": 157_451_663,
    "vidtok_kl_causal_488_8chn_v1_1": 157_617_559,
    "vidtok_kl_causal_488_16chn_v1_1": 157_949_351,
    "vidtok_kl_causal_288_8chn_v1_1": 148_769_429,
    "vidtok_kl_causal_41616_16chn_v1_1": 199_465_639,
    "vidtok_fsq_causal_488_32768_v1_1": 157_424_012,
    "vidtok_fsq_causal_888_32768_v1_1": 164_944_910,
    "vidtok_fsq_causal_41616_262144_v1_1": 198_967_949,
}

_NAME = re.compile(
    r"vidtok_(?P<kind>kl|fsq)_(?P<time>causal|noncausal)_(?P<factors>\d+)_(?P<size>\d+)(chn)?(?P<new>_v1_1)?"
)

# Compression that a name stands for, and the arguments that make it; a fifth level halves space once more.
_FACTORS: dict[str, tuple[tuple[int, int, int], dict[str, Any]]] = {
    "488": ((4, 8, 8), {}),
    "288": ((2, 8, 8), {"tempo_ds": [1], "tempo_us": [2]}),
    "444": ((4, 4, 4), {"spatial_ds": [1, 2], "spatial_us": [1, 2]}),
    "41616": ((4, 16, 16), {"ch_mult": [1, 2, 4, 4, 4]}),
    "888": ((8, 8, 8), {"tempo_ds": [0, 1, 2], "tempo_us": [1, 2, 3]}),
}

# Codes have 8 levels on every channel.
_FSQ_CHANNELS = {8**channels: channels for channels in (4, 5, 6)}


def config_of(checkpoint: str) -> dict[str, Any]:
    """Arguments of the library's class that make the network of a release."""
    match = _NAME.fullmatch(checkpoint)
    assert match is not None, checkpoint
    size = int(match["size"])
    config = {"is_causal": match["time"] == "causal", **_FACTORS[match["factors"]][1]}
    if match["kind"] == "kl":
        return {**config, "z_channels": size}
    return {
        **config,
        "z_channels": _FSQ_CHANNELS[size],
        "double_z": False,
        "regularizer": "fsq",
        "codebook_size": size,
    }


def _card(checkpoint: str, parameters: int) -> Card:
    match = _NAME.fullmatch(checkpoint)
    assert match is not None, checkpoint
    compression = _FACTORS[match["factors"]][0]
    is_causal, size, version = match["time"] == "causal", int(match["size"]), "1.1" if match["new"] else "1.0"
    vocabulary, channels = (None, size) if match["kind"] == "kl" else (size, None)
    file = f"checkpoints/{'vidtok_v1_1/' if match['new'] else ''}{checkpoint}.ckpt"
    shown = "x".join(map(str, compression))
    suffix = f"{size}chn" if channels else str(size)
    token = f"{vocabulary} codes (FSQ)" if vocabulary else f"{channels} latent channels"
    return Card(
        info=TokenizerInfo(
            name=f"vidtok-{match['kind']}-{match['time']}-{shown}-{suffix}{'-v1.1' if match['new'] else ''}",
            kind="discrete" if vocabulary else "continuous",
            compression=compression,
            latent_channels=channels,
            vocabulary=vocabulary,
            bits_per_pixel=nominal_bits_per_pixel(compression, latent_channels=channels, vocabulary=vocabulary),
            parameters=parameters,
            license="MIT",
            weights=f"huggingface: {REPOSITORY} ({file})",
            source="arXiv 2412.13061; window as in its own evaluation, clips of 17 frames (16 where not causal)",
            description=f"VidTok {version}: {'causal' if is_causal else 'not causal'}, {token}",
            window=17 if is_causal else 16,
            padding=Padding(frames=(compression[0], 1 if is_causal else 0), size=compression[1:]),
        ),
        factory="tokenbench_baselines.diffusers_models.vidtok:load",
        options={"checkpoint": checkpoint, "config": config_of(checkpoint)},
        hub=HubSource(
            repository=REPOSITORY,
            # A folder may also hold the file itself, or what the library saved.
            file_sets=((file,), (f"{checkpoint}.ckpt",), ("diffusion_pytorch_model.safetensors",)),
        ),
        requires=REQUIRES,
    )


CARDS: list[Card] = [_card(*release) for release in RELEASES.items()]
