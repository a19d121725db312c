"""Small whole files of every format that is read, a folder each: what mutations begin with."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import tomli_w
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from tokenbench.datasets.catalog import available, open_dataset
from tokenbench.files import sha256_of_file
from tokenbench.tokens.files import write_tokens
from tokenbench.tokens.header import Groups, Header, PaddingSection, ProtocolSection, SourceSection, TokenizerSection

ROOT = Path(__file__).parents[2]

# Suffix of a container, encoder, pixel format.
_VIDEOS = [
    (".mp4", "libx264", "yuv420p"),
    (".mkv", "ffv1", "bgr0"),
    (".webm", "libvpx-vp9", "yuv420p"),
    (".avi", "mpeg4", "yuv420p"),
    (".mpg", "mpeg2video", "yuv420p"),
    (".ts", "libx264", "yuv420p"),
    (".flv", "flv1", "yuv420p"),
    (".gif", "gif", "rgb8"),
    (".y4m", "wrapped_avframe", "yuv420p"),
    (".mov", "libx265", "yuv420p"),
]
_IMAGES = [
    (".png", {}),
    (".jpg", {"quality": 80}),
    (".webp", {}),
    (".bmp", {}),
    (".tif", {"compression": "tiff_lzw"}),
    (".ppm", {}),
    (".avif", {}),
]

_LIST = """# Some licence

