"""The Cosmos tokenizers, written from their specification: the networks, and adapters to the tokenbench contract."""
