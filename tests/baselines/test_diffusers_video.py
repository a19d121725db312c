"""Video autoencoders of diffusers: the true classes at reduced width, in the files that the library writes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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
from tokenbench.media.pixels import to_float
from tokenbench.tokenizer import Card, Tokens, nominal_bits_per_pixel
from tokenbench_baselines.diffusers_models.video import VideoAutoencoder
from tokenbench_baselines.diffusers_models.video_cards import CARDS

diffusers = pytest.importorskip("diffusers", reason="pip install tokenbench[diffusers]")

CARD = {card.info.name: card for card in CARDS if "class_name" in card.options}

NARROW = {"block_out_channels": (4, 4, 8, 8), "latent_channels": 4, "layers_per_block": 1, "norm_num_groups": 2}
WAN = {"base_dim": 4, "z_dim": 4, "num_res_blocks": 1}
LTX = {"latent_channels": 4, "layers_per_block": (1,) * 5}
LTX_NEW = {"decoder_block_out_channels": (8, 16, 32), "decoder_layers_per_block": (1,) * 4, **LTX}

# Arguments that make each network narrow and shallow, beside those of its card.
REDUCED: dict[str, dict[str, Any]] = {
    "cogvideox-4x8x8": NARROW,
    "wan2.1-4x8x8": WAN,
    "wan2.2-4x16x16": {**WAN, "decoder_base_dim": 8, "latents_mean": [0.0] * 4, "latents_std": [1.0] * 4},
    "hunyuanvideo-4x8x8": NARROW,
    "hunyuanvideo1.5-4x16x16": {"block_out_channels": (4, 4, 8, 8, 8), "latent_channels": 4, "layers_per_block": 1},
    "ltx-video-8x32x32": {
        "block_out_channels": (4, 8, 8, 8),
        "decoder_block_out_channels": (4, 8, 8, 8),
        "decoder_layers_per_block": (1,) * 5,
        **LTX,
    },
    "ltx-video-0.9.1-8x32x32": {"block_out_channels": (8, 16, 32, 32), **LTX_NEW},
    "ltx-video-0.9.5-8x32x32": {"block_out_channels": (8, 16, 32, 64, 128), **LTX_NEW},
    "ltx2-8x32x32": {"block_out_channels": (8, 16, 32, 64), **LTX_NEW},
    "mochi-6x8x8": {
        "encoder_block_out_channels": (32,) * 4,
        "decoder_block_out_channels": (32,) * 4,
        "latent_channels": 4,
        "layers_per_block": (1,) * 5,
    },
    "allegro-4x8x8": NARROW,
    "easyanimate-4x8x8": NARROW,
    "svd-1x8x8": {"block_out_channels": (32,) * 4, "layers_per_block": 1},
    "diffusers-cosmos-cv-8x8x8": {
        "encoder_block_out_channels": (4, 4, 8, 8),
        "decode_block_out_channels": (4, 8, 8, 8),
        "latent_channels": 4,
        "num_layers": 1,
    },
    "kvae-3d-4x8x8": {"ch": 32, "ch_mult": (1, 1, 1, 1), "num_res_blocks": 1, "z_channels": 4},
}


@pytest.fixture(scope="module")
def video(carphone: NDArray[np.uint8]) -> Tensor:
    """1 x 3 x 24 x 64 x 96."""
    return to_float(carphone[:, 30:94, 40:136])


def small_card(name: str) -> Card:
    """The card, for the reduced network."""
    card = CARD[name]
    channels = 4
    info = replace(
        card.info,
        latent_channels=channels,
        bits_per_pixel=nominal_bits_per_pixel(card.info.compression, latent_channels=channels),
    )
    config = {**card.options["config"], **REDUCED[name]}
    return replace(card, info=info, options={**card.options, "config": config})


def small(name: str, **settings: Any) -> VideoAutoencoder:
    made = small_card(name).load("random", **settings)
    assert isinstance(made, VideoAutoencoder)
    return made


def raw(name: str, **config: Any) -> Any:
    """The library's class as the library makes it, with the weights of `small`."""
    card = small_card(name)
    module = getattr(diffusers, card.options["class_name"]).from_config({**card.options["config"], **config})
    module.load_state_dict(small(name).module.state_dict())
    return module.eval()


def through(module: Any, clip: Tensor, **arguments: Any) -> Tensor:
    with torch.no_grad():
        return module.decode(module.encode(clip).latent_dist.mode(), **arguments).sample


