import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tokenbench import TokenBenchError
from tokenbench.weights import find_weights, read_tensors, sha256_of, sha256_of_files, weights_root

SETS = (("whole.jit",), ("encoder.jit", "decoder.jit"))
STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.scale": torch.ones(3, dtype=torch.bfloat16)}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path))
    return tmp_path


def touch(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(name.encode())
    return [folder / name for name in names]


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


def test_import_costs_no_torch() -> None:
    code = "import sys, tokenbench.weights; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_root_is_in_the_home_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKENBENCH_WEIGHTS", raising=False)
    assert weights_root() == Path.home() / ".cache/tokenbench/weights"
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", "~/elsewhere")
    assert weights_root() == Path.home() / "elsewhere"


def test_default_place_is_the_tokenizers_folder(root: Path) -> None:
    files = touch(root / "net", "encoder.jit", "decoder.jit")
    assert find_weights("net", None, SETS) == files


def test_first_complete_set_wins(root: Path) -> None:
    touch(root / "net", "encoder.jit", "decoder.jit")
    assert find_weights("net", None, SETS) == [root / "net/encoder.jit", root / "net/decoder.jit"]
    touch(root / "net", "whole.jit")
    assert find_weights("net", None, SETS) == [root / "net/whole.jit"]


def test_given_place_may_be_a_folder_or_a_file(tmp_path: Path) -> None:
    (whole,) = touch(tmp_path, "whole.jit")
    (other,) = touch(tmp_path, "mine.safetensors")
    assert find_weights("net", tmp_path, SETS) == [whole]
    assert find_weights("net", str(other), SETS) == [other]


def test_one_file_of_a_set_brings_the_others(tmp_path: Path) -> None:
    encoder, decoder = touch(tmp_path, "encoder.jit", "decoder.jit")
    touch(tmp_path, "whole.jit")
    assert find_weights("net", decoder, SETS) == [encoder, decoder]


def test_one_file_of_a_set_alone_is_refused(tmp_path: Path) -> None:
    (encoder,) = touch(tmp_path, "encoder.jit")
    with pytest.raises(TokenBenchError) as error:
        find_weights("net", encoder, SETS)
    message = one_line(error)
    assert str(encoder) in message
    assert "encoder.jit + decoder.jit" in message


def test_missing_weights_say_where_and_what_to_do(root: Path) -> None:
    with pytest.raises(TokenBenchError) as error:
        find_weights("net", None, SETS, hint="get them from the moon")
    message = one_line(error)
    for part in ("net", str(root / "net"), "whole.jit", "encoder.jit + decoder.jit", "from the moon", "--weights PATH"):
        assert part in message


def test_given_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokenBenchError) as error:
        find_weights("net", tmp_path / "nowhere", SETS)
    assert str(tmp_path / "nowhere") in one_line(error)


def test_digest_of_one_file_is_its_own(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "whole.jit")
    assert sha256_of(path) == sha256_of_files([path]) == hashlib.sha256(b"whole.jit").hexdigest()


def test_digest_of_several_files_is_that_of_sha256sum(tmp_path: Path) -> None:
    paths = touch(tmp_path, "encoder.jit", "decoder.jit")
    shell = subprocess.run(
        "sha256sum * | sort | sha256sum",
        shell=True,
        cwd=tmp_path,
        env={**os.environ, "LC_ALL": "C"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert sha256_of_files(paths) == sha256_of_files(paths[::-1]) == shell.stdout.split()[0]


def test_digest_of_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenBenchError, match=r"cannot read weights .*nothing\.jit.*check the path"):
        sha256_of(tmp_path / "nothing.jit")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt"])
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
def test_torchscript_under_another_suffix_is_explained(tmp_path: Path) -> None:
    save_torchscript(tmp_path / "weights.pt", STATE)
    with pytest.raises(TokenBenchError, match=r"TorchScript archive; rename it to \.jit"):
        read_tensors(tmp_path / "weights.pt")


def test_unknown_suffix_is_refused(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "weights.bin")
    with pytest.raises(TokenBenchError, match=r"weights\.bin.*\.pt, \.pth, \.ckpt, \.safetensors, \.jit"):
        read_tensors(path)


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
