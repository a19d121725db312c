"""The cheaper ways in which the networks compute give what the plain ones do."""

import copy

import pytest
import torch
from cosmos_support import relative_error
from torch.nn import functional as F

from tokenbench_cosmos import functional, winograd
from tokenbench_cosmos.causal import CausalConv3d, gather
from tokenbench_cosmos.functional import attend, conv_of_doubled
from tokenbench_cosmos.layers3d import CausalResBlock3D
from tokenbench_cosmos.past import Past
from tokenbench_cosmos.winograd import conv3x3


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 80), (100, 66), (70, 300)])
@pytest.mark.parametrize("values", [1, 2**14, 2**21])
def test_winograd_equals_the_plain_sum(height: int, width: int, values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "_VALUES_AT_ONCE", values)
    x = torch.randn(2, 16, height, width).contiguous(memory_format=torch.channels_last)
    weight, bias = torch.randn(24, 16, 3, 3) / 12, torch.randn(24)
    exact = F.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    with torch.no_grad():
        assert winograd._pays(x)
        assert relative_error(conv3x3(x, weight, bias), exact) < 1e-6
        assert relative_error(conv3x3(x, weight, None), exact - bias[:, None, None].double()) < 1e-6


def test_winograd_rounds_no_worse_than_the_plain_sum() -> None:
    x = torch.randn(1, 256, 64, 64).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(64, 256, 3, 3) / 48
    exact = F.conv2d(x.double(), weight.double(), padding=1)
    with torch.no_grad():
        assert relative_error(conv3x3(x, weight, None), exact) < 1.5 * relative_error(
            F.conv2d(x, weight, padding=1), exact
        )


@pytest.mark.parametrize(
    "x",
    [torch.zeros(1, 4, 64, 65), torch.zeros(1, 4, 32, 64), torch.zeros(1, 4, 64, 64, dtype=torch.bfloat16)],
    ids=["odd width", "small", "bfloat16"],
)
def test_winograd_is_left_where_it_does_not_pay(x: torch.Tensor) -> None:
    with torch.no_grad():
        assert not winograd._pays(x)


def test_winograd_is_left_where_gradients_are_wanted() -> None:
    x = torch.zeros(1, 4, 64, 64)
    assert not winograd._pays(x)
    weight = torch.ones(4, 4, 3, 3, requires_grad=True)
    conv3x3(x + 1, weight, None).sum().backward()
    assert weight.grad is not None


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 8), (6, 3)])
def test_convolution_of_the_doubled_map_needs_no_doubled_map(height: int, width: int) -> None:
    x, weight, bias = torch.randn(2, 8, height, width), torch.randn(12, 8, 3, 3) / 8, torch.randn(12)
    plain = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), weight, bias, padding=1)
    assert relative_error(conv_of_doubled(x, weight, bias), plain) < 1e-6


def test_attention_by_rows_equals_the_fused_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional, "_PIXELS_AT_ONCE", 7)
    q, k, v = (torch.randn(2, 32, 5, 9).bfloat16() for _ in range(3))
    exact = attend(q.double(), k.double(), v.double())
    result = attend(q, k, v)
    assert result.dtype == torch.bfloat16
    assert relative_error(result, exact) < 1e-2


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("frames", [1, 3, 5])
def test_first_frame_stands_for_what_was_before_it(stride: int, frames: int) -> None:
    conv = CausalConv3d(6, 4, (3, 1, 1), stride=(stride, 1, 1))
    x = torch.randn(2, 6, frames, 4, 5)
    padded = torch.cat([x[:, :, :1], x[:, :, :1], x], dim=2)
    assert relative_error(conv(x), conv.conv3d(padded)) < 1e-6


@pytest.mark.parametrize("stride", [1, 2])
def test_chunks_of_a_convolution_add_up(stride: int) -> None:
    conv = CausalConv3d(6, 4, (3, 1, 1), stride=(stride, 1, 1))
    x = torch.randn(1, 6, 9, 4, 5)
    past = Past()
    with torch.no_grad():
        parts = [conv(part, past) for part in x.split([1, 2, 4, 2], dim=2)]
        assert relative_error(torch.cat(parts, dim=2), conv(x)) < 1e-6


def test_few_frames_at_a_time_give_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    block = CausalResBlock3D(8, 12)
    # As inside a network: torch 2.6 crashes on the CPU where a norm is trained and its channels-last input is not.
    x = torch.randn(2, 8, 5, 4, 6, requires_grad=True)
    whole = block(x)
    monkeypatch.setattr("tokenbench_cosmos.causal._VALUES_AT_ONCE", 1)
    assert relative_error(block(x), whole) < 1e-6
    block(x).sum().backward()
    gradient = copy.deepcopy(block.conv1[0].conv3d.weight.grad)
    monkeypatch.undo()
    block.zero_grad()
    block(x).sum().backward()
    assert relative_error(gradient, block.conv1[0].conv3d.weight.grad) < 1e-5


def test_parts_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="parts of 3 frames, expected 4"):
        gather(iter([torch.zeros(1, 2, 1, 3, 3), torch.zeros(1, 2, 2, 3, 3)]), 4)


def test_a_past_is_written_to_in_and_out_of_inference_mode() -> None:
    conv = CausalConv3d(4, 4, (3, 1, 1))
    x = torch.randn(1, 4, 6, 2, 2)
    past = Past()
    with torch.inference_mode():
        first = conv(x[:, :, :3], past)
    with torch.no_grad():
        second = conv(x[:, :, 3:], past)
    assert relative_error(torch.cat([first, second], dim=2), conv(x).detach()) < 1e-6
