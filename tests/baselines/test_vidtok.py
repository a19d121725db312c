"""VidTok through diffusers: released checkpoints at reduced width, and both versions of its causal layers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.media.pixels import to_float
from tokenbench.tokenizer import Card, Tokens
from tokenbench_baselines.diffusers_models.vidtok import VidTok
from tokenbench_baselines.diffusers_models.vidtok_cards import CARDS

diffusers = pytest.importorskip("diffusers", reason="pip install tokenbench[diffusers]")

CARD = {card.options["checkpoint"]: card for card in CARDS}
STATES = Path(__file__).parents[3] / "shared/facts/statedict"

KL, KL_NEW = "vidtok_kl_causal_488_4chn", "vidtok_kl_causal_488_4chn_v1_1"
FSQ, FSQ_NEW = "vidtok_fsq_causal_488_32768", "vidtok_fsq_causal_888_32768_v1_1"
NOT_CAUSAL = "vidtok_kl_noncausal_488_4chn"


@pytest.fixture(scope="module")
def video(carphone: NDArray[np.uint8]) -> Tensor:
    """1 x 3 x 24 x 16 x 24."""
    return to_float(carphone[:, 60:76, 60:84])


def small_card(checkpoint: str) -> Card:
    card = CARD[checkpoint]
    config = {**card.options["config"], "ch": 8, "num_res_blocks": 1}
    return replace(card, options={**card.options, "config": config})


def small(checkpoint: str, weights: str = "random") -> VidTok:
    made = small_card(checkpoint).load(weights)
    assert isinstance(made, VidTok)
    return made


def raw(checkpoint: str) -> Any:
    """The library's class as the library makes it, with the weights of `small`."""
    module = diffusers.AutoencoderVidTok.from_config(small_card(checkpoint).options["config"])
    module.load_state_dict(small(checkpoint).module.state_dict())
    return module.eval()


@pytest.mark.parametrize("checkpoint", [KL, KL_NEW, FSQ, FSQ_NEW, NOT_CAUSAL])
def test_released_checkpoints_load_whole(checkpoint: str, video: Tensor, tmp_path: Path) -> None:
    state = small(checkpoint).module.state_dict()
    assert {key.partition(".")[0] for key in state} == {"encoder", "decoder"}
    rest = {"loss.logvar": torch.zeros(1), "model_ema.num_updates": torch.tensor(3), "model_ema.decoder": torch.ones(2)}
    path = tmp_path / f"{checkpoint}.ckpt"
    torch.save({"state_dict": state | rest, "global_step": 3}, path)
    clip = video[:, :, :16] if checkpoint == NOT_CAUSAL else video[:, :, :17]
    expected = small(checkpoint).reconstruct(clip)
    for place in (path, tmp_path):
        tokenizer = small(checkpoint, str(place))
        assert torch.allclose(tokenizer.reconstruct(clip), expected, atol=1e-5)
        assert set(tokenizer.provenance["weights"]["files"]) == {path.name}
    lacking = dict(list(state.items())[1:])
    torch.save({"state_dict": lacking | rest}, path)
    with pytest.raises(TokenBenchError, match=r"lacks encoder\.conv_in"):
        small(checkpoint, str(path))


def test_a_checkpoint_of_another_release_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"{KL}.ckpt"
    torch.save(small(KL).module.state_dict(), path)
    with pytest.raises(TokenBenchError, match=rf"{KL}\.ckpt is another release of VidTok than {KL_NEW}"):
        small(KL_NEW, str(path))
    path.rename(tmp_path / "mine.ckpt")
    assert small(KL_NEW, str(tmp_path / "mine.ckpt")).provenance["settings"]["version"] == "1.1"


