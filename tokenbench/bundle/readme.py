"""The text that a bundle brings to whoever finds it."""

from __future__ import annotations

from tokenbench.bundle.record import Bundle, Item

_TEXT = """# Weights for TokenBench

The weights of tokenizers and of the networks that metrics stand on, gathered by `tokenbench bundle`, for a machine
without a network. On that machine, where TokenBench is installed:

```sh
tokenbench bundle --use THIS_FOLDER_OR_ARCHIVE
tokenbench doctor{plan}
```

The first command compares every file with its sha256 in `bundle.json`, and copies them to where TokenBench finds them
by name. The second says what is still missing, such as Python packages.

| name | kind | MB | licence | from |
| --- | --- | ---: | --- | --- |
{rows}

Each licence is its publisher's; it holds for the copy too.
"""


def readme(bundle: Bundle) -> str:
    """What the bundle holds, under which licences, and how it is used."""
    plan = "".join(f" --tokenizer {name}" for name in bundle.tokenizers)
    plan += f" --metrics {','.join(bundle.metrics)}" if bundle.metrics else ""
    return _TEXT.format(plan=plan, rows="\n".join(map(_row, bundle.items)))


def _row(item: Item) -> str:
    size = sum(file.bytes for file in item.files) / 1e6
    source = f"{item.source}@{item.revision}" if item.revision else item.source
    return f"| {item.name} | {item.kind} | {size:.1f} | {item.license} | {source} |"
