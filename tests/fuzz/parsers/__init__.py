"""All parsers under test, by name."""

from __future__ import annotations

from tests.fuzz.parser import Parser
from tests.fuzz.parsers import archives, arrays, models, pictures, runs, tables, texts

PARSERS: dict[str, Parser] = {
    parser.name: parser
    for module in (pictures, archives, arrays, tables, texts, models, runs)
    for parser in module.PARSERS
}