@pytest.mark.parametrize("checkpoint", CARD)
def test_full_networks_have_the_parameters_of_their_cards(checkpoint: str) -> None:
    info = CARD[checkpoint].info
    shapes = full_shapes(checkpoint)
    assert sum(math.prod(shape) for shape in shapes.values()) == info.parameters
    path = STATES / f"{checkpoint}.tsv"
    if path.is_file():
        rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
        listed = {name: tuple(int(size) for size in shape.split("x")) for name, shape, _ in rows}
        assert {name: tuple(shape) for name, shape in shapes.items()} == listed
    multiple, rest = info.padding.frames
    assert info.window is not None
    assert info.window % multiple == rest


def full_shapes(checkpoint: str) -> dict[str, torch.Size]:
    """Of the network's tensors; codes add none, but their tables cannot lie on the meta device."""
    with torch.device("meta"):
        module = diffusers.AutoencoderVidTok.from_config({**CARD[checkpoint].options["config"], "regularizer": "kl"})
    return {name: tensor.shape for name, tensor in module.state_dict().items()}


def test_listed_states_are_there() -> None:
    if not STATES.is_dir():
        pytest.skip("the lists of released tensors are not beside this repository")
    assert len({path.stem for path in STATES.glob("vidtok_*.tsv")} & CARD.keys()) == 7


@pytest.mark.parametrize("checkpoint", [KL_NEW, FSQ_NEW])
def test_version_1_1_is_what_the_library_computes(checkpoint: str, video: Tensor) -> None:
    module = raw(checkpoint)
    clip = video[:, :, :17]
    with torch.no_grad():
        expected = module(clip, sample_posterior=False).sample
        if checkpoint == KL_NEW:
            assert not torch.equal(module(clip).sample, module(clip).sample), "the library samples if not told"
    tokenizer = small(checkpoint)
    assert torch.allclose(tokenizer.reconstruct(clip), expected, atol=1e-5)
    assert tokenizer.provenance["settings"]["version"] == "1.1"


def test_the_first_frame_is_repeated_in_front(video: Tensor) -> None:
    with torch.no_grad():
        bare = raw(KL_NEW).encode(video[:, :, :9]).latent_dist.mode()
    tokens = small(KL_NEW).encode(video[:, :, :9]).data
    assert bare.shape[2] == 2
    assert tokens.shape == (1, 4, 3, 2, 3)
    # So the first token knows the first frame alone.
    assert torch.allclose(tokens[:, :, :1], small(KL_NEW).encode(video[:, :, :1]).data, atol=1e-5)


