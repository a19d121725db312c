"""Cards of the image autoencoders that the diffusers library runs. Importing this costs no torch.

[U] marks what was not checked at its source: most licences, which stand on the pages of the weights, and some
published arguments. Those serve random weights and lone files only: weights in the library's layout bring their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from tokenbench.tokenizer import Card, Padding, TokenizerInfo, nominal_bits_per_pixel
from tokenbench.weights import HubSource
from tokenbench_baselines.diffusers_models.files import layouts
from tokenbench_baselines.diffusers_models.networks import (
    AMUSED,
    ASYMMETRIC_15,
    ASYMMETRIC_20,
    DC_32,
    DC_64,
    DC_128,
    DC_SANA,
    FLUX2,
    KL_4,
    KL_16,
    MOVQ,
    QWEN_IMAGE,
    TINY_4,
    TINY_16,
    Network,
)

# By the name that a package is imported by: what pip installs to have it.
REQUIRES = {"diffusers": "tokenbench[diffusers]"}

_UNVERIFIED = "[U]: not verified, see the page of the weights"

_OPEN_RAIL = "CreativeML OpenRAIL-M [U]"
_MIT = "MIT [U]"
_APACHE = "Apache-2.0 [U]"
_UNKNOWN = "unknown [U]"


@dataclass(frozen=True)
class _Release:
    """Weights of a network.

    Args:
        name: of the tokenizer.
        repository: "owner/name", and the folder in it behind a '#'.
        network: that they are of.
        license: SPDX name where there is one; [U] where it was not checked.
        description: one line.
        released: single file in the form of the authors, if the repository has one too.
        overflows: in float16.
    """

    name: str
    repository: str
    network: Network
    license: str
    description: str
    released: tuple[str, ...] = ()
    overflows: bool = False


def _card(release: _Release) -> Card:
    network = release.network
    compression = (1, network.factor, network.factor)
    token = {"latent_channels": network.latent_channels, "vocabulary": network.vocabulary}
    repository, _, subfolder = release.repository.partition("#")
    marked = "[U]" in release.license + network.source
    return Card(
        info=TokenizerInfo(
            name=f"{release.name}-{network.factor}x{network.factor}",
            kind="discrete" if network.vocabulary else "continuous",
            modality="image",
            compression=compression,
            **token,
            bits_per_pixel=nominal_bits_per_pixel(compression, **token),
            parameters=network.parameters,
            license=release.license,
            weights=f"huggingface: {repository}",
            source=f"{network.source}; {_UNVERIFIED}" if marked else network.source,
            description=release.description,
            padding=Padding(size=(network.multiple, network.multiple)),
        ),
        factory="tokenbench_baselines.diffusers_models.image:load",
        options={
            "class_name": network.class_name,
            "config": network.config,
            **({"overflows": True} if release.overflows else {}),
        },
        hub=HubSource(repository=repository, file_sets=layouts(subfolder, *release.released)),
        requires=REQUIRES,
    )


_RELEASES = (
    _Release(
        "flux",
        "black-forest-labs/FLUX.1-schnell#vae",
        KL_16,
        "Apache-2.0",
        "VAE of FLUX.1 [dev] and [schnell], 16 latent channels",
        released=("ae.safetensors",),
    ),
    _Release(
        "flux2",
        "black-forest-labs/FLUX.2-dev#vae",
        FLUX2,
        "FLUX [dev] Non-Commercial License [U], gated [U]",
        "VAE of FLUX.2, 32 latent channels",
    ),
    _Release("sd", "CompVis/stable-diffusion-v1-4#vae", KL_4, _OPEN_RAIL, "VAE of Stable Diffusion 1"),
    _Release("sd-ft-mse", "stabilityai/sd-vae-ft-mse", KL_4, _MIT, "VAE of Stable Diffusion 1, tuned for MSE"),
    _Release("sd-ft-ema", "stabilityai/sd-vae-ft-ema", KL_4, _MIT, "VAE of Stable Diffusion 1, tuned, EMA weights"),
    _Release(
        "sdxl",
        "stabilityai/sdxl-vae",
        KL_4,
        _MIT,
        "VAE of SDXL; not for float16",
        released=("sdxl_vae.safetensors",),
        overflows=True,
    ),
    _Release("sdxl-fp16-fix", "madebyollin/sdxl-vae-fp16-fix", KL_4, _MIT, "VAE of SDXL, tuned to fit into float16"),
    _Release(
        "sd3",
        "stabilityai/stable-diffusion-3-medium-diffusers#vae",
        KL_16,
        "Stability AI Community License [U], gated [U]",
        "VAE of Stable Diffusion 3 and 3.5, 16 latent channels",
    ),
    _Release(
        "sd-asymmetric-1.5",
        "cross-attention/asymmetric-autoencoder-kl-x-1-5",
        ASYMMETRIC_15,
        _UNKNOWN,
        "VAE of Stable Diffusion 1 with a decoder 1.5 times as wide",
    ),
    _Release(
        "sd-asymmetric-2",
        "cross-attention/asymmetric-autoencoder-kl-x-2",
        ASYMMETRIC_20,
        _UNKNOWN,
        "VAE of Stable Diffusion 1 with a decoder twice as wide",
    ),
    _Release("taesd", "madebyollin/taesd", TINY_4, _MIT, "tiny autoencoder for latents of Stable Diffusion 1"),
    _Release("taesdxl", "madebyollin/taesdxl", TINY_4, _MIT, "tiny autoencoder for latents of SDXL"),
    _Release("taesd3", "madebyollin/taesd3", TINY_16, _MIT, "tiny autoencoder for latents of Stable Diffusion 3"),
    _Release("taef1", "madebyollin/taef1", TINY_16, _MIT, "tiny autoencoder for latents of FLUX.1"),
    _Release("qwen-image", "Qwen/Qwen-Image#vae", QWEN_IMAGE, _APACHE, "VAE of Qwen-Image; a picture is a first frame"),
    *(
        _Release(
            f"dc-ae-f{network.factor}c{network.latent_channels}-{trained}",
            f"mit-han-lab/dc-ae-f{network.factor}c{network.latent_channels}-{trained}-1.0-diffusers",
            network,
            _UNKNOWN,
            f"deep compression autoencoder, {data}",
        )
        for trained, data, networks in (
            ("sana", "that of Sana", (DC_SANA,)),
            ("in", "trained on ImageNet", (DC_32, DC_64, DC_128)),
            ("mix", "trained on a mixture of data sets", (DC_32, DC_64, DC_128)),
        )
        for network in networks
    ),
    _Release(
        "movq", "kandinsky-community/kandinsky-2-2-decoder#movq", MOVQ, _APACHE, "MoVQ of Kandinsky 2.2, 16384 codes"
    ),
    _Release("amused", "amused/amused-256#vqvae", AMUSED, "OpenRAIL++ [U]", "VQGAN of aMUSEd, 8192 codes"),
)

CARDS: list[Card] = [_card(release) for release in _RELEASES]