### BDD100K
0114bdd0-f317da84.mov
### EgoExo-4D
cmu_bike01_2/frame_aligned_videos/aria01_214-1.mp4
### BridgeData V2
bridge_data_v2/a/b/00/2023-03-15_13-35-31/raw/traj_group0/traj3/images0
### Panda70M
videoID,url,timestamp,caption,matching_score,desirable_filtering,shot_boundary_detection
-TfD4eKDfbI,https://www.youtube.com/watch?v=-TfD4eKDfbI,"[('00:02:28.715', '00:02:35.522')]","['a, b']",['0.4'],\
['desirable'],"['0:00:00.000', '0:00:06.773']"
"""


@cache
def frames() -> NDArray[np.uint8]:
    """Six frames of a real clip, 6 x 48 x 64 x 3."""
    clip = {clip.id: clip for clip in open_dataset("mini").clips}["carphone"]
    return next(clip.chunks(6))[:, 40:88, 60:124]


def write_corpus(kind: str, folder: Path) -> None:
    """Write the whole files of a kind, each into a folder of its own below `folder`."""
    for number, write in enumerate(_WRITERS[kind]()):
        place = folder / f"{number:02d}"
        place.mkdir(parents=True)
        write(place)


def kinds() -> list[str]:
    """What there is."""
    return list(_WRITERS)


Write = Callable[[Path], object]


def _videos() -> Iterator[Write]:
    for suffix, encoder, pixel_format in _VIDEOS:
        yield lambda place, suffix=suffix, encoder=encoder, pixel_format=pixel_format: _video(
            place / f"clip{suffix}", encoder, pixel_format
        )


def _video(path: Path, encoder: str, pixel_format: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=Fraction(25))
        stream.height, stream.width, stream.pix_fmt = 48, 64, pixel_format
        for image in frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image).reformat(format=pixel_format)))
        container.mux(stream.encode(None))
    return path


def _images() -> Iterator[Write]:
    picture = Image.fromarray(frames()[0])
    for suffix, options in _IMAGES:
        yield lambda place, suffix=suffix, options=options: picture.save(place / f"a{suffix}", **options)
    yield lambda place: picture.convert("P").save(place / "a.png")
    yield lambda place: Image.fromarray(frames()[0][..., 0].astype(np.uint16) * 257).save(place / "a.png")
    yield lambda place: picture.save(place / "a.jpg", exif=_turned())


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _archives() -> Iterator[Write]:
    def tar(place: Path) -> None:
        with tarfile.open(place / "shard.tar", "w", format=tarfile.PAX_FORMAT) as archive:
            for name in ("a.png", "b" * 120 + ".png"):
                entry = tarfile.TarInfo(name)
                entry.size = len(_png_bytes())
                archive.addfile(entry, io.BytesIO(_png_bytes()))

    def parquet(place: Path) -> None:
        import pyarrow
        from pyarrow import parquet as tables

        rows = [{"bytes": _png_bytes(), "path": f"{number}.png"} for number in range(3)]
        tables.write_table(pyarrow.table({"image": rows, "label": [1, 2, 3]}), place / "table.parquet")

    yield tar
    yield parquet


def _png_bytes() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frames()[0]).save(buffer, "PNG")
    return buffer.getvalue()


def _manifests() -> Iterator[Write]:
    def built(place: Path) -> None:
        path = place / "set" / "a.png"
        path.parent.mkdir()
        path.write_bytes(_png_bytes())
        clip = {"id": "a", "domain": "d", "kind": "image", "file": "set/a.png", "sha256": sha256_of_file(path)}
        clip |= {"bytes": path.stat().st_size, "height": 48, "width": 64, "license": "l", "credit": "c"}
        clip |= {"origin": {"file": "raw/a.png", "sha256": "0" * 64}}
        table = {"schema": "tokenbench.manifest/1", "name": "set", "build": {"source": "folder"}, "clips": [clip]}
        (place / "set.toml").write_text(tomli_w.dumps(table))

    yield built
    yield lambda place: shutil.copy(available()["mini"], place / "mini.toml")


def _protocols() -> Iterator[Write]:
    for path in sorted((ROOT / "manifests/protocols").glob("*.toml")):
        yield lambda place, path=path: shutil.copy(path, place / "protocol.toml")


def _recipes() -> Iterator[Write]:
    for names in (("tiny",), ("ci-8x8-mini",), ("cv-4x8x8", "stage1")):
        paths = [ROOT / f"tokenizers/tokenbench_cosmos/recipes/{name}.toml" for name in names]
        yield lambda place, paths=paths: [shutil.copy(path, place / path.name) for path in paths]


def _runs() -> Iterator[Write]:
    yield lambda place: write_run(place, "haar-4x8x8")


def write_run(place: Path, tokenizer: str, clips: tuple[str, ...] = ("talk/a.mp4", "photo.png")) -> Path:
    """A run's folder as `eval` leaves it, with two clips and a sample."""
    place.mkdir(parents=True, exist_ok=True)
    measure = {"value": 30.5, "ci95": [29.0, 32.0], "n": 2, "unit": "dB"}
    rate = {"value": 1.5, "ci95": [1.0, 2.0], "n": 2, "unit": "bits/pixel"}
    metrics = {"psnr": measure, "ssim": measure | {"unit": "1", "value": 0.9}, "bits_per_pixel": rate}
    names = {"reference": "samples/000001-000000-reference.png", "reconstruction": "samples/000001-000000-recon.png"}
    for number, name in enumerate(names.values()):
        (place / "samples").mkdir(exist_ok=True)
        Image.fromarray(frames()[number]).save(place / name)
    part = {"clips": 1, "metrics": metrics, "domains": {"talk": {"clips": 1, "metrics": metrics}}}
    sample = {"rank": "worst", "clip": clips[0], "kind": "video", "frame": 0, "psnr": 28.0, **names}
    result = {
        "schema": "tokenbench.result/1",
        "tokenizer": {
            "name": tokenizer,
            "kind": "continuous",
            "modality": "video",
            "compression": [4, 8, 8],
            "latent_channels": 16,
            "bits_per_pixel": 1.0,
            "parameters": 10,
            "license": "MIT",
            "weights": "none",
            "settings": {"crf": 3},
        },
        "dataset": {"name": "set", "protocol": "paper/1", "clips": 2, "frames": 7, "manifest_sha256": "0" * 64},
        "protocol": {"name": "paper", "version": 1, "definitions": {"psnr": "x"}, "storage": "none"},
        "metrics": metrics,
        "media": {"video": part, "image": part},
        "unavailable": {"fid": "no network"},
        "failed": [{"clip": "bad.mp4", "error": "damaged"}],
        "samples": [sample],
        "environment": {"device": "cpu", "dtype": "float32", "tokenbench": "1", "inputs": {"tokenizer": tokenizer}},
    }
    (place / "result.json").write_text(json.dumps(result))
    rows = [f'"{clip}",talk,6,48,64,25.0,{30 + n},0.{9 - n},1.5,10.0,20.0,100.0' for n, clip in enumerate(clips)]
    header = "clip,domain,frames,height,width,fps,psnr,ssim,bits_per_pixel,ti,si,luma"
    (place / "clips.csv").write_text("\n".join([header, *rows]) + "\n")
    (place / "frames.csv").write_text("clip,frame,psnr\n" + "".join(f'"{clips[0]}",{n},30.5\n' for n in range(6)))
    return place


