"""All parsers under test, by name."""

from __future__ import annotations

from tests.fuzz.parser import Parser
from tests.fuzz.parsers import (
    archives,
    arrays,
    class_files,
    databases,
    models,
    pictures,
    runs,
    tables,
    texts,
    zipped_models,
)

PARSERS: dict[str, Parser] = {
    parser.name: parser
    for module in (pictures, archives, arrays, tables, class_files, texts, models, zipped_models, runs, databases)
    for parser in module.PARSERS
}
