"""A contact sheet: many small pictures, drawn from one file, that can be opened and selected by mouse and keyboard."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import streamlit as st

from dashboard.core.images.drawing import contact_sheet, encode_sprite

ONLY_SEEN = "The dataset is no longer on the server: its images can be seen, but not explained."
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
    text: str  # of one or several lines
    note: str
    tone: Literal["", "doubt", "wrong"]  # of the note
    alt: str


def show_sheet(
    tiles: np.ndarray,
    items: Sequence[SheetItem],
    selected: Collection[int],
    key: str,
    name: str,
    side: int = 104,
    few: bool = False,
    opens: bool = True,
    selects: bool = True,
    on_open: Callable[[int], None] = lambda index: None,
    on_select: Callable[[Collection[int], Collection[int]], None] = lambda selected, among: None,
    verdicts: Mapping[int, str] | None = None,
    on_judge: Callable[[int, bool], None] | None = None,
) -> int | None:
    """Shows pictures (N, h, w, 3) uint8, N at least 1, with what stands below each.

    Args:
        selected: indices of the images that are selected now.
        name: what the pictures are, for screen readers.
        side: least width of a picture in the browser, in pixels.
        few: at most five pictures stand side by side, and two on a phone.
        opens: a click opens an image; otherwise it selects it.
        selects: images can be selected.
        on_open: called with the index of the image that was clicked, before the rerun that a click starts.
        on_select: called with the indices that are selected and with those of the whole sheet, before the rerun that a
            click starts.
        verdicts: what was said about images, by index; it stands below them.
        on_judge: called with an index, and with True after the key R and False after W, before the rerun that follows.

    Returns:
        The index of the image that was just clicked, or None.
    """
    mime, data = encode_sprite(contact_sheet(tiles, _COLUMNS, gap=0))
    height, width = tiles.shape[1:3]
    heard_key = f"heard-{key}"

    def take_over() -> None:
        told = st.session_state[key]["told"]
        heard, st.session_state[heard_key] = st.session_state.get(heard_key, 0), told["sent"]
        for judged in told["judged"] if on_judge else ():
            if judged["sent"] > heard and on_judge:
                on_judge(int(judged["index"]), bool(judged["right"]))
        if told["opened"] is not None:
            on_open(int(told["opened"]))
        if selects:
            on_select([int(i) for i in told["selected"]], [int(i) for i in told["among"]])

    found = _SHEET(
        key=key,
        data={
            "sprite": f"data:{mime};base64,{base64.b64encode(data).decode()}",
            "columns": min(_COLUMNS, len(tiles)),
            "rows": -(-len(tiles) // _COLUMNS),
            "ratio": f"{width} / {height}",
            "side": side,
            "few": few,
            "name": name,
            "items": [{**asdict(item), "note": _note(item)} for item in items],
            "selected": [item.index for item in items if item.index in selected],
            "heard": st.session_state.get(heard_key, 0),
            "pixelated": max(height, width) <= _PIXELATED,
            "opens": opens,
            "selects": selects,
            "verdicts": {str(index): text for index, text in (verdicts or {}).items()},
            "judges": on_judge is not None,
        },
        on_told_change=take_over,
    )
    opened = found.told and found.told["opened"]
    return None if opened is None else int(opened)


def _note(item: SheetItem) -> str:
    """The note, with a question mark if it tells a doubt, because not everyone can tell the colours apart."""
    return f"{item.note}?" if item.tone == "doubt" and "?" not in item.note else item.note
