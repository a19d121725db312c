"""Files that a run goes on from, or that others read: cut anywhere, or with a changed byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from faults_support import building, contents, scoring
from tests_support import Outcome

from tokenbench.datasets.building.records import read_record
from tokenbench.datasets.manifest import read_manifest
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.attachments import Attachments
from tokenbench.evaluation.folder import RunFolder
from tokenbench.evaluation.heading import read_heading
from tokenbench.evaluation.journal import read_journal
from tokenbench.evaluation.meters import ScoredClip
from tokenbench.evaluation.record import Attached
from tokenbench.evaluation.shards import ScoredFolder, merge
from tokenbench.reporting.runs import load_runs

Command = Callable[..., Outcome]

# Bits that are turned over: the lowest makes one digit of another, the highest is no UTF-8.
BITS = (0x01, 0x10, 0x80)


@pytest.fixture
def run(tokenbench: Command, clips: Path, tmp_path: Path) -> Path:
    """A finished run of two shards, merged."""
    out = tmp_path / "run"
    for shard in ("1/2", "2/2"):
        assert tokenbench(*scoring(clips, out, "--shard", shard)).code == 0
    assert tokenbench("merge", out).code == 0
    return out


def cut(content: bytes) -> Iterator[bytes]:
    """The content, cut at every tenth byte."""
    return (content[:length] for length in range(0, len(content), 10))


def changed(content: bytes) -> Iterator[bytes]:
    """The content with one byte changed, at places that spread over all of it."""
    for number, place in enumerate(range(0, len(content), max(1, len(content) // 200))):
        other = bytearray(content)
        other[place] ^= BITS[number % len(BITS)]
        yield bytes(other)


def refusals(path: Path, contents: Iterator[bytes], read: Callable[[], object]) -> tuple[int, list[Any]]:
    """How many contents of a file are refused in one line, and what is read from the others."""
    messages, taken = [], []
    for content in contents:
        path.write_bytes(content)
        try:
            taken.append(read())
        except TokenBenchError as error:
            messages.append(str(error))
    assert all(len(message.splitlines()) == 1 for message in messages)
    return len(messages), taken


def test_a_journal_that_was_cut_holds_the_clips_before_and_a_changed_one_is_refused(run: Path) -> None:
    path, digest = run / "journal.jsonl", read_heading(run).fingerprint
    whole, content = read_journal(run, digest), path.read_bytes()
    refused, taken = refusals(path, cut(content), lambda: read_journal(run, digest))
    assert refused == 0
    assert all(records == {clip: whole[clip] for clip in list(whole)[: len(records)]} for records in taken)
    refused, taken = refusals(path, changed(content), lambda: read_journal(run, digest))
    assert refused > 150
    # Two lines made one by a changed line end, or a last line that is no longer whole.
    assert all(records == {clip: whole[clip] for clip in list(whole)[: len(records)]} for records in taken)


def test_a_heading_is_as_it_was_written_or_refused(run: Path) -> None:
    path = run / "run.json"
    whole, content = read_heading(run), path.read_bytes()
    for damaged in (cut, changed):
        refused, taken = refusals(path, damaged(content), lambda: read_heading(run))
        assert refused > 50
        assert all(heading == whole for heading in taken)


def test_a_damaged_end_of_a_shard_stops_a_merge_in_one_line(tokenbench: Command, run: Path, tmp_path: Path) -> None:
    path = run / "shards/1-of-2/shard.json"
    content = path.read_bytes()
    for number, damaged in enumerate([content[: len(content) // 2], content.replace(b"1/2", b"2/2", 1), b"null", b""]):
        path.write_bytes(damaged)
        with pytest.raises(TokenBenchError, match=r"shard\.json: damaged .*; give that shard's command again"):
            merge([run], tmp_path / f"out {number}")
    assert "shard.json: damaged" in tokenbench("merge", run).message


@pytest.mark.parametrize("name", ["journal.jsonl", "run.json"])
def test_a_command_that_goes_on_from_a_damaged_file_ends_in_one_line_or_ends_the_same(
    tokenbench: Command, clips: Path, run: Path, name: str
) -> None:
    expected, path = contents(run), run / name
    content = path.read_bytes()
    path.write_bytes(content[:60] + b"?" + content[61:])
    outcome = tokenbench(*scoring(clips, run))
    if name == "run.json":
        assert outcome.code == 0, "it is written anew from the command"
        assert contents(run) == expected
    else:
        assert outcome.code == 2
        assert "journal.jsonl: damaged (its checksum is wrong); delete that folder and start again" in outcome.message


def test_a_damaged_result_is_one_line_for_a_report(tokenbench: Command, run: Path, tmp_path: Path) -> None:
    path = run / "result.json"
    content = path.read_bytes()
    refused, _ = refusals(path, cut(content), lambda: load_runs([run]))
    # The last cut takes the end of the line alone.
    assert refused >= len(range(0, len(content), 10)) - 1
    path.write_bytes(content)
    whole = load_runs([run])
    refused, taken = refusals(path, changed(content), lambda: load_runs([run]))
    assert refused > 150
    # A letter of the checksum's own name, or white space.
    assert all(runs == whole for runs in taken)
    path.write_bytes(content[:-100])
    assert "is not valid JSON" in tokenbench("report", run, "--out", tmp_path / "report").message


@pytest.mark.parametrize("name", ["clips.csv", "frames.csv"])
def test_a_table_is_the_one_that_its_result_was_written_with(tokenbench: Command, run: Path, name: str) -> None:
    path = run / name
    content = path.read_bytes()
    refused, taken = refusals(path, changed(content), lambda: load_runs([run]))
    assert refused > 50
    assert not taken
    assert f"{name} was changed after it was written" in tokenbench("report", run).message


@pytest.mark.parametrize("place", [0, 700, -1])
def test_a_changed_byte_of_what_sets_stand_on_stops_the_run(run: Path, place: int) -> None:
    shard = run / "shards/1-of-2"
    heading = read_heading(shard)
    with RunFolder(shard, heading) as folder:
        clip = next(iter(folder.journal.records.values()))
        folder.add(ScoredClip(replace(clip, clip=heading.clips[-1]), {"net-video": bytes(1000)}))
        assert folder.journal.attachments.read("net-video", 0, Attached.of(bytes(1000))) == bytes(1000)
        path = folder.journal.attachments.path("net-video")
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(TokenBenchError, match=r"net-video\.bin: damaged, 1000 bytes before byte 1000 are not what was"):
        ScoredFolder(shard, heading).scored(heading.clips[-1])
    with pytest.raises(TokenBenchError, match=r"net-video\.bin: damaged"):
        Attachments(shard / "attached").check("net-video", [Attached.of(bytes(1000))])


def test_a_damaged_manifest_is_one_line(tokenbench: Command, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "built"
    assert tokenbench(*building(clips, out)).code == 0
    (path,) = out.glob("*.toml")
    content = path.read_bytes()
    for damaged in (cut, changed):
        refusals(path, damaged(content), lambda: read_manifest(path))
    path.write_bytes(content[: len(content) // 2 + 1])
    assert "clips.toml" in tokenbench("verify", out).message
    assert "clips.toml" in tokenbench("eval", "--tokenizer", "identity", "--dataset", out).message


def test_a_clip_whose_record_is_damaged_is_built_again(tokenbench: Command, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "built"
    assert tokenbench(*building(clips, out)).code == 0
    expected = contents(out)
    paths = sorted((out / ".build").glob("*/*.json"))
    assert len(paths) == 2
    whole, content = read_record(paths[0]), paths[0].read_bytes()
    for damaged in (cut, changed):
        _, taken = refusals(paths[0], damaged(content), lambda: read_record(paths[0]))
        assert all(record in (None, whole) for record in taken)
    paths[1].write_bytes(b"")
    assert tokenbench(*building(clips, out)).code == 0
    assert contents(out) == expected


def test_a_clip_that_is_damaged_is_told_apart_by_its_digest(tokenbench: Command, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "built"
    assert tokenbench(*building(clips, out)).code == 0
    (video,) = (out / "clips").glob("a*")
    content = bytearray(video.read_bytes())
    content[len(content) // 2] ^= 1
    video.write_bytes(content)
    assert "has sha256" in tokenbench("verify", out, "--workers", 1).err
    outcome = tokenbench("eval", "--tokenizer", "identity", "--dataset", out, "--out", tmp_path / "scored")
    assert outcome.code == 1
    assert "its manifest says" in outcome.err + outcome.out
    assert tokenbench(*building(clips, out)).code == 0
    assert tokenbench("verify", out, "--workers", 1).code == 0
