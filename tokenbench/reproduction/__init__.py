"""The paper's tables: what was published, and the same measured here."""
