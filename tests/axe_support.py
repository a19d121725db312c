"""axe-core, where it is installed: which rules of accessibility a page breaks (WCAG 2.1 A and AA, best practice)."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_support import Browser

AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"

needs_axe = pytest.mark.skipif(not AXE.is_file(), reason="no axe-core: npm install --no-save axe-core")

# Every box is opened: what is folded away is not looked at.
_AUDIT = """
for (const box of document.querySelectorAll("details")) box.open = true;
return axe.run().then((found) => [
  found.violations.map((rule) => rule.id + ": " + rule.nodes.map((node) => node.html).join(" ")),
  found.passes.length,
]);
"""


def audit(page: Browser) -> tuple[list[str], int]:
    """What breaks a rule, a line each, and how many rules hold."""
    page.script(AXE.read_text())
    told, passed = page.script(_AUDIT)
    return told, passed
