"""Where a run's numbers come from: weights, data, protocol, versions, machine, command."""

from __future__ import annotations

from typing import Any

from tokenbench.reporting.runs import Run


def provenance(run: Run) -> dict[str, Any]:
    """Everything that the run says of how its numbers were made, by name; what it does not say is left out."""
    tokenizer = run.tokenizer
    facts = {
        "description": tokenizer.description,
        "run": run.name,
        "command": run.environment.get("command"),
        "protocol": run.dataset.protocol,
        "manifest SHA-256": run.dataset.manifest_sha256,
        "weights": tokenizer.weights,
        "weights SHA-256": tokenizer.weights_sha256,
        "license of the weights": tokenizer.license,
        "source": tokenizer.source,
        "settings": dict(tokenizer.settings) or None,
        "modality": tokenizer.modality,
        "latent channels": tokenizer.latent_channels,
        "vocabulary": tokenizer.vocabulary,
        "parameters": tokenizer.parameters,
        "nominal bits/pixel": tokenizer.bits_per_pixel,
        **{name: value for name, value in run.environment.items() if name != "command"},
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}
