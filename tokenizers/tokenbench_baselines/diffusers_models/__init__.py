"""Autoencoders of the diffusers library as tokenizers (`pip install tokenbench[diffusers]`)."""
