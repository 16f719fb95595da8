from __future__ import annotations

import pytest

from dashboard.core.datasets.columns import column_among, csv_separator


@pytest.mark.parametrize(
    "columns, found",
    [
        (["id", "Label", "class"], "Label"), (["class", " True Label "], " True Label "), (["class", "CLASS"], "class"),
        (["weight"], None), ([], None),
    ],
)  # fmt: skip
def test_the_first_wanted_name_wins_however_it_is_written(columns: list[str], found: str | None) -> None:
    assert column_among(columns, ("label", "true_label", "class")) == found


@pytest.mark.parametrize(
    "line, separator",
    [
        ("file,label", ","), ("file;label", ";"), ("file\tlabel", "\t"), ("file|label", "|"), ("file", ","), ("", ","),
        ('"a;b;c",d', ","), ("a,b;c", ","), ("a,b;c;d", ";"),
    ],
)  # fmt: skip
def test_the_separator_is_the_one_that_gives_the_most_cells(line: str, separator: str) -> None:
    assert csv_separator(line) == separator
