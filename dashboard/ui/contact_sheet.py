"""A contact sheet: many small pictures, drawn from one file, that can be opened and selected by mouse and keyboard."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import streamlit as st

from dashboard.core.images.drawing import contact_sheet, encode_sprite

_COLUMNS = 10  # of the file; the browser arranges the pictures to fit the width
_PIXELATED = 40  # pixels: smaller pictures are enlarged without smoothing

_SHEET = st.components.v2.component(
    "contact_sheet",
    html="<div class='sheet' role='group'></div>",
    css=Path(__file__).with_suffix(".css").read_text("utf-8"),
    js=Path(__file__).with_suffix(".js").read_text("utf-8"),
)


@dataclass(frozen=True)
class SheetItem:
    """What stands below a picture."""

    index: int  # identifies the image
    text: str
    note: str
    tone: Literal["", "doubt", "wrong"]  # of the note
    alt: str


@dataclass(frozen=True)
class SheetAnswer:
    """What the user did with a sheet."""

    selected: tuple[int, ...]  # indices of this sheet
    opened: int | None  # index of the image that was just clicked


def show_sheet(
    tiles: np.ndarray,
    items: Sequence[SheetItem],
    selected: Collection[int],
    key: str,
    side: int = 104,
    opens: bool = True,
    selects: bool = True,
    on_select: Callable[[], None] = lambda: None,
) -> SheetAnswer:
    """Shows pictures (N, h, w, 3) uint8, N at least 1, with what stands below each.

    Args:
        selected: indices of the images that are selected now.
        side: least width of a picture in the browser, in pixels.
        opens: a click opens an image; otherwise it selects it.
        selects: images can be selected.
        on_select: called before the rerun that a new selection starts.
    """
    mime, data = encode_sprite(contact_sheet(tiles, _COLUMNS, gap=0))
    height, width = tiles.shape[1:3]
    here = [item.index for item in items if item.index in selected]
    found = _SHEET(
        key=key,
        data={
            "sprite": f"data:{mime};base64,{base64.b64encode(data).decode()}",
            "columns": min(_COLUMNS, len(tiles)),
            "rows": -(-len(tiles) // _COLUMNS),
            "ratio": f"{width} / {height}",
            "side": side,
            "items": [asdict(item) for item in items],
            "selected": here,
            "pixelated": max(height, width) <= _PIXELATED,
            "opens": opens,
            "selects": selects,
        },
        on_selected_change=on_select,
        on_opened_change=lambda: None,
    )
    chosen = found.selected
    return SheetAnswer(tuple(here if chosen is None else map(int, chosen)), found.opened)
