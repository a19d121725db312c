"""Tokens on disk: clips to token files and back.

    encoding = Encoding(name="haar-4x8x8", tokenizer=tokenizer, compute=Compute(device, dtype))
    tokens, header = tokenize_clip(clip.probed(), encoding)
    write_tokens(path, tokens, header)
    with open_tokens(path) as file:
        for frames in detokenize_clip(file, tokenizer, encoding.compute):  # uint8 T x H x W x 3
            ...

`tokenize_files` and `detokenize_files` do so for folders, and go on where an earlier run stopped.
"""

from __future__ import annotations

from tokenbench.evaluation.windows import Compute
from tokenbench.tokens.batch import Outcome
from tokenbench.tokens.decode import detokenize_clip
from tokenbench.tokens.detokenize import Decoding, detokenize_files
from tokenbench.tokens.encode import Encoding, tokenize_clip
from tokenbench.tokens.files import TokenFile, open_tokens, read_header, read_tokens, write_tokens
from tokenbench.tokens.header import Header
from tokenbench.tokens.tokenize import tokenize_files

__all__ = [
    "Compute",
    "Decoding",
    "Encoding",
    "Header",
    "Outcome",
    "TokenFile",
    "detokenize_clip",
    "detokenize_files",
    "open_tokens",
    "read_header",
    "read_tokens",
    "tokenize_clip",
    "tokenize_files",
    "write_tokens",
]
