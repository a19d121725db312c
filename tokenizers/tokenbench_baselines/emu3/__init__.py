"""Emu3's vision tokenizer, with the class of the transformers library."""
