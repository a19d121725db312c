"""The rules of design that no single module can hold: who may import whom, and what a quick command may load."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A room of the harness -> rooms that it must not import.
FORBIDDEN = {
    "media": {"cli", "datasets", "evaluation", "metrics", "reporting", "tokenizer", "weights"},
    "metrics": {"cli", "datasets", "evaluation", "media", "networks", "reporting", "tokenizer", "weights"},
    "tokenizer": {"cli", "custom", "datasets", "evaluation", "media", "metrics", "registry", "reporting"},
    "registry": {"cli", "datasets", "evaluation", "media", "metrics", "reporting"},
    "weights": {
        *("cli", "custom", "datasets", "evaluation", "media", "metrics", "networks", "registry", "reporting"),
        "tokenizer",
    },
    "networks": {
        *("cli", "custom", "datasets", "evaluation", "media", "metrics", "registry", "reporting", "tokenizer"),
        "tokens",
    },
    "datasets": {"cli", "evaluation", "metrics", "reporting", "tokenizer"},
    "evaluation": {"cli", "reporting", "tokens"},
    # Knows bytes, keys and files; whose results they are is not its business.
    "store": {
        *("cli", "custom", "datasets", "engine", "evaluation", "media", "metrics", "networks", "registry"),
        *("reporting", "tokenizer", "tokens", "weights"),
    },
    "reporting": {"cli", "evaluation", "media", "datasets", "tokenizer", "metrics", "tokens"},
    "reproduction": {"checking", "cli", "custom", "media", "probing", "statistics", "throughput", "tokens"},
    "statistics": {
        *("cli", "custom", "datasets", "evaluation", "files", "jit", "media", "metrics", "parallel", "progress"),
        *("registry", "reporting", "tokenizer", "tokens", "weights"),
    },
    "tokens": {"cli", "metrics", "reporting"},
    "checking": {"cli", "custom", "datasets", "metrics", "networks", "probing", "reporting", "tokens", "weights"},
    "probing": {"cli", "custom", "datasets", "registry", "reporting", "tokens", "weights"},
    "verification": {"checking", "cli", "custom", "media", "networks", "probing", "tokens", "weights"},
    "bundle": {
        *("checking", "cli", "datasets", "doctor", "evaluation", "media", "probing", "reporting", "reproduction"),
        *("statistics", "throughput", "tokens", "trainers", "verification", "viewing"),
    },
    "doctor": {
        *("bundle", "checking", "cli", "probing", "reporting", "reproduction", "statistics", "throughput", "tokens"),
        *("trainers", "verification", "viewing"),
    },
    "viewing": {"checking", "cli", "custom", "networks", "probing", "tokens", "trainers", "weights"},
    "throughput": {"cli", "checking", "metrics", "networks", "probing", "statistics", "tokens", "weights"},
}
# Parts of evaluation that tokens share: a clip must be cut and padded alike, whether its tokens are kept or not.
SHARED_WITH_TOKENS = {"guard", "padding", "windows"}
# What is checked is the way that clips really take, streams included.
SHARED_WITH_CHECKING = SHARED_WITH_TOKENS | {"streams"}
# Reconstructions that are looked at are found again as those that are verified.
ALSO_IMPORTED_BY = {"verification": ("viewing",)}
PLUGINS = ("tokenbench_baselines", "tokenbench_cosmos")
PLUGINS_MAY_IMPORT = {"tokenizer", "weights", "media", "errors", "files"}
# Training also needs what is trained on, what losses stand on, and what is measured on the way.
TRAINING_MAY_IMPORT = PLUGINS_MAY_IMPORT | {"datasets", "metrics", "networks", "recipes"}


def imports_of(path: Path) -> set[str]:
    """Absolute module names that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


def rooms_of(names: set[str]) -> set[str]:
    return {name.split(".")[1] for name in names if name.startswith("tokenbench.")}


def files_of(package: Path) -> list[Path]:
    files = sorted(package.rglob("*.py")) if package.is_dir() else [package.with_suffix(".py")]
    assert files
    return files


