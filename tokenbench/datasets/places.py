"""Where the data that come with TokenBench lie."""

from __future__ import annotations

from pathlib import Path


def manifests_folder() -> Path:
    """Where the manifests lie: inside the installed package, or at the root of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "manifests"
    return installed if installed.is_dir() else package.parent / "manifests"
