"""The discrete networks: their tensors, their blocks, and how codes are found."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from vq_support import NAMES, config_of, needs_state_dicts, noise, published_tensors, small_network

from tokenbench.registry import find_card
from tokenbench_baselines.vq.blocks import Attention, Downsample, ResBlock, Upsample
from tokenbench_baselines.vq.codebook import Codebook, CodebookNetwork, most_aligned, nearest
from tokenbench_baselines.vq.config import CodebookConfig, LookupFreeConfig
from tokenbench_baselines.vq.lookup_free import LookupFreeNetwork, codes_of, signs_of
from tokenbench_baselines.vq.magvit_blocks import AdaptiveNorm, CausalConv3d, DepthToSpace, depth_to_space
from tokenbench_baselines.vq.tokenizer import build

PUBLISHED = {
    "llamagen-8x8": "llamagen_vq8",
    "llamagen-16x16": "llamagen_vq16",
    "llamagen-16x16-t2i": "llamagen_vq16",
    "open-magvit2-16x16": "open_magvit2_256",
    "open-magvit2-8x8": "open_magvit2_128",
    "open-magvit2-16x16-pretrain": "open_magvit2_256",
    "open-magvit2-16x16-pretrain-16384": "open_magvit2_pretrain_16384",
    "open-magvit2-video-4x8x8": "open_magvit2_video",
    "vqgan-f16-16384": "vqgan_taming_f16_16384",
    "vqgan-f8-16384": "vqgan_ldm_f8_16384",
    "ibq-16384": "ibq_16384",
}


def on_meta(name: str) -> nn.Module:
    with torch.device("meta"):
        return build(config_of(name))


@needs_state_dicts
@pytest.mark.parametrize("name", PUBLISHED)
def test_tensors_are_those_of_the_published_files(name: str) -> None:
    state = on_meta(name).state_dict()
    assert {key: tuple(tensor.shape) for key, tensor in state.items()} == published_tensors(PUBLISHED[name])


def test_janus_has_llamagens_tensors_under_vqgans_names() -> None:
    renamed = {}
    for key, tensor in on_meta("llamagen-16x16").state_dict().items():
        key = key.replace("encoder.conv_blocks", "encoder.down").replace("decoder.conv_blocks", "decoder.up")
        key = key.replace(".res.", ".block.")
        for number, part in enumerate(("block_1", "attn_1", "block_2")):
            key = key.replace(f".mid.{number}.", f".mid.{part}.")
        renamed[key] = tensor.shape
    del renamed["quantize.codebook_used"]
    janus = {key: tensor.shape for key, tensor in on_meta("janus-16x16").state_dict().items()}
    assert janus == renamed
    assert len(janus) == 343


@pytest.mark.parametrize("name", NAMES)
def test_cards_say_what_the_networks_are(name: str) -> None:
    info, config = find_card(name).info, config_of(name)
    module = on_meta(name)
    assert info.parameters == sum(parameter.numel() for parameter in module.parameters())
    if isinstance(module, CodebookNetwork):
        assert info.vocabulary == module.quantize.embedding.num_embeddings
    frames = (5,) if info.modality == "video" else ()
    sizes = [2 * side for side in info.compression[1:]]
    with torch.device("meta"):
        codes = module.encode(torch.empty(1, 3, *frames, *sizes))
        assert codes.shape == (1, *((2,) if frames else ()), 2, 2)
        assert module.decode(codes).shape == (1, 3, *frames, *sizes)
    assert info.vocabulary == config.codes


def normalised(x: Tensor, norm: nn.GroupNorm) -> Tensor:
    """GroupNorm as its definition reads, in 32 groups."""
    grouped = x.view(x.shape[0], 32, -1).double()
    mean = grouped.mean(-1, keepdim=True)
    variance = (grouped - mean).square().mean(-1, keepdim=True)
    unit = ((grouped - mean) / (variance + 1e-6).sqrt()).view(x.shape).float()
    each = (1, -1, *[1] * (x.dim() - 2))
    return unit * norm.weight.view(each) + norm.bias.view(each)


@pytest.mark.parametrize("channels", [(32, 64), (64, 64)])
@torch.no_grad()
def test_a_block_is_two_convolutions_beside_a_shortcut_of_the_raw_input(channels: tuple[int, int]) -> None:
    torch.manual_seed(0)
    block = ResBlock(*channels)
    x = noise(2, channels[0], 5, 7)
    h = normalised(x, block.norm1)
    h = F.conv2d(h * torch.sigmoid(h), block.conv1.weight, block.conv1.bias, padding=1)
    h = normalised(h, block.norm2)
    h = F.conv2d(h * torch.sigmoid(h), block.conv2.weight, block.conv2.bias, padding=1)
    shortcut = x
    if channels[0] != channels[1]:
        shortcut = F.conv2d(x, block.nin_shortcut.weight, block.nin_shortcut.bias)
    torch.testing.assert_close(block(x), shortcut + h, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_attention_weighs_every_position_by_its_product_over_the_root_of_the_channels() -> None:
    torch.manual_seed(0)
    block = Attention(32)
    for part in (block.q, block.k, block.v):
        part.weight.mul_(5)
    x = noise(2, 32, 3, 4)
    h = normalised(x, block.norm).flatten(2)
    q, k, v = (part.weight[:, :, 0, 0] @ h + part.bias[:, None] for part in (block.q, block.k, block.v))
    weights = torch.einsum("bci,bcj->bij", q, k).div(32**0.5).softmax(-1)
    assert weights.max() > 0.5
    attended = torch.einsum("bij,bcj->bci", weights, v).view(x.shape)
    expected = x + F.conv2d(attended, block.proj_out.weight, block.proj_out.bias)
    torch.testing.assert_close(block(x), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_halving_pads_at_the_right_and_the_bottom_alone() -> None:
    block = Downsample(1)
    block.conv.weight.fill_(1)
    block.conv.bias.zero_()
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert block(x).flatten().tolist() == [45, 39, 66, 50]


@torch.no_grad()
def test_doubling_repeats_pixels_before_it_convolves() -> None:
    block = Upsample(1)
    block.conv.weight.zero_()
    block.conv.weight[0, 0, 1, 1] = 1
    block.conv.bias.zero_()
    x = torch.tensor([[[[1.0, 2.0]]]])
    assert block(x).flatten(0, 2).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]


@pytest.mark.parametrize(
    ("name", "levels"), [("vqgan-f16-1024", {4}), ("vqgan-f8-256", {3}), ("chameleon-16x16", set())]
)
def test_attention_sits_where_the_configuration_says(name: str, levels: set[int]) -> None:
    module = on_meta(name)
    assert isinstance(module, CodebookNetwork)
    for half, part, blocks in ((module.encoder, "down", 2), (module.decoder, "up", 3)):
        found = {i for i, level in enumerate(getattr(half, part)) if any(isinstance(a, Attention) for a in level.attn)}
        assert found == levels
        assert {len(level.block) for level in getattr(half, part)} == {blocks}


def test_the_nearest_row_wins_and_of_equal_ones_the_first() -> None:
    table = torch.tensor([[0.0, 0.0], [3.0, 0.0], [1.0, 1.0], [1.0, 1.0], [-1.0, -1.0]])
    vectors = torch.tensor([[0.9, 0.8], [2.2, 0.1], [0.1, -0.2], [-9.0, -9.0], [0.5, 0.5]])
    assert nearest(vectors, table).tolist() == [2, 1, 0, 4, 0]


def test_the_greatest_product_wins_whatever_the_length() -> None:
    table = torch.tensor([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0], [-1.0, 0.0], [5.0, 5.0]])
    vectors = torch.tensor([[1.0, 0.1], [-1.0, -0.9], [-0.9, 1.0]])
    assert most_aligned(vectors, table).tolist() == [2, 3, 1]
    assert nearest(vectors, table).tolist() == [0, 3, 1]


@pytest.mark.parametrize("find", [nearest, most_aligned])
def test_looking_up_in_slices_changes_nothing(find: object, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(find)
    table, vectors = noise(50, 8), noise(101, 8, seed=1)
    whole = find(vectors, table)
    monkeypatch.setattr("tokenbench_baselines.vq.codebook._PAIRS_AT_ONCE", 350)
    assert torch.equal(find(vectors, table), whole)
    distances = (vectors[:, None] - table[None]).double().square().sum(-1)
    if find is nearest:
        assert torch.equal(whole, distances.argmin(1))


def codebook(lookup: str, rows: list[list[float]]) -> Codebook:
    config = CodebookConfig(multipliers=(1,), codes=len(rows), code_width=2, lookup=lookup)  # type: ignore[arg-type]
    made = Codebook(config)
    made.embedding.weight.data = torch.tensor(rows)
    return made.requires_grad_(False)


def test_llamagens_codes_are_directions() -> None:
    rows = [[0.3, 0.4], [30.0, 0.0], [0.0, -2.0]]
    z = torch.tensor([[[[6.0, 0.1]], [[7.9, 0.01]]]])
    directions = codebook("cosine", rows)
    assert directions.codes(z).tolist() == [[[0, 1]]]
    torch.testing.assert_close(
        directions.vectors(torch.tensor([[[0, 1, 2]]])), torch.tensor([[[[0.6, 1.0, 0.0]], [[0.8, 0.0, -1.0]]]])
    )
    points = codebook("euclidean", rows)
    assert points.codes(torch.tensor([[[[14.0]], [[1.0]]]])).item() == 0
    assert points.codes(torch.tensor([[[[16.0]], [[1.0]]]])).item() == 1
    assert points.vectors(torch.tensor([[[0, 1, 2]]]))[0, :, 0].T.tolist() == torch.tensor(rows).tolist()
    assert points.codes(z).dtype == torch.int32


def test_the_first_channel_is_the_lowest_bit_and_zero_counts_as_minus_one() -> None:
    z = torch.tensor([[0.1, -3.0, 0.0, 2.0], [1e-30, 0.0, -0.0, 5.0]]).view(2, 4, 1, 1)
    codes = codes_of(z)
    assert codes.dtype == torch.int32
    assert codes.flatten().tolist() == [1 + 8, 1 + 8]
    assert signs_of(codes, 4).flatten(1).tolist() == [[1, -1, -1, 1]] * 2


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_every_code_comes_back(dtype: torch.dtype) -> None:
    codes = torch.arange(2**18, dtype=dtype).view(2, 4, -1, 64)
    signs = signs_of(codes, 18)
    assert signs.shape == (2, 18, *codes.shape[1:])
    assert torch.equal(codes_of(signs), codes.int())


def test_channels_become_positions_block_major() -> None:
    x = torch.arange(8.0).view(1, 8, 1, 1)
    large = depth_to_space(x, (2, 2))
    assert large.tolist() == [[[[0, 2], [4, 6]], [[1, 3], [5, 7]]]]
    assert not torch.equal(large, F.pixel_shuffle(x, 2))


@pytest.mark.parametrize("factors", [(2, 2), (1, 2, 2), (2, 2, 2)])
def test_every_channel_finds_its_position(factors: tuple[int, ...]) -> None:
    sizes = (3, 4, 5)[-len(factors) :]
    count = int(torch.tensor(factors).prod())
    x = noise(2, 3 * count, *sizes)
    large = depth_to_space(x, factors)
    steps = [slice(None)] * 2
    for block in range(count):
        offsets = torch.unravel_index(torch.tensor(block), factors)
        part = large[(*steps, *(slice(int(o), None, f) for o, f in zip(offsets, factors, strict=True)))]
        assert torch.equal(part, x[:, 3 * block : 3 * (block + 1)])


@torch.no_grad()
def test_the_adaptive_norm_follows_the_styles_statistics() -> None:
    torch.manual_seed(0)
    norm = AdaptiveNorm(32, 3)
    style = torch.tensor([[[1.0, 1, -1, -1], [1, 1, 1, 1], [-1, 1, -1, -1]]]).view(1, 3, 2, 2)
    x = noise(1, 32, 3, 5)
    # Sums of squared differences over n - 1 = 3: 4 / 3, 0 and 3 / 3.
    deviation = torch.tensor([4 / 3 + 1e-6, 1e-6, 1 + 1e-6]).sqrt()
    scale = norm.gamma.weight @ deviation + norm.gamma.bias
    shift = norm.beta.weight @ torch.tensor([0.0, 1.0, -0.5]) + norm.beta.bias
    unit = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), keepdim=True, correction=0) + 1e-6).sqrt()
    expected = scale[:, None, None] * unit + shift[:, None, None]
    torch.testing.assert_close(norm(x, style), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_causal_convolution_sees_two_frames_back_and_none_ahead() -> None:
    conv = CausalConv3d(1, 1, bias=False)
    conv.conv_1.weight.fill_(1)
    x = torch.zeros(1, 1, 6, 1, 1)
    x[0, 0, 2] = 1
    assert conv(x).flatten().tolist() == [0, 0, 1, 1, 1, 0]
    halving = CausalConv3d(1, 1, stride=(2, 2, 2))
    assert [halving(torch.zeros(1, 1, frames, 8, 8)).shape[2] for frames in (17, 9, 5, 1)] == [9, 5, 3, 1]


@pytest.mark.parametrize("frames", [1, 2, 3])
@torch.no_grad()
def test_doubling_time_drops_the_second_frame(frames: int) -> None:
    block = DepthToSpace(1, (2, 2, 2), CausalConv3d)
    block.conv1.conv_1.weight.zero_()
    block.conv1.conv_1.weight[:, 0, 2, 1, 1] = torch.tensor([1.0] * 4 + [10.0] * 4)
    block.conv1.conv_1.bias.zero_()
    x = torch.arange(1.0, frames + 1).view(1, 1, frames, 1, 1)
    expected = [1.0, 2.0, 20.0, 3.0, 30.0][: 2 * frames - 1]
    assert block(x)[0, 0, :, 1, 0].tolist() == expected


@torch.no_grad()
def test_the_image_decoder_is_the_published_sequence_of_blocks() -> None:
    module = small_network("open-magvit2-8x8")
    assert isinstance(module, LookupFreeNetwork)
    style = signs_of(torch.arange(6).view(1, 2, 3) * 11, 6)
    decoder, state = module.decoder, module.decoder.state_dict()
    h = F.conv2d(style, state["conv_in.weight"], state["conv_in.bias"], padding=1)
    for block in decoder.mid_block:
        h = block(h)
    for level in (3, 2, 1, 0):
        h = decoder.adaptive[level](h, style)
        for block in decoder.up[level].block:
            h = block(h)
        if level:
            name = f"up.{level}.upsample.conv1"
            h = F.conv2d(h, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)
            batch, channels, height, width = h.shape
            h = h.view(batch, 2, 2, channels // 4, height, width).permute(0, 3, 4, 1, 5, 2)
            h = h.reshape(batch, channels // 4, 2 * height, 2 * width)
    h = normalised(h, decoder.norm_out)
    expected = F.conv2d(h * torch.sigmoid(h), state["conv_out.weight"], state["conv_out.bias"], padding=1)
    torch.testing.assert_close(module.decode(torch.arange(6).view(1, 2, 3) * 11), expected, rtol=1e-4, atol=1e-4)
    assert not any(key.endswith("bias") and "conv" in key and "block" in key for key in state)


@torch.no_grad()
def test_the_image_encoder_halves_with_zeros_on_every_side() -> None:
    module = small_network("open-magvit2-8x8")
    state = module.encoder.state_dict()
    x = noise(1, 3, 16, 24)
    h = F.conv2d(x, state["conv_in.weight"], padding=1)
    for level in module.encoder.down[:3]:
        assert isinstance(level.downsample, nn.Conv2d)
        for block in level.block:
            h = block(h)
        h = F.conv2d(F.pad(h, (1, 1, 1, 1)), level.downsample.weight, level.downsample.bias, stride=2)
    for block in (*module.encoder.down[3].block, *module.encoder.mid_block):
        h = block(h)
    h = normalised(h, module.encoder.norm_out)
    expected = F.conv2d(h * torch.sigmoid(h), state["conv_out.weight"], state["conv_out.bias"])
    torch.testing.assert_close(module.latent(x), expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_a_video_of_one_frame_is_an_image_to_every_kernels_last_slice() -> None:
    """One frame is padded with two of zeros, so that the 3-D network is the 2-D one with its kernels' last slices."""
    video = small_network("open-magvit2-video-4x8x8")
    config = config_of("open-magvit2-8x8")
    assert isinstance(config, LookupFreeConfig)
    image = build(LookupFreeConfig(multipliers=config.multipliers, bits=6, channels=32, blocks=2)).eval()
    state = {}
    for key, tensor in video.state_dict().items():
        flat = tensor[:, :, -1] if tensor.dim() == 5 else tensor
        expected = image.state_dict()[key.replace(".conv_1", "")].shape
        # Where time doubles, the first half of the channels is the frame that is kept.
        state[key.replace(".conv_1", "")] = flat[: expected[0]]
    image.load_state_dict(state)
    x = noise(1, 3, 16, 24)
    torch.testing.assert_close(video.latent(x[:, :, None])[:, :, 0], image.latent(x), rtol=1e-4, atol=1e-4)
    codes = image.encode(x)
    torch.testing.assert_close(video.decode(codes[:, None])[:, :, 0], image.decode(codes), rtol=1e-4, atol=1e-4)