@pytest.mark.parametrize("room", FORBIDDEN)
def test_data_flows_one_way(room: str) -> None:
    for path in files_of(ROOT / "tokenbench" / room):
        assert not rooms_of(imports_of(path)) & FORBIDDEN[room], path


@pytest.mark.parametrize(
    "room", ["bundle", "checking", "doctor", "probing", "tokens", "viewing", "throughput", "verification"]
)
def test_only_the_command_line_imports_them(room: str) -> None:
    for path in files_of(ROOT / "tokenbench"):
        if path.relative_to(ROOT / "tokenbench").parts[0] not in ("cli", room, *ALSO_IMPORTED_BY.get(room, ())):
            assert room not in rooms_of(imports_of(path)), path


def test_viewing_shares_with_verification_what_a_run_says_of_itself() -> None:
    for path in files_of(ROOT / "tokenbench" / "viewing"):
        names = {name.split(".")[2] for name in imports_of(path) if name.startswith("tokenbench.verification.")}
        assert names <= {"claim"}, path


def test_tokens_share_with_evaluation_how_a_clip_is_cut_and_padded() -> None:
    for path in files_of(ROOT / "tokenbench" / "tokens"):
        names = {name.split(".")[2] for name in imports_of(path) if name.startswith("tokenbench.evaluation.")}
        assert names <= SHARED_WITH_TOKENS, path


def test_checks_share_with_evaluation_the_way_that_clips_take() -> None:
    for path in files_of(ROOT / "tokenbench" / "checking"):
        names = {name.split(".")[2] for name in imports_of(path) if name.startswith("tokenbench.evaluation.")}
        assert names <= SHARED_WITH_CHECKING, path


def test_the_harness_knows_no_tokenizer_by_name() -> None:
    for path in files_of(ROOT / "tokenbench"):
        assert not {name.split(".")[0] for name in imports_of(path)} & set(PLUGINS), path


@pytest.mark.parametrize("plugin", PLUGINS)
def test_bundled_tokenizers_use_what_a_strangers_may(plugin: str) -> None:
    others = set(PLUGINS) - {plugin}
    for path in files_of(ROOT / "tokenizers" / plugin):
        names = imports_of(path)
        assert rooms_of(names) <= (TRAINING_MAY_IMPORT if "training" in path.parts else PLUGINS_MAY_IMPORT), path
        assert not {name.split(".")[0] for name in names} & others, path


def test_no_package_hides_hugging_faces_tokenizers(tmp_path: Path) -> None:
    assert not (ROOT / "tokenizers" / "__init__.py").exists()
    code = "import importlib.util, tokenbench_cosmos; print(importlib.util.find_spec('tokenizers'))"
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    if importlib.util.find_spec("transformers") is None:
        assert found.stdout.strip() == "None"


def loaded_by(code: str, tmp_path: Path) -> set[str]:
    code = f"import sys\n{code}\nprint(*sorted(name.split('.')[0] for name in sys.modules), file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    return set(run.stderr.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list", "tokenizers"],
        ["eval", "--help"],
        ["tokenize", "--help"],
        ["detokenize", "--help"],
        ["report", "--help"],
        ["probe", "--help"],
        ["throughput", "--help"],
        ["reproduce", "--help"],
        ["check-tokenizer", "--help"],
        ["review", "--help"],
        ["diff", "--help"],
        ["view", "--help"],
        ["verify-run", "--help"],
        ["rescore", "--help"],
        ["cache", "--help"],
        ["train", "--help"],
        ["weights", "list"],
        ["bundle", "--help"],
        ["doctor", "--help"],
    ],
)
def test_quick_commands_load_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    loaded = loaded_by(f"from tokenbench.cli import run\nassert run({arguments}) == 0", tmp_path)
    assert not loaded & {"torch", "numpy", "pandas", "numba", "av", "matplotlib", "PIL", "scipy"}


def test_compare_does_not_load_torch(folder: Path, tmp_path: Path) -> None:
    code = f"from tokenbench.cli import run\nassert run(['compare', {str(folder)!r}, {str(folder)!r}]) == 0"
    code = f"import sys\n{code}\nprint('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "False"
