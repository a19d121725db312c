"""Archives that torch writes, read as data: equal to what TorchScript itself loads, and nothing in them is run."""

import io
import os
import pickle
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import torch
from torch import Tensor, nn

from tokenbench import TokenBenchError
from tokenbench.weights import read_tensors
from tokenbench.weights.norms import group_norm_groups
from tokenbench.weights.torchscript import is_torchscript, read_torchscript

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning", "ignore:`torch.jit:DeprecationWarning")


class Leaf(nn.Module):
    """Tensors of every kind that released files hold, and some that they might."""

    groups: Final[int] = 4

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 3).t())
        self.brief = nn.Parameter(torch.randn(4).bfloat16())
        self.frozen = nn.Parameter(torch.randn(2), requires_grad=False)
        self.absent = nn.Parameter(torch.randn(1))
        self.register_parameter("absent", None)
        self.register_buffer("basis", torch.arange(6, dtype=torch.int32))
        self.register_buffer("index", torch.arange(3))
        self.register_buffer("lost", torch.ones(2), persistent=False)
        self.register_buffer("scalar", torch.tensor(2.5, dtype=torch.float64))
        self.register_buffer("empty", torch.zeros(0, 4, dtype=torch.float16))
        self.register_buffer("flags", torch.tensor([True, False]))
        self.register_buffer("slice", torch.arange(20.0).reshape(4, 5)[1:3, ::2])
        self.scale = 3

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.sum() + self.slice.sum() + self.scale


class Branch(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(inner, nn.Sequential(Leaf(), nn.ReLU()))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Root(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        leaf = Leaf()
        self.first = Branch(Branch(leaf))
        self.second = leaf
        self.tied = nn.Parameter(leaf.brief)
        self.tied.data = leaf.brief.data

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x)) + self.tied.sum()


class Norms(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm_out = nn.GroupNorm(32, 64, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm_out(x.permute(0, 2, 1, 3)).permute(0, 2, 1, 3)


class OwnNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(64))
        self.groups = 8

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.group_norm(x, self.groups, self.weight)


class Codec(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(Norms(), nn.Sequential(Norms()))
        self.plain = OwnNorm()
        self.unnormed = nn.Conv2d(64, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.unnormed(self.plain(self.encoder(x).permute(0, 2, 1, 3)))


Save = Callable[[nn.Module, Tensor, Path], Path]


def trace(module: nn.Module, example: Tensor, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(module, example, check_trace=False).save(str(path))
    return path


def script(module: nn.Module, _example: Tensor, path: Path) -> Path:
    torch.jit.script(module).save(str(path))
    return path


def rewrite(path: Path, member: str, content: bytes | None, compress: bool = False) -> None:
    """Replace a member of an archive, or leave it out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, old in members.items():
            new = content if name.partition("/")[2] == member else old
            if new is not None:
                archive.writestr(name, new)


def source_of_leaf(path: Path) -> tuple[str, str]:
    """Member below the top folder, and what it says."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".py") and "class Leaf(" in (source := archive.read(name).decode()):
                return name.partition("/")[2], source
    raise AssertionError


def refusal(path: Path) -> str:
    with pytest.raises(TokenBenchError) as error:
        read_tensors(path)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return trace(Root(), torch.ones(1), tmp_path / "net.jit")


@pytest.mark.parametrize("save", [trace, script])
def test_tensors_are_those_that_torchscript_loads(tmp_path: Path, save: Save) -> None:
    path = save(Root(), torch.ones(1), tmp_path / "net.jit")
    expected = torch.jit.load(path).state_dict()
    tensors = read_torchscript(path).tensors
    assert list(tensors) == list(expected)
    assert "first.layers.0.layers.1.0.weight" in tensors
    assert "second.lost" in tensors
    for name, tensor in expected.items():
        assert tensors[name].dtype == tensor.dtype, name
        assert tensors[name].shape == tensor.shape, name
        assert tensors[name].numel() == 0 or tensors[name].stride() == tensor.stride(), name
        assert torch.equal(tensors[name], tensor), name
        assert not tensors[name].requires_grad


def test_tensors_share_memory_where_the_archives_do(archive: Path) -> None:
    tensors = read_torchscript(archive).tensors
    assert tensors["second.brief"].data_ptr() == tensors["first.layers.0.layers.0.brief"].data_ptr()
    assert tensors["second.brief"].data_ptr() == tensors["tied"].data_ptr()


def test_reading_does_not_go_through_torchscript(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.jit, "load")
    monkeypatch.delattr(torch, "load")
    assert read_tensors(archive)


def test_a_renamed_and_recompressed_archive_is_read(archive: Path, tmp_path: Path) -> None:
    expected = read_tensors(archive)
    rewrite(archive, "version", b"3\n", compress=True)
    other = archive.rename(tmp_path / "other.bin")
    assert is_torchscript(other)
    assert read_tensors(other).keys() == expected.keys()


def test_the_other_byte_order_is_turned(tmp_path: Path) -> None:
    values = torch.tensor([1, 2, 300], dtype=torch.int32)
    holder = nn.Identity()
    holder.register_buffer("values", values)
    path = trace(holder, torch.ones(1), tmp_path / "net.jit")
    rewrite(path, "byteorder", b"big" if sys.byteorder == "little" else b"little")
    assert torch.equal(read_tensors(path)["values"], torch.from_numpy(values.numpy().byteswap()))
    rewrite(path, "byteorder", None)
    if sys.byteorder == "little":
        assert torch.equal(read_tensors(path)["values"], values)


def test_modules_and_their_code_are_found_by_path(tmp_path: Path) -> None:
    read = read_torchscript(trace(Codec(), torch.rand(1, 3, 64, 4), tmp_path / "net.jit"))
    assert read.modules[:3] == ("", "encoder", "encoder.0")
    code = read.code("encoder.1.0.norm_out") or ""
    assert code.startswith("class GroupNorm(Module):\n")
    assert code.count("class ") == 1
    assert "torch.group_norm(input, 32, weight, bias" in code
    assert read.code("encoder.2") is None


@pytest.mark.parametrize("save", [trace, script])
def test_groups_of_group_norms_are_read_from_the_code(tmp_path: Path, save: Save) -> None:
    read = read_torchscript(save(Codec(), torch.rand(1, 3, 64, 4), tmp_path / "net.jit"))
    assert group_norm_groups(read) == {"encoder.0.norm_out": 32, "encoder.1.0.norm_out": 32, "plain": 8}


def test_computed_groups_are_left_out(tmp_path: Path) -> None:
    class Computed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.group_norm(x, x.shape[1] // 2)

    for number, save in enumerate((trace, script)):
        read = read_torchscript(save(Computed(), torch.rand(1, 4, 2), tmp_path / f"{number}.jit"))
        assert group_norm_groups(read) == {}


def test_two_numbers_of_groups_in_one_module_are_refused(tmp_path: Path) -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.group_norm(nn.functional.group_norm(x, 2), 4)

    with pytest.raises(TokenBenchError, match=r"net\.jit: the root normalises with \[2, 4\] groups"):
        group_norm_groups(read_torchscript(trace(Two(), torch.rand(1, 4, 2), tmp_path / "net.jit")))


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.7, 0.95, 0.999])
def test_truncated_archives_have_one_line(archive: Path, kept: float) -> None:
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * kept)])
    message = refusal(archive)
    assert "truncated" in message
    assert f"{archive.stat().st_size} bytes" in message


def test_a_flipped_bit_is_found(archive: Path) -> None:
    with zipfile.ZipFile(archive) as members:
        info = next(info for info in members.infolist() if info.filename.endswith("/data/0"))
    damaged = bytearray(archive.read_bytes())
    # The local header is 30 bytes, then the name, then padding up to a multiple of 64.
    start = info.header_offset + 30 + len(info.filename)
    start += -start % 64
    damaged[start] ^= 1
    archive.write_bytes(damaged)
    assert "truncated, or no TorchScript archive" in refusal(archive)


@pytest.mark.parametrize("member", ["data/0", "source", "data.pkl"])
@pytest.mark.parametrize("content", [None, b"", b"\x80\x02}q\x00."])
def test_missing_and_wrong_members_have_one_line(archive: Path, member: str, content: bytes | None) -> None:
    rewrite(archive, source_of_leaf(archive)[0] if member == "source" else member, content)
    refusal(archive)


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


@pytest.mark.parametrize(
    ("function", "said"),
    [(os.mkdir, "mkdir"), (eval, "eval"), (getattr, "getattr"), (torch.load, "torch")],
)
def test_calls_in_the_pickle_are_refused_by_name_and_not_run(
    archive: Path, tmp_path: Path, function: Callable[..., object], said: str
) -> None:
    ran = tmp_path / "ran"
    arguments = (f"__import__('os').mkdir({str(ran)!r})",) if function is eval else (str(ran),)
    rewrite(archive, "data.pkl", pickle.dumps(Call(function, *arguments), protocol=2))
    message = refusal(archive)
    assert "refused" in message
    assert said in message
    assert not ran.exists()


def test_code_of_the_archive_is_not_run(archive: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    member, source = source_of_leaf(archive)
    rewrite(archive, member, f"import os\nos.mkdir({str(ran)!r})\n{source}".encode())
    assert read_tensors(archive)
    assert not ran.exists()


def test_a_view_outside_of_its_storage_is_refused(archive: Path) -> None:
    with zipfile.ZipFile(archive) as members:
        data = members.read(next(name for name in members.namelist() if name.endswith("/data.pkl")))
        stored = members.read(next(name for name in members.namelist() if name.endswith("/data/0")))
    rewrite(archive, "data/0", stored + b"\0" * 4)
    assert "truncated" in refusal(archive)
    rewrite(archive, "data/0", stored)
    # 20 numbers seen as 2 x 3 with steps 5 and 2, from the sixth: the steps are made 50 and 2.
    wider = data.replace(b"K\x05K\x02\x86", b"K\x32K\x02\x86").replace(b"(K\x05K\x02t", b"(K\x32K\x02t")
    assert wider != data
    rewrite(archive, "data.pkl", wider)
    assert "truncated" in refusal(archive)


def test_modules_that_restore_themselves_by_code_are_refused(tmp_path: Path) -> None:
    class Restored(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("values", torch.ones(2))

        @torch.jit.export
        def __getstate__(self) -> tuple[Tensor, bool]:
            return self.values, self.training

        @torch.jit.export
        def __setstate__(self, state: tuple[Tensor, bool]) -> None:
            self.values = state[0]
            self.training = state[1]

        def forward(self, x: Tensor) -> Tensor:
            return x + self.values

    path = script(Restored(), torch.ones(1), tmp_path / "net.jit")
    assert "restores itself by running its own code" in refusal(path)


def test_a_checkpoint_is_no_torchscript(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.ones(1)}, buffer)
    (tmp_path / "weights.jit").write_bytes(buffer.getvalue())
    assert not is_torchscript(tmp_path / "weights.jit")
    assert not is_torchscript(tmp_path / "nothing.jit")
