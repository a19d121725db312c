"""Texts, tables and trees that nobody would write, made by hypothesis: refused in one line, or read."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import tomli_w
from fuzz_support.corpus import write_run
from fuzz_support.mutations import mutate_tree
from fuzz_support.parsers import read_string
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenbench.datasets.building.protocol import read_protocol
from tokenbench.datasets.manifest import read_entries
from tokenbench.datasets.official_list import read_official_list
from tokenbench.datasets.review.decisions import read_decisions
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.journal import read_journal
from tokenbench.evaluation.record import Attached, ClipRecord
from tokenbench.recipes import read_layers
from tokenbench.reporting.runs import load_run
from tokenbench.sealed import seal
from tokenbench.tokens.header import Header
from tokenbench.weights.parts import parts_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
TOML = st.dictionaries(
    st.sampled_from(["schema", "name", "version", "clips", "sets", "video", "about", "seed", "images"]) | st.text(),
    st.recursive(
        st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=6,
)
few = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def written(content: bytes, name: str) -> Path:
    path = Path(tempfile.mkdtemp(), name)
    path.write_bytes(content)
    return path


@few
@given(st.text(max_size=80))
def test_what_users_type_is_understood_or_refused(text: str) -> None:
    read_string(text)


@few
@given(
    st.sampled_from(["a=", "crf=", "psnr<", "h264-crf", "jit:", "hf:", "paper/", "optimiser.lr="]), st.text(max_size=30)
)
def test_what_nearly_means_something_too(start: str, rest: str) -> None:
    read_string(start + rest)


@few
@given(TOML)
def test_tables_are_refused_where_they_are_no_manifest_protocol_or_recipe(table: dict[str, Any]) -> None:
    for schema in ("tokenbench.manifest/1", "tokenbench.build/1"):
        path = written(tomli_w.dumps({**table, "schema": schema}).encode(errors="replace"), "a.toml")
        for read in (
            read_entries,
            lambda path: read_protocol(str(path)),
            lambda path: read_layers([str(path)], [], path),
        ):
            with contextlib.suppress(TokenBenchError):
                read(path)


@few
@given(JSON)
def test_trees_are_refused_where_they_are_no_result(tree: Any) -> None:
    content = json.dumps(tree).encode()
    for table in (content, json.dumps({"schema": "tokenbench.result/1", "metrics": tree, "tokenizer": tree}).encode()):
        with contextlib.suppress(TokenBenchError):
            load_run(written(table, "result.json"))
    with contextlib.suppress(TokenBenchError):
        read_decisions(
            written(
                json.dumps({"schema": "tokenbench.decisions/1", "decisions": tree}).encode(), "decisions.json"
            ).parent
        )
    with contextlib.suppress(TokenBenchError):
        parts_of([written(json.dumps({"weight_map": tree}).encode(), "model.safetensors.index.json")])
    with contextlib.suppress(ValueError):
        Header.from_json(json.dumps({"format": "tokenbench.tokens/1", "groups": tree, "tokenizer": tree}))


@few
@given(st.randoms(use_true_random=False))
def test_a_result_with_one_wrong_value_is_read_or_refused(random: Any) -> None:
    folder = write_run(Path(tempfile.mkdtemp()), "haar-4x8x8")
    tree = mutate_tree(json.loads((folder / "result.json").read_text()), random)
    with contextlib.suppress(RecursionError):
        (folder / "result.json").write_text(json.dumps(tree))
    with contextlib.suppress(TokenBenchError):
        load_run(folder)


@few
@given(st.randoms(use_true_random=False))
def test_a_journal_whose_checksums_fit_a_wrong_value_is_read_or_refused(random: Any) -> None:
    parts = {"features": Attached.of(b"12345")}
    traits = {"si": 40.0, "ti": 3.0}
    record = ClipRecord(
        clip="a",
        domain="d",
        kind="video",
        frames=2,
        height=16,
        width=16,
        fps=25.0,
        values={"psnr": 30.0},
        traits=traits,
        squared_errors=[1, 2],
        attached=parts,
    )
    lines = [{"fingerprint": "digest"}, record.as_dict()]
    place = random.randrange(2)
    changed = mutate_tree(lines[place], random)
    lines[place] = changed if isinstance(changed, dict) else {"clip": changed}
    try:
        content = "".join(seal(line) + "\n" for line in lines)
    except RecursionError:
        return
    with contextlib.suppress(TokenBenchError):
        read_journal(written(content.encode(), "journal.jsonl").parent, "digest")


@few
@given(st.text(max_size=200), st.sampled_from(["", "### BDD100K\n", "### Panda70M\n"]))
def test_texts_are_refused_where_they_are_no_list(text: str, start: str) -> None:
    with contextlib.suppress(TokenBenchError):
        read_official_list(written((start + text).encode(errors="replace"), "list.txt"))
