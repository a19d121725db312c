"""Discrete image tokenizers that no library carries: LlamaGen, VQGAN, IBQ and Janus; Open-MAGVIT2, also for video."""