def same(one: Tensor, other: Tensor) -> bool:
    """But for the order in which sums are taken, which the layout in memory decides."""
    return torch.allclose(one, other, atol=1e-4, rtol=1e-4)


def clip_for(card: Card, video: Tensor) -> Tensor:
    """The fewest frames that pass every kind of group, in 2 x 3 tokens; LTX-2 reflects, which takes two."""
    multiple, rest = card.info.padding.frames
    frames = 2 * multiple + rest if multiple > 1 else 3
    height, width = card.info.padding.size
    return video[:, :, :frames, : 2 * height, : 3 * width]


@pytest.mark.parametrize("name", CARD)
def test_saved_networks_reconstruct_what_they_should(name: str, video: Tensor, tmp_path: Path) -> None:
    small(name).module.save_pretrained(tmp_path / "vae")
    card = small_card(name)
    clip = clip_for(card, video)
    # The configuration beside the weights is taken, not the card's.
    tokenizer = replace(card, options={**card.options, "config": CARD[name].options["config"]}).load(
        str(tmp_path / "vae")
    )
    assert isinstance(tokenizer, VideoAutoencoder)
    tokens = tokenizer.encode(clip)
    t, h, w = card.info.compression
    rest = card.info.padding.frames[1]
    assert tokens.data.shape == (1, 4, rest + (clip.shape[2] - rest) // t, clip.shape[3] // h, clip.shape[4] // w)
    assert tokens.bits == 16 * tokens.data.numel()
    decoded = tokenizer.decode(tokens)
    assert decoded.shape == clip.shape
    assert decoded.std() > 1e-3
    assert torch.equal(tokenizer.reconstruct(clip), decoded)
    assert same(small(name).reconstruct(clip), decoded)
    assert tokenizer.info.parameters == sum(weight.numel() for weight in small(name).module.parameters())
    settings = tokenizer.provenance["settings"]
    assert settings["class"].startswith(card.options["class_name"])
    assert settings["dtype"] == "float32"
    assert settings["posterior"] == "mode"
    assert not settings.get("use_slicing")
    assert set(tokenizer.provenance["weights"]["files"]) == {"config.json", "diffusion_pytorch_model.safetensors"}


@pytest.mark.parametrize("name", CARD)
def test_clips_of_a_batch_do_not_meet(name: str, video: Tensor) -> None:
    tokenizer = small(name)
    clip = clip_for(small_card(name), video)
    clips = [clip, clip.flip(-1)]
    assert same(tokenizer.reconstruct(torch.cat(clips)), torch.cat([tokenizer.reconstruct(clip) for clip in clips]))


@pytest.mark.parametrize("name", CARD)
def test_full_networks_have_the_parameters_of_their_cards(name: str) -> None:
    card = CARD[name]
    with torch.device("meta"):
        module = getattr(diffusers, card.options["class_name"]).from_config(dict(card.options["config"]))
    assert sum(weight.numel() for weight in module.parameters()) == card.info.parameters
    assert card.info.latent_channels in (module.config.get("latent_channels"), module.config.get("z_dim"), 16)
    multiple, rest = card.info.padding.frames
    assert card.info.window is None or card.info.window % multiple == rest


# Name, frames, height and width that go in, and frames, height and width that the library's class gives back.
SILENT = [
    ("cogvideox-4x8x8", (5, 16, 24), (8, 16, 24)),
    ("cogvideox-4x8x8", (9, 20, 24), (9, 16, 24)),
    ("wan2.1-4x8x8", (7, 16, 24), (5, 16, 24)),
    ("wan2.1-4x8x8", (5, 20, 24), (5, 16, 24)),
    ("hunyuanvideo-4x8x8", (5, 20, 24), (5, 24, 24)),
    ("ltx-video-8x32x32", (9, 32, 56), (9, 32, 64)),
    ("ltx-video-8x32x32", (12, 32, 64), (9, 32, 64)),
    ("mochi-6x8x8", (7, 20, 24), (7, 16, 24)),
    ("diffusers-cosmos-cv-8x8x8", (8, 16, 24), (9, 16, 24)),
    ("kvae-3d-4x8x8", (21, 16, 24), (18, 16, 24)),
]


@pytest.mark.parametrize(("name", "size", "becomes"), SILENT)
def test_what_the_library_changes_without_a_word_is_refused(
    name: str, size: tuple[int, int, int], becomes: tuple[int, int, int], video: Tensor
) -> None:
    clip = video[:, :, : size[0], : size[1], : size[2]]
    assert through(raw(name), clip).shape[2:] == becomes
    with pytest.raises(ClipError, match=r"is not .*a multiple of .*; pad T x H x W to "):
        small(name).encode(clip)


def test_hunyuanvideo_sees_the_whole_clip(video: Tensor) -> None:
    clip = video[:, :, :21, :16, :24]
    module = raw("hunyuanvideo-4x8x8")
    in_tiles = through(module, clip)
    module.use_framewise_encoding = module.use_framewise_decoding = False
    whole = through(module, clip)
    assert same(small("hunyuanvideo-4x8x8").reconstruct(clip), whole)
    assert (in_tiles - whole).abs().max() > 1e-3


def test_hunyuanvideo15_takes_batches_that_its_class_cannot(video: Tensor) -> None:
    clips = video[:, :, :5, :32, :48].expand(2, -1, -1, -1, -1)
    with pytest.raises(RuntimeError, match="shape"):
        through(raw("hunyuanvideo1.5-4x16x16"), clips)
    assert small("hunyuanvideo1.5-4x16x16").reconstruct(clips).shape == clips.shape


def test_ltx_video_adds_no_noise(video: Tensor) -> None:
    name, clip = "ltx-video-0.9.1-8x32x32", video[:, :, :9, :32, :64]
    module, timestep = raw(name), torch.tensor([0.05])
    quiet = through(module, clip, temb=timestep)
    noisy = {key: torch.ones_like(value) for key, value in module.state_dict().items() if "per_channel_scale" in key}
    assert noisy
    module.load_state_dict(noisy, strict=False)
    assert not same(through(module, clip, temb=timestep), through(module, clip, temb=timestep))
    state = torch.get_rng_state()
    tokenizer = small(name)
    assert same(tokenizer.reconstruct(clip), quiet)
    assert torch.equal(torch.get_rng_state(), state)
    assert tokenizer.provenance["settings"]["noise"] == "left out of 3 layers"


def test_ltx_video_tells_its_decoder_the_level_of_noise(video: Tensor) -> None:
    name, clip = "ltx-video-0.9.5-8x32x32", video[:, :, :9, :32, :64]
    untold = small(name, decode_timestep=0).reconstruct(clip)
    assert same(untold, through(raw(name), clip, temb=torch.zeros(1)))
    assert not same(untold, small(name).reconstruct(clip))
    assert small(name).provenance["settings"]["decode_timestep"] == 0.05
    assert small("ltx-video-8x32x32").provenance["settings"]["decode_timestep"] is None
    with pytest.raises(TokenBenchError, match="decode_timestep is 7, expected a number from 0 to 1"):
        small(name, decode_timestep=7)


def test_allegro_leaves_nothing_black(video: Tensor) -> None:
    name, clip = "allegro-4x8x8", video[:, :, :, :64, :96]
    module = raw(name)
    with pytest.raises(NotImplementedError):
        module.encode(clip)
    module.enable_tiling()
    assert through(module, clip).abs().max() == 0
    module.kernel, module.stride = (24, 64, 64), (24, 64, 64)
    tiled = through(module, clip).transpose(1, 2)
    assert tiled[..., 64:].abs().max() == 0
    decoded = small(name).reconstruct(clip)
    assert decoded[..., 64:].abs().max() > 0
    # Where one of the class's tiles is the whole clip, the two are one.
    assert same(small(name).reconstruct(clip[..., :64]), tiled[..., :64])


def test_easyanimate_forgets_a_call_that_failed(video: Tensor) -> None:
    name, clip = "easyanimate-4x8x8", video[:, :, :9, :16, :24]
    tokenizer = small(name)
    expected = tokenizer.encode(clip).data
    for frames in (12, 9):
        # The second call would succeed, had the first not failed.
        with pytest.raises((RuntimeError, ValueError), match="non-empty"):
            tokenizer.module.encode(video[:, :, :frames, :16, :24])
    assert same(tokenizer.encode(clip).data, expected)


def test_stable_video_diffusion_decodes_frames_together(video: Tensor) -> None:
    tokenizer = small("svd-1x8x8")
    clip = video[:, :, :11, :16, :24]
    tokens = tokenizer.encode(clip)
    alone = [tokenizer.encode(clip[:, :, frame : frame + 1]).data for frame in range(11)]
    assert same(tokens.data, torch.cat(alone, dim=2))
    separately = torch.cat([tokenizer.decode(Tokens(latents, None)) for latents in alone], dim=2)
    assert (tokenizer.decode(tokens) - separately).abs().max() > 1e-3


def test_concurrent_calls_do_not_share_caches(video: Tensor) -> None:
    name = "wan2.1-4x8x8"
    clips = [video[:, :, frame : frame + 9, :16, :24] for frame in range(6)]
    module = raw(name)
    undisturbed = module.encode(clips[0]).latent_dist.mode()
    others = iter(clips[1:2])

    def begin_another(*_: Any) -> None:
        for clip in others:
            module.encode(clip)

    # A second call that begins while the first is on its way, as a thread's would.
    hook = module.encoder.conv_in.register_forward_hook(begin_another)
    disturbed = module.encode(clips[0]).latent_dist.mode()
    hook.remove()
    assert disturbed.shape != undisturbed.shape or not same(disturbed, undisturbed)
    tokenizer = small(name)
    expected = [tokenizer.reconstruct(clip) for clip in clips]
    with ThreadPoolExecutor(3) as threads:
        assert all(map(same, threads.map(tokenizer.reconstruct, clips), expected))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (torch.zeros(1, 3, 2, 2, 3), "decodes latents B x 4 x t x h x w, got 1 x 3 x 2 x 2 x 3"),
        (torch.zeros(1, 4, 2, 2, 3, dtype=torch.int64), "decodes latents"),
        (None, "got a NoneType"),
    ],
)
def test_foreign_tokens_are_refused(data: Any, said: str) -> None:
    with pytest.raises(TokenBenchError, match=said):
        small("wan2.1-4x8x8").decode(Tokens(data, None))


