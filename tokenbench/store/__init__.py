"""A content-addressed store: results of work as files, found again by the digest of all that decides them."""

from tokenbench.store.content import content_sha256, signature_of
from tokenbench.store.store import Store, key_of

__all__ = ["Store", "content_sha256", "key_of", "signature_of"]