def _lists() -> Iterator[Write]:
    yield lambda place: (place / "list.txt").write_text(_LIST)


def _decisions() -> Iterator[Write]:
    one = {"choice": "drop", "sha256": "0" * 64, "reason": "dark"}
    decisions = {
        "schema": "tokenbench.decisions/1",
        "decisions": {"panda70m": {"a": one, "b": one | {"choice": "keep"}}},
    }
    yield lambda place: (place / "decisions.json").write_text(json.dumps(decisions))


def header(tokenizer: str, settings: dict[str, object] | None = None) -> Header:
    """Of the tokens of six frames of 48 x 64."""
    return Header(
        tokenizer=TokenizerSection(
            name=tokenizer,
            kind="continuous",
            modality="video",
            compression=(4, 8, 8),
            latent_channels=768,
            vocabulary=None,
            settings=settings or {},
        ),
        source=SourceSection(file="clip.mkv", sha256="0" * 64, kind="video"),
        protocol=ProtocolSection(),
        frames=6,
        fps=25.0,
        height=48,
        width=64,
        padding=PaddingSection(),
        streaming=False,
        window=None,
        groups=Groups(frames=(6,), latents=(2,), front=(0,), back=(2,)),
        dtype="float32",
        wrapped=False,
        bits=1.0,
        bits_per_pixel=1.0,
    )


def _tokens() -> Iterator[Write]:
    tokens = torch.zeros(768, 2, 6, 8)
    yield lambda place: write_tokens(place / "a.safetensors", tokens, header("haar-4x8x8"))
    yield lambda place: write_tokens(place / "a.npz", tokens, header("haar-4x8x8"))
    section = replace(header("x").tokenizer, kind="discrete", vocabulary=1024)
    codes = replace(header("x"), tokenizer=section, dtype="int32")
    yield lambda place: write_tokens(place / "a.npz", torch.ones(2, 6, 8, dtype=torch.int32), codes)


class Network(nn.Module):
    """Small, with parameters and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.second = nn.Sequential(nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(image))


def _weights() -> Iterator[Write]:
    state = Network().state_dict()
    yield lambda place: save_file(state, place / "a.safetensors")
    yield lambda place: torch.save({"state_dict": state, "step": 3}, place / "a.pt")
    yield lambda place: torch.save(state, place / "a.pt", _use_new_zipfile_serialization=False)
    yield lambda place: _archive(place / "a.jit")


def _archive(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Network().eval()).save(str(path))


def _indices() -> Iterator[Write]:
    index = {"metadata": {"total_size": 8}, "weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    yield lambda place: (place / "model.safetensors.index.json").write_text(json.dumps(index))


def _strings() -> Iterator[Write]:
    for text in (
        *("a=1", "steps=[1, 2]", "name='x'", "optimiser.lr=1e-4", "crf=18,23,28", "preset=slow,medium"),
        *("h264-crf31", "jit:a.jit,b.jit#c.toml", "diffusers:owner/name@main#vae", "hf:owner/name@abc", "./own.py:My"),
        *("psnr<-0.05", "paper/1", "h264-qp28", "panda70m:folder", "17", "-1"),
    ):
        yield lambda place, text=text: (place / "text.txt").write_text(text)


_WRITERS: dict[str, Callable[[], Iterator[Write]]] = {
    "video": _videos,
    "image": _images,
    "archive": _archives,
    "manifest": _manifests,
    "protocol": _protocols,
    "recipe": _recipes,
    "result": _runs,
    "list": _lists,
    "decisions": _decisions,
    "tokens": _tokens,
    "weights": _weights,
    "index": _indices,
    "string": _strings,
}
