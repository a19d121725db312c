"""No file decides which code is run: what a file names is refused until it is typed, and nothing is unpickled."""

from __future__ import annotations

import ast
import io
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fuzz_support.corpus import ROOT, frames, header, write_run
from torch import nn

from tokenbench.errors import TokenBenchError
from tokenbench.media.image import write_png
from tokenbench.networks import MissingNetwork, find_network
from tokenbench.networks.cards import NETWORKS
from tokenbench.recorded import load_recorded, runs_code_of_its_name
from tokenbench.tokens import write_tokens
from tokenbench.weights.tensors import read_tensors

Call = Callable[..., Any]

# A class in a file that leaves a trace when its file is run.
CLASS = """
from pathlib import Path
Path(__file__).with_name("was-run").touch()
class Mine:
    info = {"name": "haar-4x8x8", "kind": "continuous", "compression": [4, 8, 8], "latent_channels": 768}
    def encode(self, video): return video
    def decode(self, tokens): return tokens.new_zeros(1, 3, 8, 48, 64)
"""
SAME = """
from pathlib import Path
Path(__file__).with_name("was-run").touch()
class Same:
    def encode(self, video): return video
    def decode(self, tokens): return tokens
"""
CARD = """
kind = "continuous"
modality = "image"
compression = [1, 8, 8]
latent_channels = 1
range = [0, 1]
layout = "BCHW"
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    (tmp_path / "own.py").write_text(CLASS)
    return f"{tmp_path}/own.py:Mine"


@pytest.fixture
def jit(tmp_path: Path) -> str:
    (tmp_path / "a.jit").write_bytes(b"no archive: it must not even be opened")
    (tmp_path / "tokenizer.toml").write_text(CARD)
    return f"jit:{tmp_path}/a.jit"


def was_run(name: str) -> bool:
    return Path(name).with_name("was-run").exists()


def write(folder: Path, name: str, **settings: object) -> Path:
    write_tokens(folder / "a.safetensors", torch.zeros(768, 2, 6, 8), header(name, settings))
    return folder / "a.safetensors"


def test_names_of_code_are_told_from_those_of_plug_ins(own: str, jit: str) -> None:
    assert runs_code_of_its_name(own)
    assert runs_code_of_its_name(jit)
    assert not runs_code_of_its_name("haar-4x8x8")
    assert not runs_code_of_its_name("h264-crf31")


def test_detokenize_runs_no_class_that_a_token_file_names(own: str, tmp_path: Path, tokenbench: Call) -> None:
    file, out = write(tmp_path, own), tmp_path / "out"
    outcome = tokenbench("detokenize", file, "--out", out)
    assert outcome.code == 2
    assert "code that would be run" in outcome.message
    assert f"--tokenizer {own}" in outcome.message
    assert not was_run(own)
    assert not out.exists()
    assert tokenbench("detokenize", file, "--out", out, "--tokenizer", own).code == 0
    assert was_run(own)
    assert (out / "a.mkv").is_file()


def test_detokenize_opens_no_torchscript_that_a_token_file_names(jit: str, tmp_path: Path, tokenbench: Call) -> None:
    file = write(tmp_path, jit)
    outcome = tokenbench("detokenize", file, "--out", tmp_path / "out")
    assert (outcome.code, "code that would be run" in outcome.message) == (2, True)
    outcome = tokenbench("detokenize", file, "--out", tmp_path / "out", "--tokenizer", jit)
    assert "no TorchScript archive" in outcome.message


def test_another_name_on_the_command_line_allows_no_name_of_the_file(own: str, tmp_path: Path) -> None:
    with pytest.raises(TokenBenchError, match="code that would be run"):
        load_recorded(own, {}, where=tmp_path, typed=["haar-4x8x8", f"{tmp_path}/other.py:Mine"])
    assert not was_run(own)


def test_settings_of_a_file_take_no_argument_of_the_command(tmp_path: Path, tokenbench: Call) -> None:
    outcome = tokenbench("detokenize", write(tmp_path, "haar-4x8x8", weights="w.pt"), "--out", tmp_path / "out")
    assert (outcome.code, "'weights' is no setting" in outcome.message) == (2, True)


def test_verify_run_runs_no_class_that_a_result_names(own: str, tmp_path: Path, tokenbench: Call) -> None:
    run = write_run(tmp_path / "run", own)
    data = tmp_path / "clips"
    data.mkdir()
    (data / "photo.png").write_bytes((run / "samples/000001-000000-recon.png").read_bytes())
    verified = tokenbench("verify-run", run, "--dataset", data)
    assert verified.code == 2
    assert not was_run(own)


def test_view_makes_nothing_anew_with_a_class_that_a_result_names(tmp_path: Path, tokenbench: Call) -> None:
    (tmp_path / "same.py").write_text(SAME)
    name, data, run = f"{tmp_path}/same.py:Same", tmp_path / "clips", tmp_path / "run"
    write_png(data / "photo.png", frames()[0])
    assert tokenbench("eval", "--tokenizer", name, "--dataset", data, "--out", run).code == 0
    (tmp_path / "was-run").unlink()
    view = ("view", run, "--dataset", data, "--out", tmp_path / "view")
    outcome = tokenbench(*view)
    assert outcome.code != 0
    assert f"--tokenizer {name}" in outcome.err
    assert not was_run(name)
    assert tokenbench(*view, "--tokenizer", name).code == 0
    assert was_run(name)


def imports_and_calls() -> Iterator[tuple[Path, ast.Call, str]]:
    for folder in ("tokenbench", "tokenizers"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    yield path, node, ast.unparse(node.func)


def argument(call: ast.Call, name: str) -> object:
    found = [each.value for each in call.keywords if each.arg == name]
    return ast.literal_eval(found[0]) if found else None


def test_the_source_loads_no_objects_and_starts_no_shell() -> None:
    torchscript = set()
    for path, call, name in imports_and_calls():
        where = f"{path}:{call.lineno}"
        assert name not in ("eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "yaml.load"), where
        assert argument(call, "shell") in (None, False), where
        if name == "torch.load":
            assert argument(call, "weights_only") is True, where
        if name in ("np.load", "numpy.load"):
            assert argument(call, "allow_pickle") is False, where
        if name == "torch.jit.load":
            torchscript.add(path.relative_to(ROOT).as_posix())
    # The one is loaded where the user typed its name, the other where they fetched or named the file.
    assert torchscript == {
        "tokenbench/networks/i3d.py",
        "tokenizers/tokenbench_baselines/torchscript/tokenizer.py",
    }


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("was-run"),)


def test_weights_with_objects_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": torch.zeros(1), "b": Trap()}, "new.pt")
    Path("old.pt").write_bytes(pickle.dumps({"a": Trap()}))
    for name in ("new.pt", "old.pt"):
        with pytest.raises(TokenBenchError):
            read_tensors(Path(name))
    assert not Path("was-run").exists()


def test_a_pickle_in_an_archive_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.jit.script(nn.Linear(2, 2).eval()).save("whole.jit")
    with zipfile.ZipFile("whole.jit") as old, zipfile.ZipFile("trap.jit", "w") as new:
        for member in old.infolist():
            trap = member.filename.endswith("/data.pkl")
            new.writestr(member.filename, pickle.dumps(Trap(), protocol=2) if trap else old.read(member))
    with pytest.raises(TokenBenchError, match="are refused: it asks for"):
        read_tensors(Path("trap.jit"))
    assert not Path("was-run").exists()


def test_token_files_with_objects_are_refused(
    tmp_path: Path, tokenbench: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    np.savez(buffer, tokens=np.array([Trap()], dtype=object), tokenbench=np.array(header("haar-4x8x8").to_json()))
    Path("a.npz").write_bytes(buffer.getvalue())
    outcome = tokenbench("detokenize", "a.npz", "--out", "out")
    assert outcome.code == 1
    assert not Path("was-run").exists()


def test_a_network_that_is_code_is_fetched_only_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = NETWORKS["i3d-kinetics400"]
    assert (card.runs_code, card.sha256) == (True, None)
    assert [each.name for each in NETWORKS.values() if each.runs_code] == ["i3d-kinetics400"]
    for name in ("TOKENBENCH_WEIGHTS", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr("tokenbench.weights.download.download", lambda *_, **__: pytest.fail("it was fetched"))
    with pytest.raises(MissingNetwork, match="type 'tokenbench weights fetch i3d-kinetics400'"):
        find_network("i3d-kinetics400")
