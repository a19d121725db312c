"""OmniTokenizer (Wang et al. 2024, arXiv 2406.09399): transformers over space and time, with latents or with codes."""
