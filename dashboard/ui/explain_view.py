"""The maps of one picture on the page: methods side by side, one closely, through the layers, two classes."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.explanation_methods import METHODS, Method
from dashboard.core.overlay import overlay, overlay_difference
from dashboard.core.records import Explanation, Faithfulness, Verdict
from dashboard.ui.components import plain, show_error
from dashboard.ui.explain_question import (
    Look,
    Question,
    base_picture,
    explanations,
    is_checked,
    is_made,
    randomization,
    through_layers,
)
from dashboard.ui.resources import Services

TILES_A_ROW = 4
TILE_SIDE = 320  # pixels
LARGE_SIDE = 512
METHOD_KEY = "explain-method"

_BADGES: dict[Verdict, tuple[str, str, str]] = {
    "better": ("Better than both controls", ":material/check_circle:", "green"),
    "mixed": ("Better than random only", ":material/help:", "orange"),
    "chance": ("No better than chance", ":material/warning:", "orange"),
    "empty": ("Empty map", ":material/block:", "gray"),
}


def choose_method(question: Question, only_layers: bool = False) -> Method | None:
    """The method to look at, the same in every tab."""
    methods = {method.name: method for method in question.methods if method.uses_layer or not only_layers}
    if not methods:
        return None
    if st.session_state.get(METHOD_KEY) not in methods:
        st.session_state[METHOD_KEY] = next(iter(methods))
    names = list(methods)
    name = str(
        st.selectbox(
            "Method",
            names,
            format_func=lambda name: METHODS[name].title,
            key=METHOD_KEY,
            persist_state="session",
            width=260,
        )
    )
    return methods[name]


def show_methods(services: Services, question: Question, look: Look) -> None:
    """All methods in small, the quick ones at once and the others when asked for."""
    quick = [method for method in question.methods if method.cost == "instant"]
    slow = [method for method in question.methods if method.cost == "seconds"]
    st.caption(
        "Score: insertion minus deletion. It is high when the pixels that a map marks carry the probability of "
        f"{plain(question.target)}. A map that means something beats a random one and a spot in the middle."
    )
    missing = [method for method in slow if not is_made(question, method.name)]
    wanted = st.session_state.get("slow-wanted") == question.key
    if missing and not wanted:
        names = ", ".join(method.title for method in missing)
        if st.button(
            "Make the slower maps too",
            key="slow-methods",
            icon=":material/more_time:",
            help=f"{names}: some seconds each.",
        ):
            st.session_state["slow-wanted"] = question.key
            wanted = True
    shown = [*quick, *(method for method in slow if wanted or method not in missing)]
    places = {}
    for start in range(0, len(shown), TILES_A_ROW):
        row = shown[start : start + TILES_A_ROW]
        for method, column in zip(row, st.columns(TILES_A_ROW, gap="medium"), strict=False):
            with column:
                st.markdown(f"**{method.title}**", help=f"{method.summary} {method.paper}")
                places[method.name] = st.empty()
                if method in missing:
                    places[method.name].caption("Waiting for its turn ...")
    if quick:
        try:
            found = explanations(services, question, [m.name for m in quick], "Making the maps and testing them ...")
        except DashboardError as error:
            show_error(error, "There are no maps.")
            return
        for explanation in found:
            _show_tile(places[explanation.method], question, explanation, look)
    for method in shown[len(quick) :]:
        place = places[method.name]
        try:
            with place:
                [explanation] = explanations(services, question, [method.name], f"{method.title}, some seconds ...")
        except DashboardError as error:
            with place.container():
                st.warning("This map could not be made.", icon=":material/error:")
                st.text(str(error))
            continue
        _show_tile(place, question, explanation, look)


def _show_tile(
    place: st.delta_generator.DeltaGenerator, question: Question, explanation: Explanation, look: Look
) -> None:
    blended = overlay(base_picture(question.answer, TILE_SIDE), explanation.heatmap, look.opacity, look.smooth)
    title = METHODS[explanation.method].title
    with place.container(gap="xsmall"):
        st.image(blended, width="stretch", alt=f"{title} heatmap for {question.target} over the picture")
        if explanation.faithfulness:
            _show_verdict(explanation.faithfulness)
            f = explanation.faithfulness
            if f.verdict != "empty":
                st.caption(f"Score {f.map.score:.2f}; random {f.random.score:.2f}, centred spot {f.gaussian.score:.2f}")


def _show_verdict(faithfulness: Faithfulness) -> None:
    label, icon, colour = _BADGES[faithfulness.verdict]
    st.badge(label, icon=icon, color=colour)  # type: ignore[arg-type]


def show_closely(services: Services, question: Question, look: Look) -> None:
    """One map in large, with the curves that test it."""
    method = choose_method(question)
    if method is None:
        return
    try:
        [explanation] = explanations(services, question, [method.name], f"{method.title} and its test ...")
    except DashboardError as error:
        show_error(error, "There is no map.")
        return
    from dashboard.ui.explanation_charts import curve_chart, curves_table, map_chart  # Altair takes 0.4 s to import

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
        grid = "x".join(str(n) for n in explanation.heatmap.shape)
        where = f"layer {plain(explanation.layer_name)}, " if explanation.layer_name else ""
        st.caption(
            f"What speaks for {target}: bright is much, from 0 to 1. {where.capitalize()}{grid} cells. Point at one for its value."
        )
        st.caption(f"{method.title} ({method.paper}). {method.summary}")
    with right:
        faithfulness = explanation.faithfulness
        if explanation.empty:
            st.info(f"Nothing speaks for {target} here: the map is empty.", icon=":material/block:")
        elif faithfulness:
            _show_verdict(faithfulness)
            st.markdown(f"**{plain(faithfulness.sentence)}**")
            _show_scores(faithfulness)
            table = curves_table(faithfulness)
            removed, added = st.columns(2, gap="medium")
            with removed:
                st.markdown(
                    "**Removing pixels**",
                    help="Deletion: the sooner the probability falls, the better the map (RISE, arXiv 1806.07421).",
                )
                st.altair_chart(
                    curve_chart(table, "deletion", question.target),
                    key="deletion",
                    alt="Probability of the class as the most important pixels are removed: this map and two controls",
                )
            with added:
                st.markdown(
                    "**Adding pixels**",
                    help="Insertion: the sooner the probability rises, the better the map (RISE, arXiv 1806.07421).",
                )
                st.altair_chart(
                    curve_chart(table, "insertion", question.target),
                    key="insertion",
                    alt="Probability of the class as the most important pixels are added: this map and two controls",
                )
        _show_randomization(services, question, method, look)


def _show_scores(faithfulness: Faithfulness) -> None:
    """The figures of the map and both controls."""
    import pandas as pd

    rows = [
        ("This map", faithfulness.map),
        ("Random map", faithfulness.random),
        ("Centred spot", faithfulness.gaussian),
    ]
    table = pd.DataFrame(
        [(name, s.score, s.insertion_auc, s.deletion_auc, s.average_drop) for name, s in rows],
        columns=["map", "score", "insertion", "deletion", "drop"],
    )
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        key="scores",
        column_config={
            "map": "Map",
            "score": number("Score", format="%.2f", help="Insertion minus deletion: high is good."),
            "insertion": number(
                "Insertion", format="%.2f", help="Area under the curve of adding pixels: high is good."
            ),
            "deletion": number("Deletion", format="%.2f", help="Area under the curve of removing pixels: low is good."),
            "drop": number(
                "Average drop",
                format="percent",
                help="What is lost of the probability when only the marked part is shown: low is good. A map that marks "
                "everything loses nothing, so look at it beside the others only.",
            ),
        },
    )


def _show_randomization(services: Services, question: Question, method: Method, look: Look) -> None:
    st.markdown(
        "**Does the map depend on what the model learnt?**",
        help="The same map from the same network with shuffled weights (Adebayo et al., arXiv 1810.03292).",
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
        blended = overlay(base_picture(question.answer, TILE_SIDE), result.heatmap, look.opacity, look.smooth)
        st.image(blended, width="stretch", alt="The map of a network with shuffled weights")
    with words:
        if result.passed:
            st.badge("It does", icon=":material/check_circle:", color="green")
            st.text("With shuffled weights the map is another one: it shows something that was learnt.")
        else:
            st.badge("Hardly", icon=":material/warning:", color="orange")
            st.text(
                "With shuffled weights the map looks much the same: it shows the picture or the network's build, not what was learnt."
            )
        st.caption(
            f"Rank correlation of both maps (Spearman) {result.spearman:.2f}; under 0.2 is told apart, 1 is the same map."
        )


def show_layers(services: Services, question: Question, look: Look) -> None:
    """The same method through the network, first layer to last."""
    method = choose_method(question, only_layers=True)
    if method is None:
        st.info("This model has no layer with a grid to make a map from.", icon=":material/info:")
        return
    try:
        found = through_layers(services, question, method.name)
    except DashboardError as error:
        show_error(error, "There are no maps.")
        return
    st.caption("From the first layers, which know the place better, to the last, which know the class better.")
    base = base_picture(question.answer, TILE_SIDE)
    for start in range(0, len(found), TILES_A_ROW):
        for explanation, column in zip(found[start : start + TILES_A_ROW], st.columns(TILES_A_ROW), strict=False):
            layer = explanation.layer
            if layer is None:
                continue
            with column:
                st.image(
                    overlay(base, explanation.heatmap, look.opacity, look.smooth),
                    width="stretch",
                    alt=f"{method.title} heatmap for {question.target} from layer {layer.name}",
                )
                st.text(layer.name)
                nothing = "; nothing speaks for the class here" if explanation.empty else ""
                st.caption(f"{layer.grid[0]}x{layer.grid[1]} cells, {layer.channels:,} channels{nothing}")


def show_two_classes(services: Services, question: Question, look: Look) -> None:
    """Why this class rather than that one."""
    from dashboard.ui.explanation_charts import map_chart

    method = choose_method(question)
    if method is None:
        return
    names = list(question.answer.version.class_names)
    ranked = [names[i] for i in question.answer.prediction.pred_probs.argsort()[::-1]]
    runner_up = next(name for name in ranked if name != question.target)
    others = [name for name in names if name != question.target]
    second = str(
        st.selectbox(
            f"Why {plain(question.target)} rather than",
            others,
            index=others.index(runner_up),
            key=f"rather-than-{question.target}",
            width=260,
        )
    )
    try:
        pair = [
            explanations(services, asked, [method.name], f"{method.title} ...", faithfulness=False)[0]
            for asked in (question, question.about(second))
        ]
    except DashboardError as error:
        show_error(error, "There is no map.")
        return
    first_map, second_map = (each.heatmap for each in pair)
    difference = first_map - second_map
    probs = question.answer.prediction.pred_probs
    left, right = st.columns([4, 5], gap="large")
    with left:
        blended = overlay_difference(base_picture(question.answer, LARGE_SIDE), difference, look.opacity, look.smooth)
        st.altair_chart(
            map_chart(blended, difference, f"{question.target} minus {second}"),
            width="stretch",
            key="difference-map",
            theme=None,
            alt=f"Where more speaks for {question.target}, orange, and where more speaks for {second}, purple",
        )
    with right:
        st.badge(f"Orange, plus: speaks more for {plain(question.target)}", color="orange")
        st.badge(f"Purple, minus: speaks more for {plain(second)}", color="violet")
        st.caption(
            "White: as much for the one as for the other. Each map is scaled to its own highest value, so the colours "
            "tell where, not how much."
        )
        for column, name, explanation in zip(st.columns(2), (question.target, second), pair, strict=True):
            with column:
                base = base_picture(question.answer, TILE_SIDE)
                st.image(
                    overlay(base, explanation.heatmap, look.opacity, look.smooth),
                    width="stretch",
                    alt=f"{method.title} heatmap for {name} over the picture",
                )
                st.text(f"For {name}, {probs[names.index(name)]:.1%}")
                if explanation.empty:
                    st.caption("Empty: nothing speaks for it here.")
