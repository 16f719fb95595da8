"""The maps of all methods, side by side, the best first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.core.datasets.uploads import plain_name
from dashboard.core.errors import DashboardError
from dashboard.core.explanations.faithfulness import RANDOM_MAPS
from dashboard.core.explanations.map_files import maps_zip
from dashboard.core.explanations.methods import METHODS, Method
from dashboard.core.explanations.overlay import overlay
from dashboard.core.explanations.records import Explanation
from dashboard.core.metrics.percent import rounded
from dashboard.schemas.explanations import ExplainedRecord, ExplanationRecord
from dashboard.services import Services
from dashboard.ui.download import offer_file
from dashboard.ui.errors import as_text, show_error
from dashboard.ui.question import Look, Question, base_picture, explanations, is_made
from dashboard.ui.thumbnails import SMALL_SIDE, four_a_row
from dashboard.ui.verdict import show_verdict
from dashboard.ui.words import plain

_SKELETON_PX = 180
_WANTED = "slow-wanted"  # in the session: the question for which the slower maps were asked
_FAULTS = "slow-faults"  # in the session: a question, and why some of its slower maps could not be made, by method


def show_methods(services: Services, question: Question, look: Look) -> None:
    """Shows a small map per method, sorted by score: the quick methods at once, the slow ones when asked for."""
    quick = [method for method in question.methods if method.cost == "instant"]
    slow = [method for method in question.methods if method.cost == "seconds"]
    missing = [method for method in slow if not is_made(question, method.name)]
    st.caption(
        "Score: insertion minus deletion. It is high when the probability of "
        f"{plain(question.target)} depends on the pixels that the map marks. A map that can be trusted scores higher than a "
        "plain round spot in the picture's centre, which knows nothing of the picture, and than a limit for random maps, which is "
        f"estimated from {RANDOM_MAPS} of them. These are as coarse as the map itself, so coarse and fine maps have different "
        "limits. Close to the limit, the verdict is partly luck. The test is about the map, not about whether the answer is right."
    )
    row = st.container(horizontal=True, vertical_alignment="center", key="maps-actions")
    # a place of its own for each, so that the second does not move when the first is gone
    slower = row.container(horizontal=True, vertical_alignment="center", width="content")
    download = row.container(width="content")
    reasons, waiting = st.container(), st.empty()
    wanted = bool(missing) and st.session_state.get(_WANTED) == question.key
    if missing:
        # of one key, so that the browser does not show both while the maps are made
        slower.button(
            "Making the slower maps ..." if wanted else "Make the slower maps too" if quick else "Make the maps",
            key="slow-methods",
            icon="spinner" if wanted else ":material/more_time:",
            help=f"{', '.join(method.title for method in missing)}: some seconds each.",
            disabled=wanted,
            on_click=st.session_state.update,
            args=({_WANTED: question.key},),
        )
    doing = slower.empty() if wanted else None
    first_time = not all(is_made(question, method.name) for method in quick)
    if first_time:
        with waiting.container():
            st.text("Making the maps and testing them ...")
            _show_skeletons(quick, four_a_row(len(quick)))
    try:
        found = explanations(services, question, [method.name for method in quick], "")
    except DashboardError as error:
        waiting.empty()
        show_error(error, "The maps could not be made.")
        return
    found += explanations(services, question, [m.name for m in slow if m not in missing], "")
    waiting.empty()
    _show_tiles(question, found, look, missing if wanted else [])
    if found:
        with download:
            _offer_all(question, found, look, reasons)
    if doing:
        if first_time and found:
            st.rerun()  # the page says first what these maps show
        _make_slow(services, question, slow, doing)
    key, faults = st.session_state.get(_FAULTS, (None, {}))
    for name, fault in faults.items() if key == question.key else ():
        reasons.warning(f"{METHODS[name].title} could not be made. {plain(fault)}", icon=":material/error:")


def _make_slow(services: Services, question: Question, slow: Sequence[Method], doing: DeltaGenerator) -> NoReturn:
    """Makes the slow maps one after another, says meanwhile which one, and then shows all maps in order."""
    faults: dict[str, str] = {}
    for number, method in enumerate(slow, start=1):
        if is_made(question, method.name):
            continue
        doing.text(f"{method.title}, {number} of {len(slow)}", width="content")
        try:
            explanations(services, question, [method.name], "")
        except DashboardError as error:
            faults[method.name] = as_text(error)
    st.session_state[_FAULTS] = question.key, faults
    st.session_state[_WANTED] = None
    st.rerun()


def _show_tiles(question: Question, found: Sequence[Explanation], look: Look, waiting: Sequence[Method]) -> None:
    ordered = sorted(found, key=_score, reverse=True)
    places = four_a_row(len(ordered) + len(waiting))
    for explanation, tile in zip(ordered, places, strict=False):
        with tile:
            _show_tile(question, explanation, look)
    _show_skeletons(waiting, places[len(ordered) :])


def _show_skeletons(methods: Sequence[Method], places: Sequence[DeltaGenerator]) -> None:
    for method, place in zip(methods, places, strict=True):
        with place:
            st.markdown(f"**{method.title}**")
            st.skeleton(_SKELETON_PX)


def _show_tile(question: Question, explanation: Explanation, look: Look) -> None:
    method = METHODS[explanation.method]
    blended = overlay(base_picture(question.answer, SMALL_SIDE), explanation.heatmap, look.opacity, look.smooth)
    with st.container(gap="xsmall"):
        st.markdown(f"**{method.title}**", help=f"{method.summary} {method.paper}")
        st.image(blended, width="stretch", alt=f"{method.title} heatmap for {question.target} over the picture")
        if f := explanation.faithfulness:
            show_verdict(f)
            if f.verdict != "empty":
                digits = f.score_decimals
                limit = rounded(f.random_limit, digits)
                compared = (
                    f"random maps {rounded(f.random.score, digits)} on average, up to {limit}"
                    if f.verdict == "chance"
                    else f"random maps up to {limit}, plain spot in the centre {rounded(f.gaussian.score, digits)}"
                )
                st.caption(f"Score {rounded(f.map.score, digits)}  \n{compared}")
                st.space("small")  # without it, the caption's margin would give the columns a scrollbar


def _score(explanation: Explanation) -> float:
    """The score by which maps are sorted; an empty map comes last."""
    found = explanation.faithfulness
    return found.map.score if found and found.verdict != "empty" else float("-inf")


def _offer_all(question: Question, found: Sequence[Explanation], look: Look, reasons: DeltaGenerator) -> None:
    """Offers all maps as one ZIP file."""
    answer, base = question.answer, base_picture(question.answer, SMALL_SIDE)

    def make() -> bytes:
        records = [ExplanationRecord.of(answer.version, each, overlay=f"{each.method}-overlay.png") for each in found]
        record = ExplainedRecord.of_maps(answer.name, answer.version, answer.prediction, records, answer.prediction_id)
        return maps_zip(base, found, look.opacity, look.smooth, record.to_text())

    name = f"{Path(plain_name(answer.name)).stem}-{plain_name(question.target)}-maps.zip"
    offer_file("All maps (ZIP)", make, name, "application/zip", "download-maps", reasons)
