"""What probes found, on disk: `probe.json`, a picture a probe, and one page that shows them and loads nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenbench.files import write_bytes, write_text
from tokenbench.pages import page_template
from tokenbench.probing.drawing import draw
from tokenbench.probing.run import Outcome


def write_report(record: Mapping[str, Any], outcome: Outcome, out: Path) -> None:
    """Write everything to the folder `out`, each file whole or not at all.

    Args:
        record: of the run (`tokenbench.probing.run.record`).
        outcome: whose findings are drawn.
        out: made where it is missing; files of an earlier run are replaced.

    Raises:
        OutputError: the folder cannot be written.
    """
    pictures = {f"{name}.png": draw(finding) for name, finding in outcome.findings.items()}
    for name, picture in pictures.items():
        write_bytes(out / name, picture)
    write_text(out / "probe.json", json.dumps(record, indent=2, allow_nan=False) + "\n")
    write_text(out / "index.html", render_page(record, pictures))


def render_page(record: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    """The page's HTML.

    Args:
        record: of the run.
        pictures: PNG files by the names that the record has for them.
    """
    uris = {
        name: f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}" for name, picture in pictures.items()
    }
    tokenizer = record["tokenizer"]
    facts = {
        **{key: tokenizer[key] for key in ("kind", "modality", "parameters", "weights", "license", "source")},
        "compression (T x H x W)": " x ".join(map(str, tokenizer["compression"])),
        **{key: tokenizer[key] for key in ("weights_sha256", "settings", "provenance", "streaming", "window_used")},
        **record["shown"],
        **record["environment"],
    }
    shown = [(key.replace("_", " "), _shown(value)) for key, value in facts.items() if value not in (None, "", {})]
    return page_template("tokenbench.probing", "probe.html.j2").render(record=record, pictures=uris, facts=shown)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
