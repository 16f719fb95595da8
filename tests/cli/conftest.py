from __future__ import annotations

from tests.cli.records import commands  # noqa: F401  # fixture
