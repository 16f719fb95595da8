"""A template of hostile workers: `python -m tests.worker.hostile_template CONTROL`."""

from __future__ import annotations

import sys

from dashboard.worker.template import main
from tests.worker.hostile_worker import serve_hostile

COMMAND = (sys.executable, "-m", "tests.worker.hostile_template")

if __name__ == "__main__":
    main(lambda: None, serve_hostile)
