"""The Cosmos tokenizers that are registered. Importing this costs no torch."""

from __future__ import annotations

from tokenbench.tokenizer import Card, Padding, TokenizerInfo, nominal_bits_per_pixel

# The command line tools behind the published numbers pad to these whatever the variant.
OFFICIAL_VIDEO_PADDING = Padding(frames=(8, 1), size=(16, 16), space="black", centred=True)

# Default of the same tools, also for networks that were trained on longer clips.
OFFICIAL_WINDOW = 17

CARDS: list[Card] = [
    Card(
        info=TokenizerInfo(
            name="cosmos-cv-4x8x8",
            kind="continuous",
            modality="video",
            compression=(4, 8, 8),
            latent_channels=16,
            bits_per_pixel=nominal_bits_per_pixel((4, 8, 8), latent_channels=16),
            parameters=73_192_128,
            license="NVIDIA Open Model License",
            weights="huggingface: nvidia/Cosmos-0.1-Tokenizer-CV4x8x8 (encoder.jit + decoder.jit or autoencoder.jit)",
            source="arXiv 2501.03575",
            description="Cosmos continuous video tokenizer: causal, 16 latent channels",
            window=OFFICIAL_WINDOW,
            padding=OFFICIAL_VIDEO_PADDING,
        ),
        factory="tokenbench_cosmos.tokenizer:load_video_tokenizer",
        options={"channel_multipliers": (2, 4)},
    ),
]
