"""The card of Emu3's vision tokenizer. Importing it costs no torch."""

from __future__ import annotations

from tokenbench.tokenizer import Card, Padding, TokenizerInfo, nominal_bits_per_pixel
from tokenbench.weights import HubSource

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"

# The tokenizer alone as the library saves it, or a whole language model with it inside, in one file or in parts.
FILE_SETS = ((CONFIG, "model.safetensors"), (CONFIG, INDEX))

# Names of its tensors in a language model begin so.
INSIDE = r"(?:model\.)?vqmodel\."

_REPOSITORY = "Emu3-community/Emu3-Chat-hf"
_COMPRESSION = (4, 8, 8)
_CODES = 32768

CARDS = [
    Card(
        info=TokenizerInfo(
            name="emu3-4x8x8",
            kind="discrete",
            compression=_COMPRESSION,
            vocabulary=_CODES,
            bits_per_pixel=nominal_bits_per_pixel(_COMPRESSION, vocabulary=_CODES),
            parameters=270_740_287,
            license="Apache-2.0 [U]",
            weights=f"huggingface: {_REPOSITORY}",
            source="arXiv 2409.18869; transformers Emu3VQVAE; [U]: not verified, see the page of the weights",
            description="Emu3 vision tokenizer: 32768 codes; a photograph is four equal frames, as its authors do it",
            window=16,
            padding=Padding(frames=(4, 0), size=(8, 8)),
        ),
        factory="tokenbench_baselines.emu3.tokenizer:load",
        hub=HubSource(repository=_REPOSITORY, file_sets=FILE_SETS, inside=INSIDE),
        requires={"transformers": "tokenbench[diffusers]"},
    )
]
