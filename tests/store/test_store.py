"""Entries are whole or not there, checked, bounded, and safe for several processes."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from store_support import put_many

from tokenbench.errors import OutputError, TokenBenchError
from tokenbench.store import Store, content_sha256, key_of
from tokenbench.store.store import RECONSTRUCTIONS
from tokenbench.store.upkeep import clear, summarise, verify


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def key(number: int) -> str:
    return key_of(number=number)


def used(store: Store, stage: str, number: int, seconds_ago: float) -> None:
    (path,) = store.folder.glob(f"{stage}/*/{key(number)}-*")
    then = time.time() - seconds_ago
    os.utime(path, (then, then))


def test_keys_depend_on_every_value_and_on_no_order() -> None:
    assert key_of(a=1, b={"c": [1, 2], "d": None}) == key_of(b={"d": None, "c": [1, 2]}, a=1)
    assert len({key_of(a=1), key_of(a=2), key_of(b=1), key_of(a="1"), key_of(a=1.5)}) == 5
    # sha256sum of {"a": 1}
    assert key_of(a=1) == "f9d86028c6e0d64e225186f96acb69338b2c59764df79162107f5c4bb34d1310"


def test_what_was_put_is_found_by_stage_and_key(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"of a file")
    store.put("metrics", key(1), b"of memory")
    store.put("features", key(1), file)
    assert store.get("metrics", key(1)) == b"of memory"
    assert store.get("features", key(1)) == b"of a file"
    assert store.get("metrics", key(2)) is None
    assert store.find("metrics", key(2)) is None
    found = store.find("features", key(1))
    assert found is not None
    assert found.read_bytes() == b"of a file"
    assert file.exists()


def test_the_first_content_of_a_key_stays(store: Store) -> None:
    store.put("metrics", key(1), b"first")
    store.put("metrics", key(1), b"second")
    assert store.get("metrics", key(1)) == b"first"
    assert len(list(store.entries())) == 1


@pytest.mark.parametrize("way", ["get", "find"])
def test_a_damaged_entry_is_removed_said_and_made_again(
    store: Store, way: str, capfd: pytest.CaptureFixture[str]
) -> None:
    store.put("metrics", key(1), b"content")
    (path,) = store.folder.glob("metrics/*/*")
    path.write_bytes(b"contenT")
    assert getattr(store, way)("metrics", key(1)) is None
    assert "is damaged; it is removed" in capfd.readouterr().err
    assert not path.exists()
    store.put("metrics", key(1), b"content")
    assert store.get("metrics", key(1)) == b"content"


def test_the_limit_is_held_by_removing_what_was_used_longest_ago(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", limit=1000)
    for number in range(10):
        store.put("metrics", key(number), bytes(90))
        used(store, "metrics", number, seconds_ago=100 - number)
    assert store.get("metrics", key(0)) == bytes(90)
    store.put("metrics", key(10), bytes(150))
    left = [number for number in range(11) if store.get("metrics", key(number))]
    # 1050 bytes were too many, and 900 are left at most; the entry that was just read is young.
    assert left == [0, 3, 4, 5, 6, 7, 8, 9, 10]
    assert sum(entry.size for entry in store.entries()) == 870


def test_reconstructions_go_before_all_else(store: Store) -> None:
    for stage, number, seconds_ago in ((RECONSTRUCTIONS, 1, 1), (RECONSTRUCTIONS, 2, 5), ("metrics", 3, 90)):
        store.put(stage, key(number), bytes(100))
        used(store, stage, number, seconds_ago)
    assert [entry.stage for entry in store.prune(150)] == [RECONSTRUCTIONS, RECONSTRUCTIONS]
    assert store.get("metrics", key(3)) == bytes(100)


def test_other_files_in_its_folder_are_left_alone(store: Store) -> None:
    store.put("metrics", key(1), b"content")
    others = [store.folder / "notes.txt", store.folder / "metrics/notes.txt", store.folder / "metrics/ab/notes.txt"]
    for other in others:
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_text("mine")
    store.prune(0)
    clear(store)
    assert all(other.read_text() == "mine" for other in others)
    assert list(store.entries()) == []


def test_what_a_killed_process_left_half_written_is_no_entry_and_goes(store: Store) -> None:
    store.put("metrics", key(1), b"content")
    (path,) = store.folder.glob("metrics/*/*")
    old, new = path.with_name(f".{path.name}-old"), path.with_name(f".{path.name}-new")
    for scrap in (old, new):
        scrap.write_bytes(b"con")
    os.utime(old, (0, 0))
    assert len(list(store.entries())) == 1
    store.prune(1000)
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize("tidy", [clear, lambda store: store.prune(0)])
def test_the_folder_of_a_killed_process_goes_and_one_that_is_written_to_stays(
    store: Store, tidy: Callable[[Store], object]
) -> None:
    left, long = store.folder / ".scratch-left", store.folder / ".scratch-long"
    for folder in (left, long):
        folder.mkdir(parents=True)
        (folder / "clip.mkv").write_bytes(b"half")
        os.utime(folder, (0, 0))
    os.utime(left / "clip.mkv", (0, 0))
    tidy(store)
    assert (left.exists(), long.exists()) == (False, True)


def test_several_processes_use_one_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=put_many, args=(tmp_path / "store", start)) for start in (0, 100)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    store = Store(tmp_path / "store")
    assert verify(store) == []
    # Each looks again after a fiftieth of the limit.
    assert sum(entry.size for entry in store.entries()) <= 20_000 * 1.05


def test_summary_clear_and_verify(store: Store) -> None:
    for number in range(3):
        store.put("metrics", key(number), bytes(10 + number))
    store.put("features", key(0), bytes(5))
    used(store, "metrics", 1, seconds_ago=1000)
    features, metrics = summarise(store)
    assert (features.stage, features.entries, features.size) == ("features", 1, 5)
    assert (metrics.stage, metrics.entries, metrics.size) == ("metrics", 3, 33)
    assert 900 < time.time() - metrics.oldest < 1100
    damaged = next(store.folder.glob(f"metrics/*/{key(2)}-*"))
    damaged.write_bytes(b"other")
    assert [entry.path for entry in verify(store)] == [damaged]
    assert len(clear(store, "metrics")) == 2
    assert [each.stage for each in summarise(store)] == ["features"]
    with pytest.raises(TokenBenchError, match="holds nothing of 'frames'; it has features"):
        clear(store, "frames")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(OutputError, match="cannot write"):
        Store(tmp_path / "store").put("metrics", key(1), b"content")


def test_a_files_digest_is_remembered_until_it_changes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokenbench.store import content

    file, read, counted = tmp_path / "clip.mp4", content.sha256_of_file, []
    monkeypatch.setattr(content, "sha256_of_file", lambda path: counted.append(path) or read(path))

    def write(data: bytes, seconds_ago: float) -> None:
        file.write_bytes(data)
        then = time.time() - seconds_ago
        os.utime(file, (then, then))

    write(b"one", 10)
    one = content_sha256(file, store)
    # sha256sum of "one".
    assert one == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert content_sha256(file, store) == one
    assert len(counted) == 1
    write(b"two", 9)
    assert content_sha256(file, store) != one
    # What was written just now may be written again within the clock's step.
    write(b"six", 0)
    assert content_sha256(file, store) == content_sha256(file, store)
    assert len(counted) == 4


def test_a_folders_digest_is_that_of_its_files_and_their_names(store: Store, tmp_path: Path) -> None:
    def folder(name: str, **files: bytes) -> Path:
        (tmp_path / name).mkdir()
        for file, data in files.items():
            (tmp_path / name / file).write_bytes(data)
        return tmp_path / name

    one = content_sha256(folder("one", a=b"1", b=b"2"), store)
    assert content_sha256(folder("same", b=b"2", a=b"1"), store) == one
    assert content_sha256(folder("swapped", a=b"2", b=b"1"), store) != one
    assert content_sha256(folder("renamed", a=b"1", c=b"2"), store) != one
    with pytest.raises(TokenBenchError, match="cannot be read"):
        content_sha256(tmp_path / "nowhere", store)
