from __future__ import annotations

import yaml
from documents_support import ROOT

import tokenbench

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
# What the Citation File Format 1.2.0 asks of every file, and of every reference.
REQUIRED = {"cff-version", "message", "title", "authors"}
REQUIRED_OF_A_REFERENCE = {"type", "title", "authors"}
FIELDS = {
    *("abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi", "identifiers", "keywords"),
    *("license", "license-url", "message", "preferred-citation", "references", "repository", "repository-artifact"),
    *("repository-code", "title", "type", "url", "version"),
}


def test_the_citation_has_what_its_format_asks_for_and_nothing_that_it_does_not_know() -> None:
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION.keys() >= REQUIRED
    assert CITATION.keys() <= FIELDS
    assert CITATION["type"] in ("software", "dataset")
    assert CITATION["authors"] == [{"name": "The TokenBench authors"}]
    for reference in CITATION["references"]:
        assert reference.keys() >= REQUIRED_OF_A_REFERENCE
        assert all(author.keys() <= {"name"} for author in reference["authors"])


def test_it_is_of_this_version_and_names_the_source_of_the_protocols() -> None:
    assert CITATION["version"] == tokenbench.__version__
    assert CITATION["license"] == "Apache-2.0"
    (paper,) = CITATION["references"]
    assert paper["identifiers"][0]["value"] == "arXiv:2501.03575"
    assert paper["title"] == "Cosmos World Foundation Model Platform for Physical AI"
