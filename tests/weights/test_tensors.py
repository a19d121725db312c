import os
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tokenbench import TokenBenchError
from tokenbench.weights import read_tensors

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.scale": torch.ones(3, dtype=torch.bfloat16)}


def one_line(error: pytest.ExceptionInfo[TokenBenchError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def assert_same(state: dict[str, torch.Tensor]) -> None:
    assert state.keys() == STATE.keys()
    for key, tensor in STATE.items():
        assert state[key].dtype == tensor.dtype
        assert torch.equal(state[key], tensor)
        assert not state[key].requires_grad


def save_torchscript(path: Path, state: dict[str, torch.Tensor]) -> None:
    holder = torch.nn.Identity()
    for key, tensor in state.items():
        name, leaf = key.split(".")
        if name not in dict(holder.named_children()):
            holder.add_module(name, torch.nn.Identity())
        holder.get_submodule(name).register_buffer(leaf, tensor)
    torch.jit.trace(holder, torch.zeros(1)).save(str(path))


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".bin"])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_checkpoints_are_read(tmp_path: Path, suffix: str, wrapper: str | None) -> None:
    path = tmp_path / f"weights{suffix}"
    state = {key: torch.nn.Parameter(tensor) for key, tensor in STATE.items()}
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, path)
    assert_same(read_tensors(path))


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "weights.safetensors")
    assert_same(read_tensors(tmp_path / "weights.safetensors"))


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_torchscript_is_read_without_a_warning(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    save_torchscript(tmp_path / "weights.jit", STATE)
    recwarn.clear()
    assert_same(read_tensors(tmp_path / "weights.jit"))
    assert not recwarn.list


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors", "weights", "weights.jit.old"])
def test_the_content_decides_and_not_the_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    save_torchscript(path, STATE)
    assert_same(read_tensors(path))
    torch.save(STATE, path)
    assert_same(read_tensors(path))
    torch.save(STATE, path, _use_new_zipfile_serialization=False)
    assert_same(read_tensors(path))
    save_file(STATE, path)
    assert_same(read_tensors(path))


def test_unknown_content_under_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    path.write_bytes(b"weights.npz")
    with pytest.raises(TokenBenchError, match=r"weights\.npz.*\.pt, \.pth, \.ckpt, \.bin, \.safetensors, \.jit"):
        read_tensors(path)


def test_a_trainers_checkpoint_gives_the_networks_tensors_under_their_names(tmp_path: Path) -> None:
    model = OrderedDict({"network.a.weight": torch.ones(2), "ema.network-a-weight": torch.zeros(2)})
    optimizer = {
        "state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2)}},
        "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999), "fused": None, "params": [0]}],
    }
    checkpoint = {
        "model": model,
        "optimizer": optimizer,
        "scheduler": {"last_epoch": 3, "base_lrs": [1e-4], "_last_lr": [1e-4], "lr_lambdas": [None]},
        "grad_scaler": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 0},
        "iteration": 3,
    }
    torch.save(checkpoint, tmp_path / "model.pt")
    tensors = read_tensors(tmp_path / "model.pt")
    assert list(tensors) == list(model)
    assert torch.equal(tensors["ema.network-a-weight"], torch.zeros(2))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".jit"])
@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_damaged_files_have_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    with pytest.raises(TokenBenchError) as error:
        read_tensors(path)
    assert "check the path" in one_line(error)
    path.write_bytes(b"")
    with pytest.raises(TokenBenchError) as error:
        read_tensors(path)
    assert "empty" in one_line(error)
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    with pytest.raises(TokenBenchError) as error:
        read_tensors(path)
    assert "git lfs pull" in one_line(error)
    path.write_text("<!DOCTYPE html>")
    with pytest.raises(TokenBenchError) as error:
        read_tensors(path)
    assert str(path) in one_line(error)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".jit"])
@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_truncated_files_have_one_line(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"weights{suffix}"
    save = {".pt": lambda: torch.save(STATE, path), ".safetensors": lambda: save_file(STATE, path)}
    save.get(suffix, lambda: save_torchscript(path, STATE))()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(TokenBenchError) as error:
        read_tensors(path)
    message = one_line(error)
    assert str(path) in message
    assert "truncated" in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([torch.zeros(1)], "hold a list"),
        ({"a.weight": torch.zeros(1), "epoch": 3}, "'epoch' is a int"),
        ({}, "hold no tensors"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: object, said: str) -> None:
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(TokenBenchError, match=said):
        read_tensors(tmp_path / "weights.pt")


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"a": Payload()}, tmp_path / "weights.pt")
    with pytest.raises(TokenBenchError, match="holds more than tensors"):
        read_tensors(tmp_path / "weights.pt")
    assert not (tmp_path / "ran").exists()
