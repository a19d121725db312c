"""Bundled tokenizers."""
