"""Where the scripts of the pages are: links need the whole path, because an installed dashboard keeps them elsewhere."""

from __future__ import annotations

from dashboard.core.settings import ROOT

PAGES = ROOT / "pages"