@pytest.mark.parametrize("checkpoint", [KL, FSQ])
def test_version_1_0_begins_with_zeros_and_repeats_frames(
    checkpoint: str, video: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = video[:, :, :9]
    tokenizer = small(checkpoint)
    assert tokenizer.provenance["settings"]["version"] == "1.0"
    tokens = tokenizer.encode(clip)
    decoded = tokenizer.decode(tokens)
    module = raw(checkpoint)
    padded = torch.cat([clip[:, :, :1].repeat(1, 1, 3, 1, 1), clip], dim=2)
    with torch.no_grad():
        assert not torch.allclose(latents(module, padded), latents_of(module, tokens), atol=1e-3), "it is version 1.1"
        compute_as_version_1_0(monkeypatch)
        expected = latents(module, padded)
        assert torch.allclose(latents_of(module, tokens), expected, atol=1e-5)
        assert torch.allclose(decoded, module.decode(expected), atol=1e-5)


def latents(module: Any, video: Tensor) -> Tensor:
    encoded = module.encode(video)
    return encoded[0] if isinstance(encoded, tuple) else encoded.latent_dist.mode()


def latents_of(module: Any, tokens: Tokens) -> Tensor:
    return tokens.data if tokens.data.is_floating_point() else module.indices_to_latent(tokens.data)


def compute_as_version_1_0(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its layers in plain arithmetic, in place of the library's."""
    from diffusers.models.autoencoders import autoencoder_vidtok as library

    def conv_1d(layer: Any, x: Tensor) -> Tensor:
        return layer.conv(F.pad(x, (layer.time_pad, 0)))

    def conv_3d(layer: Any, x: Tensor) -> Tensor:
        return layer.conv(F.pad(x, (*layer.spatial_padding[:4], layer.time_pad, 0)))

    def down(layer: Any, x: Tensor) -> Tensor:
        share = layer.mix_factor.sigmoid()
        mean = F.avg_pool3d(F.pad(x, (0, 0, 0, 0, 1, 0)), (3, 1, 1), stride=(2, 1, 1))
        return share * mean + (1 - share) * layer.conv(x)

    def up(layer: Any, x: Tensor) -> Tensor:
        share = layer.mix_factor.sigmoid()
        twice = x.repeat_interleave(2, dim=2)
        return share * twice + (1 - share) * layer.conv(twice)

    monkeypatch.setattr(library.VidTokCausalConv1d, "forward", conv_1d)
    monkeypatch.setattr(library.VidTokCausalConv3d, "forward", conv_3d)
    monkeypatch.setattr(library.VidTokDownsample3D, "forward", down)
    monkeypatch.setattr(library.VidTokUpsample3D, "forward", up)


def test_codes_number_the_levels_of_every_channel(video: Tensor) -> None:
    tokenizer = small(FSQ_NEW)
    clip = video[:, :, :9]
    tokens = tokenizer.encode(clip)
    assert tokens.data.shape == (1, 2, 2, 3)
    assert tokens.bits == 15 * 12
    assert tokens.data.unique().numel() > 1
    padded = torch.cat([clip[:, :, :1].repeat(1, 1, 7, 1, 1), clip], dim=2)
    with torch.no_grad():
        codes = latents(raw(FSQ_NEW), padded)
    digits = (codes * 4 + 4).round().long()
    assert torch.equal(sum(digits[:, channel] * 8**channel for channel in range(5)), tokens.data.long())
    as_long = Tokens(tokens.data.long(), None)
    assert torch.allclose(tokenizer.decode(as_long), tokenizer.decode(tokens), atol=1e-5)
    with pytest.raises(TokenBenchError, match="decodes codes 0 to 32767, got 0 to 32768"):
        tokenizer.decode(Tokens(torch.tensor([0, 2**15]).reshape(1, 2, 1, 1), None))


def test_networks_that_are_not_causal_keep_every_frame(video: Tensor) -> None:
    clip = video[:, :, :20]
    module = raw(NOT_CAUSAL)
    with torch.no_grad():
        kept = module.decode(latents(module, clip))
    assert kept.shape[2] == 16
    tokenizer = small(NOT_CAUSAL)
    assert tokenizer.reconstruct(clip).shape == clip.shape
    assert torch.allclose(tokenizer.reconstruct(clip[:, :, :16]), module(clip[:, :, :16], False).sample, atol=1e-5)
    with pytest.raises(ClipError, match="T = 18 is not a multiple of 4; pad T x H x W to 20 x 16 x 24"):
        tokenizer.encode(video[:, :, :18])


def test_frames_that_a_causal_network_would_lose_are_refused(video: Tensor) -> None:
    with pytest.raises(ClipError, match=r"T = 16 is not 1 \+ a multiple of 4; pad T x H x W to 17 x 16 x 24"):
        small(KL).encode(video[:, :, :16])


def test_layers_keep_nothing_of_a_call(video: Tensor) -> None:
    tokenizer = small(KL_NEW)
    expected = tokenizer.reconstruct(video[:, :, :9])
    assert all(getattr(layer, "causal_cache", None) is None for layer in tokenizer.module.modules())
    tokenizer.reconstruct(video[:, :, 9:18])
    assert torch.allclose(tokenizer.reconstruct(video[:, :, :9]), expected, atol=1e-5)


@pytest.mark.parametrize("checkpoint", [KL, FSQ_NEW])
def test_networks_run_in_bfloat16(checkpoint: str, video: Tensor) -> None:
    tokenizer = small_card(checkpoint).load("random", dtype=torch.bfloat16)
    decoded = tokenizer.reconstruct(video[:, :, :9])
    assert decoded.dtype == torch.bfloat16
    assert decoded.isfinite().all()
