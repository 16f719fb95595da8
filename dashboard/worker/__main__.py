"""A worker as an interpreter of its own; the argument is the descriptor of its pipe."""

from __future__ import annotations

import os
import sys

from dashboard.worker.serving import NICENESS, serve_dashboard

if __name__ == "__main__":
    os.nice(NICENESS)
    serve_dashboard(int(sys.argv[1]))
