"""How fast tokenizers are, and what they need: time, memory and arithmetic of encoding and decoding."""
