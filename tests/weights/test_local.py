import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tokenbench import TokenBenchError
from tokenbench.weights import find_weights, sha256_of, sha256_of_files, weights_root

SETS = (("whole.jit",), ("encoder.jit", "decoder.jit"))


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


@pytest.mark.parametrize("module", ["torch", "huggingface_hub"])
def test_import_costs_nothing_heavy(module: str) -> None:
    code = f"import sys, tokenbench.weights; sys.exit({module!r} in sys.modules)"
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


def test_without_known_sets_a_folder_gives_all_its_weight_files(tmp_path: Path) -> None:
    touch(tmp_path, "b.pt", "a.safetensors", "readme.md")
    assert find_weights("net", tmp_path, ()) == [tmp_path / "a.safetensors", tmp_path / "b.pt"]
    with pytest.raises(TokenBenchError, match=r"no weights for net.*looked for \*\.pt"):
        find_weights("net", touch(tmp_path / "empty", "readme.md")[0].parent, ())


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
    with pytest.raises(TokenBenchError, match=r"nothing\.jit: cannot be read: .*check the file"):
        sha256_of(tmp_path / "nothing.jit")
