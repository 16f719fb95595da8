"""One large map with the curves and checks that test it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard.core.datasets.uploads import plain_name
from dashboard.core.errors import DashboardError
from dashboard.core.explanations.map_files import map_png
from dashboard.core.explanations.methods import Method
from dashboard.core.explanations.overlay import overlay
from dashboard.core.explanations.records import ALIKE_FROM, PASSES_BELOW, Explanation, Faithfulness
from dashboard.core.metrics.percent import percent, rounded
from dashboard.services import Services
from dashboard.ui.download import offer_file
from dashboard.ui.errors import show_error
from dashboard.ui.explain.head import choose_method, offered_layers
from dashboard.ui.question import Look, Question, base_picture, explanations, is_checked, randomization
from dashboard.ui.thumbnails import LARGE_SIDE, SMALL_SIDE
from dashboard.ui.verdict import show_verdict
from dashboard.ui.words import layer_names, plain


def show_one_map(services: Services, question: Question, look: Look) -> None:
    """Shows one large map and the curves that test it."""
    method = choose_method(question)
    if method is None:
        return
    try:
        [explanation] = explanations(services, question, [method.name], f"{method.title} and its test ...")
    except DashboardError as error:
        show_error(error, "The map could not be made.")
        return
    from dashboard.charts.explanations import map_chart

    left, right = st.columns([4, 5], gap="large")
    target = plain(question.target)
    with left:
        blended = overlay(base_picture(question.answer, LARGE_SIDE), explanation.heatmap, look.opacity, look.smooth)
        st.altair_chart(
            map_chart(blended, explanation.heatmap, f"Evidence for {question.target}"),
            width="stretch",
            key="large-map",
            theme=None,
            alt=f"{method.title} heatmap for {question.target} over the picture; point at a cell for its value",
        )
        where = "x".join(str(n) for n in explanation.heatmap.shape) + " cells"
        if explanation.layer:
            where = layer_names(offered_layers(question.answer))[explanation.layer.name].capitalize()
        st.caption(f"Evidence for {target}, from 0 to 1 (brighter = stronger). {where}. Point at a cell for its value.")
        st.caption(f"{method.title} ({method.paper}). {method.summary}")
        _offer_files(question, explanation, look)
        if not explanation.empty:
            _show_randomization(services, question, method, look, explanation.faithfulness)
    with right:
        faithfulness = explanation.faithfulness
        if explanation.empty:
            st.info(f"There is no evidence for {target} here: the map is empty.", icon=":material/block:")
        elif faithfulness:
            show_verdict(faithfulness)
            st.markdown(f"**{plain(faithfulness.sentence)}**")
            if faithfulness.also_when_empty and question.target == question.answer.predicted_label:
                st.text(_also_when_empty(faithfulness, question.target))
            _show_scores(faithfulness)
            _show_curves(faithfulness, question.target)


def _also_when_empty(faithfulness: Faithfulness, target: str) -> str:
    whole, *_, emptied = (percent(float(p)) for p in faithfulness.map.deletion)
    return (
        f"The model gives {target} much of this probability even without a picture: with all pixels removed, it is still "
        f"{emptied} (whole picture: {whole})."
    )


def _offer_files(question: Question, explanation: Explanation, look: Look) -> None:
    """Offers the map alone and over the picture."""
    base = base_picture(question.answer, LARGE_SIDE)
    stem = f"{Path(plain_name(question.answer.name)).stem}-{plain_name(question.target)}-{explanation.method}"
    row, reasons = st.container(horizontal=True, key="map-files"), st.container()
    with row:
        for title, opacity in (("Map", 1.0), ("Overlay", look.opacity)):
            make = partial(map_png, base, explanation, opacity, look.smooth)
            name = f"{stem}-{title.lower()}.png"
            offer_file(f"{title} (PNG)", make, name, "image/png", f"download-{title.lower()}", reasons)


def _show_curves(faithfulness: Faithfulness, target: str) -> None:
    """Shows the deletion and insertion curves of the map and of both controls."""
    from dashboard.charts.explanations import curve_chart, curves_table

    table = curves_table(faithfulness)
    st.markdown(
        "**The marked pixels removed**",
        help="Deletion (RISE, arXiv 1806.07421): the sooner the probability falls, the better the map.",
    )
    st.altair_chart(
        curve_chart(table, "deletion", target),
        key="deletion",
        alt="Probability of the class as the most important pixels are removed: this map and two controls",
    )
    st.markdown(
        "**The marked pixels added**",  # no longer, because the chart's toolbar would cover the help on a phone
        help="Added to the blurred picture. Insertion (RISE, arXiv 1806.07421): the sooner the probability rises, the better the map.",
    )
    st.altair_chart(
        curve_chart(table, "insertion", target),
        key="insertion",
        alt="Probability of the class as the most important pixels are added: this map and two controls",
    )


def _show_scores(faithfulness: Faithfulness) -> None:
    """Shows the scores of the map and of both controls."""
    from dashboard.charts.explanations import GAUSSIAN, RANDOM, THIS_MAP

    rows = [(THIS_MAP, faithfulness.map), (RANDOM, faithfulness.random), (GAUSSIAN, faithfulness.gaussian)]
    digits = faithfulness.score_decimals
    st.caption(
        f"{len(faithfulness.random_scores)} random maps were drawn. An estimate from their scores: 95% of random maps stay "
        f"below {rounded(faithfulness.random_limit, digits)}. The table and the curves show their mean.",
    )
    table = pd.DataFrame(
        [
            (name, float(rounded(s.score, digits)), s.insertion_auc, s.deletion_auc, 100 * s.average_drop)
            for name, s in rows
        ],
        columns=["map", "score", "insertion", "deletion", "drop"],
    )
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        key="scores",
        alt="Score, insertion, deletion and average drop of this map and two controls",
        column_config={
            "map": "Map",
            "score": number("Score", format=f"%.{digits}f", help="Insertion minus deletion: high is good."),
            "insertion": number(
                "Insertion", format="%.2f", help="Area under the curve of adding pixels: high is good."
            ),
            "deletion": number("Deletion", format="%.2f", help="Area under the curve of removing pixels: low is good."),
            "drop": number(
                "Average drop",
                format="%.1f %%",
                help="Part of the probability that is lost when only the marked part is shown: low is good. A map that marks "
                "everything loses nothing, so do not look at this figure alone.",
            ),
        },
    )


def _show_randomization(
    services: Services, question: Question, method: Method, look: Look, faithfulness: Faithfulness | None
) -> None:
    """Shows whether the map changes with shuffled weights. It is green only for a map that also passed the first test."""
    st.markdown(
        "**Does the map depend on what the model learnt?**",
        help="Compares with maps of copies of the network with shuffled weights (Adebayo et al., arXiv 1810.03292).",
    )
    clicked = st.button("Shuffle the weights and compare", key="randomize", icon=":material/shuffle:")
    if not clicked and not is_checked(question, method.name):
        return
    try:
        result = randomization(services, question, method.name)
    except DashboardError as error:
        show_error(error, "The check could not be made.")
        return
    small, words = st.columns([1, 3], gap="small", vertical_alignment="center")
    with small:
        blended = overlay(base_picture(question.answer, SMALL_SIDE), result.heatmap, look.opacity, look.smooth)
        st.image(blended, width="stretch", alt="The map of a network with shuffled weights")
    with words:
        if result.passed:
            if faithfulness and faithfulness.verdict == "better":
                st.badge("Yes", icon=":material/check_circle:", color="green")
            else:
                st.badge("Yes, but it did not pass the first test", icon=":material/info:", color="gray")
            st.text("With shuffled weights the map changes: it shows something that the model has learnt.")
        elif result.spearman < ALIKE_FROM:
            st.badge("Partly", icon=":material/warning:", color="orange")
            st.text(
                "With shuffled weights the map stays partly the same: some of it shows the picture or the network's structure, not "
                "what the model has learnt."
            )
        else:
            st.badge("Hardly", icon=":material/warning:", color="orange")
            st.text(
                "With shuffled weights the map looks almost the same: it shows the picture or the network's structure, not what the "
                "model has learnt."
            )
        st.text(
            "This second test asks only whether the map depends on what the model has learnt. The first, the faithfulness test, asks "
            "whether the marked pixels matter for the class. A map that can be relied on passes both."
        )
        st.caption(
            f"Mean rank correlation with the maps of several shuffled networks (Spearman): {rounded(result.spearman, 2)}. Below {PASSES_BELOW} "
            f"the maps differ, from {ALIKE_FROM} on they look almost the same; between, they are partly the same. Both limits are our "
            "choice: the paper gives none. The picture shows the map of one of these networks."
        )