def test_latents_that_a_class_would_decode_to_other_frames_are_refused() -> None:
    with pytest.raises(ClipError, match="decode gave 1 x 3 x 8 x 16 x 24, expected 1 x 3 x 5 x 16 x 24"):
        small("cogvideox-4x8x8").decode(Tokens(torch.zeros(1, 4, 2, 2, 3), None))


def test_pictures_are_refused() -> None:
    with pytest.raises(TokenBenchError, match="takes B x 3 x T x H x W"):
        small("wan2.1-4x8x8").encode(torch.zeros(1, 3, 16, 24))


def test_networks_run_in_bfloat16(video: Tensor) -> None:
    for name in ("wan2.1-4x8x8", "ltx-video-0.9.5-8x32x32", "allegro-4x8x8"):
        tokenizer = small_card(name).load("random", dtype=torch.bfloat16)
        clip = clip_for(small_card(name), video)
        decoded = tokenizer.reconstruct(clip)
        assert decoded.dtype == torch.bfloat16
        assert (decoded.float() - small(name).reconstruct(clip)).abs().mean() < 0.05


def reconstructed(tokenizer: VideoAutoencoder, frames: NDArray[np.uint8], window: int | None) -> NDArray[np.float32]:
    """T x H x W x 3 in [0, 255], as the runner makes it."""
    compute = Compute(torch.device("cpu"), torch.float32)
    stream = open_stream(tokenizer, compute, fps=25, window=window, quantisation="none")
    return np.concatenate([stream.push(frames), stream.flush()])


@pytest.mark.parametrize("name", CARD)
def test_the_runner_pads_and_crops_any_clip(name: str, carphone: NDArray[np.uint8]) -> None:
    frames = carphone[:3, :33, :35]
    assert reconstructed(small(name), frames, None).shape == frames.shape


# Whether the first window differs too; those after it always do.
@pytest.mark.parametrize(("name", "first"), [("wan2.1-4x8x8", False), ("hunyuanvideo-4x8x8", True)])
def test_windows_differ_from_the_whole_clip_where_a_network_looks_across(
    name: str, first: bool, carphone: NDArray[np.uint8]
) -> None:
    tokenizer = small(name)
    frames = carphone[:17, :32, :48]
    differences = np.abs(reconstructed(tokenizer, frames, 9) - reconstructed(tokenizer, frames, 17)).mean((1, 2, 3))
    assert (differences[:9].max() > 1e-2) == first
    assert differences[9:].min() > 1e-2
