"""Where the pages are: their scripts, and their addresses on the server."""

from __future__ import annotations

from dashboard.core.shell import ROOT

PAGES = ROOT / "pages"  # links need the full path, because an installed dashboard has them elsewhere
ADDRESSES = ("explain", "evaluate", "compare", "history", "diagnostics")
START = "predict"  # is at the root
