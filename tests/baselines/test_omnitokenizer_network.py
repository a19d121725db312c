"""OmniTokenizer's layers, each computed a second time from its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lightning_support import State, held, listed, liven, needs_facts
from torch import Tensor

from tokenbench_baselines.omnitokenizer.cards import CARDS
from tokenbench_baselines.omnitokenizer.layers import (
    WIDTH,
    Attention,
    FeedForward,
    PositionGenerator,
    WindowAttention,
    rotate,
)
from tokenbench_baselines.omnitokenizer.network import OmniTokenizer, over_space, over_time, patches_of, pixels_of

HEADS = 8


@pytest.fixture(scope="module", params=[False, True], ids=["vq", "vae"])
def network(request: pytest.FixtureRequest) -> OmniTokenizer:
    torch.manual_seed(0)
    module = OmniTokenizer(variational=request.param)
    liven(module)
    return module


def close(given: Tensor, expected: Tensor, atol: float = 1e-5) -> None:
    torch.testing.assert_close(given, expected, rtol=1e-4, atol=atol)


@needs_facts
@pytest.mark.parametrize("kind", ["vq", "vae"])
def test_tensors_are_those_of_the_released_state_dict(kind: str) -> None:
    with torch.device("meta"):
        assert held(OmniTokenizer(variational=kind == "vae")) == listed(f"omnitokenizer_{kind}")


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.info.name)
def test_the_card_counts_the_parameters(card) -> None:
    with torch.device("meta"):
        module = OmniTokenizer(variational=card.info.vocabulary is None)
    assert sum(parameter.numel() for parameter in module.parameters()) == card.info.parameters


def test_a_patch_is_ordered_by_colour_time_row_and_column() -> None:
    video = torch.arange(2 * 3 * 8 * 16 * 24).view(2, 3, 8, 16, 24)
    for frames in (1, 4):
        patches = patches_of(video, frames)
        assert patches.shape == (2, 8 // frames, 2, 3, 3 * frames * 64)
        place = [(2 * frames + t) * 64 + 5 * 8 + 3 for t in range(frames)]
        expected = video[1, 2, frames : 2 * frames, 8 + 5, 16 + 3]
        assert torch.equal(patches[1, 1, 1, 2][place], expected)
        assert torch.equal(pixels_of(patches, frames), video)


@torch.no_grad()
def test_positions_come_from_what_lies_beside_a_token_and_before_it() -> None:
    torch.manual_seed(0)
    layer = PositionGenerator()
    x = torch.randn(2, 3, 4, 5, WIDTH)
    expected = layer.dsconv.bias.expand(x.shape).clone()
    for t in range(3):
        for y in range(4):
            for z in range(5):
                for i, j, k in np.ndindex(3, 3, 3):
                    at = (t + i - 2, y + j - 1, z + k - 1)
                    if all(0 <= a < n for a, n in zip(at, (3, 4, 5), strict=True)):
                        expected[:, t, y, z] += x[:, at[0], at[1], at[2]] * layer.dsconv.weight[:, 0, i, j, k]
    close(layer(x.view(6, 20, WIDTH), (2, 3, 4, 5)).view(x.shape), expected)


@torch.no_grad()
def test_over_time_positions_come_from_the_order_in_memory() -> None:
    torch.manual_seed(0)
    layer = PositionGenerator()
    x = torch.randn(2, 3, 4, 4, WIDTH)  # B T H W C
    columns = x.numpy().transpose(0, 2, 3, 1, 4).copy()
    misread = torch.from_numpy(np.frombuffer(columns.tobytes(), np.float32).reshape(2, 3, 4, 4, WIDTH).copy())
    convolved = layer(misread.view(6, 16, WIDTH), (2, 3, 4, 4)).contiguous().numpy()
    expected = np.frombuffer(convolved.tobytes(), np.float32).reshape(2, 4, 4, 3, WIDTH).transpose(0, 3, 1, 2, 4)
    given = over_time(lambda tokens, grid: layer(tokens, grid), x)  # type: ignore[arg-type]  # any such function
    close(given, torch.from_numpy(expected.copy()))
    proper = over_space(lambda tokens, grid: layer(tokens, grid), x)  # type: ignore[arg-type]
    assert (given - proper).abs().max() > 0.1


def test_pairs_of_features_turn_by_column_and_row() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 2, 16, 64, dtype=torch.float64)
    given = rotate(x)
    for p in range(16):
        for j in range(32):
            angle = (p % 4 if j % 2 == 0 else p // 4) * 10000.0 ** (-4 * (j // 2) / 64)
            a, b = x[0, :, p, 2 * j], x[0, :, p, 2 * j + 1]
            turned = torch.stack(
                [a * math.cos(angle) - b * math.sin(angle), a * math.sin(angle) + b * math.cos(angle)], -1
            )
            torch.testing.assert_close(given[0, :, p, 2 * j : 2 * j + 2], turned, rtol=0, atol=1e-6)


def layer_norm(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + 1e-5) * gamma + beta


def attention(state: State, prefix: str, x: Tensor, *, temporal: bool) -> Tensor:
    """N x L x 512 to the same shape."""
    q = layer_norm(x, state[f"{prefix}norm.gamma"], state[f"{prefix}norm.beta"]) @ state[f"{prefix}to_q.weight"].T
    k, v = (x @ weight.T for weight in state[f"{prefix}to_kv.weight"].split(WIDTH))
    q, k, v = (part.unflatten(-1, (HEADS, 64)).movedim(2, 1) for part in (q, k, v))
    if not temporal:
        q, k = rotate(q), rotate(k)
    q = q / q.norm(dim=-1, keepdim=True) * state[f"{prefix}q_scale"]
    k = k / k.norm(dim=-1, keepdim=True) * state[f"{prefix}k_scale"]
    logits = 8 * torch.einsum("nhic,nhjc->nhij", q, k)
    if temporal:
        logits = logits.masked_fill(~torch.ones(x.shape[1], x.shape[1]).tril().bool(), -math.inf)
    mixed = torch.einsum("nhij,nhjc->nihc", logits.softmax(-1), v).flatten(2)
    return mixed @ state[f"{prefix}to_out.weight"].T


def window_attention(state: State, prefix: str, x: Tensor) -> Tensor:
    """As attention over all tokens, of which only pairs of one window are let through."""
    side = math.isqrt(x.shape[1])
    row, column = np.divmod(np.arange(side * side), side)
    down, right = row[:, None] - row, column[:, None] - column
    together = (row[:, None] // 8 == row // 8) & (column[:, None] // 8 == column // 8)
    index = np.where(together, (down + 7) * 15 + right + 7, 0)
    bias = state[f"{prefix}relative_position_bias_table"][torch.from_numpy(index)].movedim(-1, 0)
    bias = bias.masked_fill(~torch.from_numpy(together), -math.inf)
    normalised = layer_norm(x, state[f"{prefix}norm.gamma"], state[f"{prefix}norm.beta"])
    q, k, v = ((normalised @ w.T).unflatten(-1, (HEADS, 64)) for w in state[f"{prefix}qkv.weight"].split(WIDTH))
    logits = torch.einsum("nihc,njhc->nhij", q / 8, k) + bias
    mixed = torch.einsum("nhij,njhc->nihc", logits.softmax(-1), v).flatten(2)
    return mixed @ state[f"{prefix}proj.weight"].T + state[f"{prefix}proj.bias"]


def feed_forward(state: State, prefix: str, x: Tensor) -> Tensor:
    x = layer_norm(x, state[f"{prefix}0.weight"], state[f"{prefix}0.bias"]) @ state[f"{prefix}1.weight"].T
    a, g = x[..., :1365], x[..., 1365:]
    return (a * g * 0.5 * (1 + torch.erf(g / math.sqrt(2)))) @ state[f"{prefix}4.weight"].T


@torch.no_grad()
@pytest.mark.parametrize("temporal", [False, True])
def test_attention_is_that_of_its_definition(temporal: bool) -> None:
    torch.manual_seed(0)
    layer = liven(Attention(temporal=temporal))
    x = torch.randn(3, 16, WIDTH) * 2 + 0.5
    close(layer(x), attention(layer.state_dict(), "", x, temporal=temporal))


@torch.no_grad()
def test_windows_of_eight_by_eight_tokens_know_their_positions() -> None:
    torch.manual_seed(0)
    layer = liven(WindowAttention())
    x = torch.randn(2, 256, WIDTH)
    close(layer(x), window_attention(layer.state_dict(), "", x))


@torch.no_grad()
def test_the_second_half_of_the_feed_forward_is_the_gate() -> None:
    torch.manual_seed(0)
    layer = liven(FeedForward())
    x = torch.randn(2, 4, WIDTH)
    close(layer(x), feed_forward(layer.state_dict(), "", x))


def transformer(
    state: State, prefix: str, x: Tensor, grid: tuple[int, ...], *, windows: tuple[int, ...] = ()
) -> Tensor:
    """Four layers over N x L x 512 and the last norm."""
    temporal = "temporal" in prefix
    for index in range(4):
        name = f"{prefix}layers.{index}."
        if index not in windows:
            cells = F.pad(x.reshape(*grid, WIDTH).permute(0, 4, 1, 2, 3), (1, 1, 1, 1, 2, 0))
            weight, bias = state[f"{name}0.dsconv.weight"], state[f"{name}0.dsconv.bias"]
            x = x + F.conv3d(cells, weight, bias, groups=WIDTH).permute(0, 2, 3, 4, 1).reshape(x.shape)
            x = x + attention(state, f"{name}1.", x, temporal=temporal)
        else:
            x = x + window_attention(state, f"{name}1.", x)
        x = x + feed_forward(state, f"{name}3.", x)
    return layer_norm(x, state[f"{prefix}norm_out.gamma"], state[f"{prefix}norm_out.beta"])


def in_space(state: State, prefix: str, x: Tensor, **options: tuple[int, ...]) -> Tensor:
    b, t, h, w, c = x.shape
    return transformer(state, prefix, x.reshape(b * t, h * w, c), (b, t, h, w), **options).view(x.shape)


def in_time(state: State, prefix: str, x: Tensor) -> Tensor:
    b, t, h, w, c = x.shape
    x = transformer(state, prefix, x.permute(0, 2, 3, 1, 4).reshape(b * h * w, t, c), (b, t, h, w))
    return x.view(b, h, w, t, c).permute(0, 3, 1, 2, 4)


def embedded(state: State, prefix: str, patches: Tensor) -> Tensor:
    x = layer_norm(patches, state[f"{prefix}.1.weight"], state[f"{prefix}.1.bias"])
    x = x @ state[f"{prefix}.2.weight"].T + state[f"{prefix}.2.bias"]
    return layer_norm(x, state[f"{prefix}.3.weight"], state[f"{prefix}.3.bias"])


def latent_by_definition(state: State, video: Tensor) -> Tensor:
    """B x 3 x T x S x S to B x t x s x s x 8 or 16."""
    first = embedded(state, "encoder.to_patch_emb_first_frame", patches_of(video[:, :, :1], 1))
    rest = embedded(state, "encoder.to_patch_emb", patches_of(video[:, :, 1:], 4))
    x = in_space(state, "encoder.enc_spatial_transformer.", torch.cat([first, rest], 1), windows=(2, 3))
    x = in_time(state, "encoder.enc_temporal_transformer.", x)
    return x @ state["pre_vq_conv.1.weight"].T + state["pre_vq_conv.1.bias"]


def pixels_by_definition(state: State, latent: Tensor) -> Tensor:
    """B x t x s x s x 8 to B x 3 x T x S x S."""
    x = latent @ state["post_vq_conv.1.weight"].T + state["post_vq_conv.1.bias"]
    x = in_time(state, "decoder.dec_temporal_transformer.", x)
    x = in_space(state, "decoder.dec_spatial_transformer.", x)
    heads = [(f"decoder.to_pixels{name}.0", n) for name, n in (("_first_frame", 1), ("", 4))]
    parts = [
        pixels_of(part @ state[f"{name}.weight"].T + state[f"{name}.bias"], n)
        for part, (name, n) in zip((x[:, :1], x[:, 1:]), heads, strict=True)
    ]
    return torch.cat(parts, dim=2)


@torch.no_grad()
def test_the_network_is_its_layers_in_their_order(network: OmniTokenizer) -> None:
    torch.manual_seed(0)
    state = dict(network.state_dict())
    video = torch.rand(1, 3, 9, 64, 64) - 0.5
    latent = latent_by_definition(state, video)
    assert latent.std() > 0.1
    tokens = network.encode(video)
    if network.variational:
        close(tokens, latent[..., :8].movedim(-1, 1), atol=1e-4)
        decoded = latent[..., :8]
    else:
        unit = latent / latent.norm(dim=-1, keepdim=True)
        distances = torch.cdist(unit.flatten(0, -2).double(), state["codebook.embeddings"].double())
        assert torch.equal(tokens.flatten(), distances.argmin(1))
        assert tokens.shape == (1, 3, 8, 8)
        # Lengths of the rows count: no row is normalised.
        assert state["codebook.embeddings"].norm(dim=1).std() > 0.1
        decoded = state["codebook.embeddings"][tokens]
    close(network.decode(tokens), pixels_by_definition(state, decoded), atol=1e-4)


@torch.no_grad()
def test_a_picture_is_a_clip_of_one_frame(network: OmniTokenizer) -> None:
    torch.manual_seed(0)
    picture = torch.rand(2, 3, 1, 64, 64) - 0.5
    tokens = network.encode(picture)
    assert tokens.shape[-3:] == (1, 8, 8)
    assert network.decode(tokens).shape == picture.shape


@torch.no_grad()
def test_time_is_causal_but_for_the_position_generators_that_misread_it() -> None:
    torch.manual_seed(0)
    module = OmniTokenizer(variational=True).eval()
    video = torch.rand(1, 3, 9, 64, 64) - 0.5
    changed = video.clone()
    changed[:, :, -1] = 0.5
    first, second = (module.encode(clip)[:, :, :2] for clip in (video, changed))
    assert (first - second).abs().max() > 1e-3
    for layer in module.encoder.enc_temporal_transformer.layers:
        layer["0"].dsconv.weight.zero_()
    first, second = (module.encode(clip) for clip in (video, changed))
    close(first[:, :, :2], second[:, :, :2], atol=1e-6)
    assert (first - second)[:, :, 2].abs().max() > 1e-3
