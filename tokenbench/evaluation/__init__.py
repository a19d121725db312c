"""The runner: clips through a tokenizer into metrics, results that resume, and comparison of folders."""
