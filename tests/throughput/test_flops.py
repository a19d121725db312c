"""Operations counted against the formulas."""

from __future__ import annotations

import torch
from torch import nn

from tokenbench.throughput.flops import count_flops


def test_a_convolution_network_has_the_operations_of_its_formula() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 4, 4, stride=4, bias=False)).eval()
    with torch.inference_mode():
        result, count = count_flops(lambda: network(torch.zeros(2, 3, 32, 48)))
    assert result.shape == (2, 4, 8, 12)
    # Batch x outputs x (inputs x kernel) x 2; biases and the activation do not count.
    assert count == 2 * (8 * 32 * 48) * (3 * 3 * 3) * 2 + 2 * (4 * 8 * 12) * (8 * 4 * 4) * 2


def test_matrix_products_and_attention_count() -> None:
    tokens = torch.zeros(1, 2, 10, 16)  # batch, heads, positions, width
    with torch.inference_mode():
        _, product = count_flops(lambda: torch.zeros(5, 7) @ torch.zeros(7, 3))
        _, attention = count_flops(lambda: nn.functional.scaled_dot_product_attention(tokens, tokens, tokens))
    assert product == 5 * 7 * 3 * 2
    # Scores and their use: 2 heads x 10 x 10 x 16, twice.
    assert attention == 2 * (2 * 10 * 10 * 16) * 2


def test_what_only_moves_values_has_none() -> None:
    assert count_flops(lambda: torch.zeros(4, 4).permute(1, 0).contiguous())[1] == 0
