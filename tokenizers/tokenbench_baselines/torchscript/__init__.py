"""Anyone's tokenizer in TorchScript: an encoder and a decoder, or both in one file, and a card in TOML."""
