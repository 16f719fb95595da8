"""A worker as an interpreter of its own; the argument is the number of its end of the pipe."""

from __future__ import annotations

import sys

from dashboard.core.engine.system import lower_priority
from dashboard.worker.serving import serve_dashboard

if __name__ == "__main__":
    lower_priority()
    serve_dashboard(int(sys.argv[1]))
