from __future__ import annotations

from pathlib import Path

import pytest

from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.attachments import Attachments
from tokenbench.evaluation.journal import Journal
from tokenbench.evaluation.record import Attached, ClipRecord, clips_csv
from tokenbench.sealed import seal, unseal


def record(name: str, **more: object) -> ClipRecord:
    shape = {"frames": 1, "height": 16, "width": 16, "fps": 0.0}
    return ClipRecord(**{"clip": name, "domain": "d", "kind": "image", **shape, "values": {"psnr": 30.0}} | more)


def test_what_clips_attach_follows_in_their_order(tmp_path: Path) -> None:
    with Journal(tmp_path, "digest") as journal:
        journal.add(record("a"), {"features": b"12345", "tokens": b"xy"})
        journal.add(record("b"), {"features": b"678"})
        path = journal.attachments.path("features")
    assert path.read_bytes() == b"12345678"
    with Journal(tmp_path, "digest") as journal:
        assert [(r.clip, r.attached) for r in journal.records.values()] == [
            ("a", {"features": Attached.of(b"12345"), "tokens": Attached.of(b"xy")}),
            ("b", {"features": Attached.of(b"678")}),
        ]


def test_attachments_that_no_line_speaks_of_are_cut(tmp_path: Path) -> None:
    with Journal(tmp_path, "digest") as journal:
        journal.add(record("a"), {"features": b"12345"})
        journal.attachments.append({"features": b"half a clip", "tokens": b"x"})
    with Journal(tmp_path, "digest") as journal:
        journal.add(record("b"), {"features": b"678"})
        assert journal.attachments.path("features").read_bytes() == b"12345678"
        assert journal.attachments.path("tokens").read_bytes() == b""


def test_a_cut_last_line_takes_its_attachments_with_it(tmp_path: Path) -> None:
    with Journal(tmp_path, "digest") as journal:
        journal.add(record("a"), {"features": b"12345"})
        journal.add(record("b"), {"features": b"678"})
    file = tmp_path / "journal.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    with Journal(tmp_path, "digest") as journal:
        assert list(journal.records) == ["a"]
        assert journal.attachments.path("features").read_bytes() == b"12345"


def test_lost_attachments_are_refused(tmp_path: Path) -> None:
    with Journal(tmp_path, "digest") as journal:
        journal.add(record("a"), {"features": b"12345"})
        journal.attachments.path("features").write_bytes(b"123")
    with pytest.raises(TokenBenchError, match="lost 2 bytes"):
        Journal(tmp_path, "digest")
    with pytest.raises(TokenBenchError, match="lost 2 bytes"):
        Attachments(tmp_path / "attached").cut([{"features": Attached(5, 0)}])


def test_a_refused_folder_is_unlocked_again(tmp_path: Path) -> None:
    Journal(tmp_path, "digest").close()
    for _ in range(2):
        with pytest.raises(TokenBenchError, match="other settings"):
            Journal(tmp_path, "another")


def test_traits_survive_a_resumed_run_and_have_columns_where_a_clip_has_them(tmp_path: Path) -> None:
    traits = {"ti": 3.5, "si": 40.25}
    with Journal(tmp_path, "digest") as journal:
        journal.add(record("a", traits=traits), {})
        journal.add(record("older"), {})
    with Journal(tmp_path, "digest") as journal:
        records = list(journal.records.values())
    assert [each.traits for each in records] == [traits, {}]
    assert clips_csv(records, ["psnr"]).splitlines() == [
        "clip,domain,frames,height,width,fps,si,ti,psnr",
        "a,d,1,16,16,0.0,40.25,3.5,30.0",
        "older,d,1,16,16,0.0,,,30.0",
    ]


def test_a_journal_from_before_traits_goes_on(tmp_path: Path) -> None:
    with Journal(tmp_path, "digest") as journal:
        journal.add(record("a"), {})
    file = tmp_path / "journal.jsonl"
    header, line = map(unseal, file.read_text().splitlines())
    del line["traits"]
    file.write_text(f"{seal(header)}\n{seal(line)}\n")
    with Journal(tmp_path, "digest") as journal:
        assert journal.records["a"].traits == {}


def test_sources_have_a_column_where_a_clip_has_one() -> None:
    plain, cut = record("a"), record("b", source="film")
    assert clips_csv([plain], ["psnr"]).splitlines()[0] == "clip,domain,frames,height,width,fps,psnr"
    lines = clips_csv([plain, cut], ["psnr"]).splitlines()
    assert lines == [
        "clip,domain,source,frames,height,width,fps,psnr",
        "a,d,,1,16,16,0.0,30.0",
        "b,d,film,1,16,16,0.0,30.0",
    ]
    assert (plain.cluster, cut.cluster) == ("a", "film")
