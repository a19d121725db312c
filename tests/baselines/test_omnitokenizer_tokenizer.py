"""OmniTokenizer as a tokenizer: its files, its range, and rectangles as squares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_support import State, assert_holds, hollow, liven, refusal, save_lightning
from numpy.typing import NDArray

from tokenbench import TokenBenchError
from tokenbench.errors import ClipError
from tokenbench.evaluation.streams import open_stream
from tokenbench.evaluation.windows import Compute
from tokenbench.media.pixels import to_float
from tokenbench.registry import find_card
from tokenbench.tokenizer import Tokens
from tokenbench_baselines.omnitokenizer.network import OmniTokenizer
from tokenbench_baselines.omnitokenizer.tiles import cut, join, tile_side
from tokenbench_baselines.omnitokenizer.tokenizer import OmniTokenizerAdapter

VQ, VAE = find_card("omnitokenizer-vq-4x8x8"), find_card("omnitokenizer-vae-4x8x8")


def random(kind: str, **settings: int) -> OmniTokenizerAdapter:
    made = find_card(f"omnitokenizer-{kind}-4x8x8").load(weights="random", **settings)
    assert isinstance(made, OmniTokenizerAdapter)
    return made


@pytest.fixture(scope="module")
def vq() -> OmniTokenizerAdapter:
    return random("vq")


@pytest.fixture(scope="module")
def vae() -> OmniTokenizerAdapter:
    return random("vae")


@pytest.fixture(scope="module")
def released() -> State:
    """What a released VQ file holds: the network, and those of its losses."""
    torch.manual_seed(1)
    others = ("image_discriminator.layers.0.weight", "video_discriminator.x", "perceptual_model.net.slice1.0.bias")
    return {**liven(OmniTokenizer(variational=False)).state_dict(), **{name: torch.zeros(3) for name in others}}


def test_a_lightning_checkpoint_loads_whatever_else_it_holds(tmp_path: Path, released: State) -> None:
    save_lightning(tmp_path / "imagenet_k600.ckpt", released)
    made = VQ.load(weights=str(tmp_path))
    assert isinstance(made, OmniTokenizerAdapter)
    own = {name: tensor for name, tensor in released.items() if name in made.module.state_dict()}
    assert len(own) == len(released) - 3
    assert_holds(made.module, own)
    assert made.info == VQ.info
    assert set(made.provenance["weights"]["files"]) == {"imagenet_k600.ckpt"}
    assert "without overlap" in made.provenance["settings"]["squares"]


def test_the_count_of_use_may_be_missing(tmp_path: Path, released: State) -> None:
    save_lightning(tmp_path / "x.ckpt", {k: v for k, v in hollow(released).items() if k != "codebook.codebook_usage"})
    made = VQ.load(weights=str(tmp_path / "x.ckpt"))
    assert isinstance(made, OmniTokenizerAdapter)
    assert not made.module.codebook.codebook_usage.any()


def missing(state: State) -> None:
    del state["decoder.dec_temporal_transformer.layers.3.1.spatial_rel_pos_bias.net.2.bias"]


def unexpected(state: State) -> None:
    state["encoder.enc_spatial_transformer.layers.2.0.dsconv.bias"] = torch.zeros(512)


def variational(state: State) -> None:
    state["pre_vq_conv.1.weight"] = torch.zeros(16, 512)


def other_windows(state: State) -> None:
    name = "encoder.enc_spatial_transformer.layers.3.1.relative_position_index"
    state[name] = state[name].T.contiguous()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (missing, "lacks decoder.dec_temporal_transformer.layers.3.1.spatial_rel_pos_bias.net.2.bias;"),
        (unexpected, "holds encoder.enc_spatial_transformer.layers.2.0.dsconv.bias, which this network has not;"),
        (variational, "pre_vq_conv.1.weight is 16x512 of float32, expected 8x512 of float32;"),
        (other_windows, "layers.3.1.relative_position_index is not that of windows of 8 x 8;"),
    ],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, released: State, damage: Callable[[State], None], said: str
) -> None:
    state = hollow(released)
    damage(state)
    save_lightning(tmp_path / "x.ckpt", state)
    assert said in refusal(VQ, tmp_path / "x.ckpt")


def test_missing_weights_say_where_to_get_them(tmp_path: Path) -> None:
    message = refusal(VAE, tmp_path)
    for part in ("imagenet_k600_vae.ckpt", "Daniel0724/OmniTokenizer", "licence: MIT", str(tmp_path)):
        assert part in message


def test_random_weights_are_the_same_every_time(vq: OmniTokenizerAdapter) -> None:
    before = torch.get_rng_state()
    assert_holds(random("vq").module, dict(vq.module.state_dict()))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_network_sees_half_the_range(
    vq: OmniTokenizerAdapter, vae: OmniTokenizerAdapter, carphone: NDArray[np.uint8]
) -> None:
    frames = carphone[:5, :64, :64]
    published = torch.from_numpy(frames).permute(3, 0, 1, 2)[None] / 255 - 0.5
    for made, each, shape in ((vq, 13, (1, 2, 8, 8)), (vae, 8 * 16, (1, 8, 2, 8, 8))):
        tokens = made.encode(to_float(frames))
        with torch.no_grad():
            expected = made.module.encode(published).to(tokens.data.dtype)
            torch.testing.assert_close(tokens.data, expected, rtol=0, atol=1e-4 if made is vae else 0)
            whole = tokens.data if made is vae else tokens.data.long()
            assert torch.equal(made.decode(tokens), made.module.decode(whole) * 2)
        assert tokens.data.shape == shape
        assert tokens.bits == 2 * 8 * 8 * each
        assert tokens.bits == pytest.approx(made.info.bits_per_pixel * 8 * 64 * 64)
    assert tokens.data.dtype == torch.float32


def test_tiles_are_the_largest_squares_that_cover_a_frame() -> None:
    full_hd, hd, sd = (1152, 1920), (768, 1280), (512, 896)
    assert [tile_side(*size, 384) for size in (full_hd, hd, sd)] == [384, 256, 128]
    assert [tile_side(*size, 128) for size in (full_hd, hd, sd)] == [128, 128, 128]
    assert tile_side(1088, 1920, 384) == 64
    assert tile_side(192, 192, 384) == 192
    assert tile_side(512, 512, 384) == 256


def test_tiles_are_cut_row_by_row_and_joined_again() -> None:
    x = torch.arange(2 * 3 * 4 * 6).view(2, 3, 4, 6)
    tiles = cut(x, 2)
    assert tiles.shape == (12, 3, 2, 2)
    assert torch.equal(tiles[5], x[0, :, 2:, 4:])
    assert torch.equal(tiles[6], x[1, :, :2, :2])
    assert torch.equal(join(tiles, 2, 3), x)


@pytest.mark.parametrize("kind", ["vq", "vae"])
def test_a_rectangle_is_its_squares_each_alone(kind: str, request: pytest.FixtureRequest) -> None:
    made = request.getfixturevalue(kind)
    torch.manual_seed(0)
    video = torch.rand(2, 3, 5, 64, 128) * 2 - 1
    tokens = made.encode(video)
    left, right = made.encode(video[..., :64]), made.encode(video[..., 64:])
    apart = torch.cat([left.data, right.data], dim=-1)
    assert tokens.bits == left.bits + right.bits
    assert tokens.data.shape == apart.shape
    if kind == "vq":
        assert torch.equal(tokens.data, apart)
    torch.testing.assert_close(tokens.data, apart, rtol=0, atol=1e-5)
    given = made.decode(tokens)
    assert given.shape == video.shape
    torch.testing.assert_close(given[..., 64:], made.decode(right), rtol=0, atol=1e-4)
    assert torch.equal(made.encode(video).data, tokens.data)


def test_a_square_is_one_tile_unless_smaller_ones_are_asked_for(
    vae: OmniTokenizerAdapter, carphone: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    video = to_float(carphone[:1, :128, :128])
    whole = vae.encode(video).data
    with torch.no_grad():
        assert torch.equal(whole, vae.module.encode(video / 2))
    small = random("vae", tile=64)
    tiled = small.encode(video).data
    assert tiled.shape == whole.shape
    assert (tiled - whole).abs().max() > 1e-2
    torch.testing.assert_close(tiled[..., 8:, :8], small.encode(video[..., 64:, :64]).data, rtol=0, atol=1e-5)
    assert small.provenance["settings"]["tile"] == 64
    monkeypatch.setattr("tokenbench_baselines.omnitokenizer.tokenizer._PIXELS_AT_ONCE", 1)
    torch.testing.assert_close(small.encode(video).data, tiled, rtol=0, atol=1e-5)


def test_a_real_clip_of_odd_size_comes_back_in_its_own(carphone: NDArray[np.uint8]) -> None:
    made = random("vq", tile=64)
    stream = open_stream(made, Compute(torch.device("cpu"), torch.float32), fps=30)
    frames = carphone[:18, :70, :93]
    given = np.concatenate([stream.push(frames[:10]), stream.push(frames[10:]), stream.flush()])
    assert given.shape == frames.shape
    # A window of 17 frames and one of 1, of 128 x 128 pixels.
    assert stream.bits == (5 + 1) * 16 * 16 * 13


def test_half_precision_runs(carphone: NDArray[np.uint8]) -> None:
    made = VQ.load(weights="random", dtype=torch.bfloat16)
    reconstructed = made.reconstruct(to_float(carphone[:5, :64, :64]))
    assert reconstructed.dtype == torch.bfloat16
    assert reconstructed.isfinite().all()


@pytest.mark.parametrize("tile", [0, 100, 2048, "256"])
def test_other_tiles_are_refused(tile: object) -> None:
    assert f"tile is {tile!r}, expected a multiple of 64 up to 1024" in refusal(VQ, "random", tile=tile)


def test_what_the_network_does_not_take_is_refused(vq: OmniTokenizerAdapter, vae: OmniTokenizerAdapter) -> None:
    with pytest.raises(ClipError, match="a multiple of 4, H and W multiples of 64, got 1 x 3 x 4 x 64 x 64"):
        vq.encode(torch.zeros(1, 3, 4, 64, 64))
    with pytest.raises(ClipError, match="multiples of 64, got 1 x 3 x 5 x 64 x 72"):
        vq.encode(torch.zeros(1, 3, 5, 64, 72))
    with pytest.raises(TokenBenchError, match="takes B x 3 x T x H x W"):
        vq.encode(torch.zeros(1, 3, 64, 64))
    with pytest.raises(TokenBenchError, match="codes 0 to 8191, got 0 to 8192"):
        vq.decode(Tokens(torch.tensor([0, 8192] * 32).view(1, 1, 8, 8), None))
    with pytest.raises(TokenBenchError, match="h and w multiples of 8, got 1 x 1 x 8 x 9"):
        vq.decode(Tokens(torch.zeros(1, 1, 8, 9, dtype=torch.int32), None))
    with pytest.raises(TokenBenchError, match="decodes latents B x 8 x t x h x w"):
        vae.decode(Tokens(torch.zeros(1, 16, 1, 8, 8), None))
