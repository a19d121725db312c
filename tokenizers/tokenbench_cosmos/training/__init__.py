"""Training of the Cosmos tokenizers."""
