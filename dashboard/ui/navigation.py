"""The folder of the page scripts. Links need the full path, because an installed dashboard has them elsewhere."""

from __future__ import annotations

from dashboard.core.settings import ROOT

PAGES = ROOT / "pages"
