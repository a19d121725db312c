import pytest
import torch
from cosmos_support import golden, needs_facts

from tokenbench_cosmos.config import FSQ_LEVELS
from tokenbench_cosmos.fsq import FSQuantizer

ALL = torch.arange(64_000, dtype=torch.int32)


@pytest.fixture(scope="module")
def quantizer() -> FSQuantizer:
    return FSQuantizer(FSQ_LEVELS)


@needs_facts
def test_quantiser_equals_the_references(quantizer: FSQuantizer) -> None:
    units = {key: torch.as_tensor(value) for key, value in golden("cosmos-units").items() if key.startswith("fsq.")}
    assert torch.equal(quantizer.indices(units["fsq.z"]), units["fsq.indices"])
    assert torch.equal(quantizer(units["fsq.z"]), units["fsq.codes"])
    assert torch.equal(quantizer.codes(units["fsq.idx_list"]).T, units["fsq.codes_of_idx_list"])
    total = quantizer.implicit_codebook.double().abs().sum()
    assert float(total) == pytest.approx(float(units["fsq.codebook_absum"]), rel=1e-12)


def test_every_index_has_a_code_of_its_own_and_comes_back(quantizer: FSQuantizer) -> None:
    codes = quantizer.codes(ALL).T
    assert torch.equal(codes, quantizer.implicit_codebook)
    assert len(codes.unique(dim=0)) == len(ALL)
    # What a network would have to give: the inverse of the squashing, at the code's level.
    half = torch.tensor([(size - 1) * 1.001 / 2 for size in FSQ_LEVELS], dtype=torch.float64)
    offset = torch.tensor([0.5 if size % 2 == 0 else 0.0 for size in FSQ_LEVELS], dtype=torch.float64)
    level = codes.double() * torch.tensor([size // 2 for size in FSQ_LEVELS])
    z = ((level + offset) / half).atanh() - (offset / half).atanh()
    assert torch.equal(quantizer.indices(z.float()), ALL)
    assert torch.equal(quantizer(z.float()), codes)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 2, 3, 4)])
def test_codes_of_indices_are_the_quantised_values(quantizer: FSQuantizer, shape: tuple[int, ...]) -> None:
    z = torch.randn(shape[0], 6, *shape[1:]) * 3
    indices = quantizer.indices(z)
    assert indices.shape == shape
    assert indices.dtype == torch.int32
    assert torch.equal(quantizer.codes(indices), quantizer(z))


def test_zero_and_the_extremes(quantizer: FSQuantizer) -> None:
    rows = torch.tensor([[0.0] * 6, [-50.0] * 6, [50.0] * 6])
    assert quantizer.indices(rows).tolist() == [32036, 0, 63999]
    assert quantizer(rows)[0].tolist() == [0.0] * 6


def test_codes_are_exact_in_bfloat16(quantizer: FSQuantizer) -> None:
    z = torch.randn(100, 6)
    half = quantizer(z.bfloat16())
    assert half.dtype == torch.bfloat16
    assert torch.equal(half.float(), quantizer(z.bfloat16().float()))


def test_gradient_is_that_of_the_squashing(quantizer: FSQuantizer) -> None:
    z = torch.zeros(1, 6, requires_grad=True)
    quantizer(z).sum().backward()
    # d/dz of tanh(z + shift) * half over levels // 2, at zero.
    expected = [3.5035 * (1 - (0.5 / 3.5035) ** 2) / 4] * 3 + [2.002 / 2] * 3
    torch.testing.assert_close(z.grad, torch.tensor([expected]), rtol=1e-4, atol=0)
