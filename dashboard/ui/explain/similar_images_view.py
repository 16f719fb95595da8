"""The images of an evaluation that are most like a picture, as the model sees it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.core.analysis.similar_images import similar_images, summary
from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.opening import version_of_run
from dashboard.core.explanations.answer import Answer, answer_key
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.images import RunPictures
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.errors import show_error
from dashboard.ui.navigation import PAGES
from dashboard.ui.picture_address import Picture, turn_to_run_image
from dashboard.ui.session import remembered, stored_run
from dashboard.ui.thumbnails import TILE, tile
from dashboard.ui.words import labels_in_words, local_time, plain, told_apart

SHOWN = 12
POLL_S = 0.5


def show_neighbours(services: Services, picture: Picture, answer: Answer) -> None:
    """Lets an evaluation be chosen, and shows its most similar images."""
    version = answer.version
    titles = {
        m.run_id: f"{m.dataset_name}, {local_time(m.created_utc)}, {m.n_images:,} images"
        for m in services.runs.list()
        if m.state == "finished" and m.model_sha256 == version.sha256 and m.model == version.ref
    }
    titles = told_apart(titles)
    if not titles:
        st.info(
            f"There is no finished evaluation by {plain(version.ref)} yet. Evaluate a dataset, then the images most like "
            "this one can be looked up in it.",
            icon=":material/info:",
        )
        st.page_link(PAGES / "evaluate.py", label="Batch evaluation", icon=":material/dataset:")
        return
    if st.session_state.get("neighbours-run") not in titles:
        own = picture.from_run.run_id if picture.from_run else ""
        st.session_state["neighbours-run"] = own if own in titles else next(iter(titles))
    run_ids = list(titles)
    run_id = str(
        st.selectbox(
            "Images of",
            run_ids,
            format_func=lambda run_id: titles[run_id],
            key="neighbours-run",
            help="Evaluations by the model in use.",
            persist_state="session",
            width=480,
        )
    )
    try:
        run = stored_run(services, run_id)
        embeddings = services.embeddings.stored(run)
        if embeddings is None:
            _offer_embeddings(services, run)
        else:
            _show_similar(services, run, embeddings, picture)
    except DashboardError as error:
        show_error(error, "The similar images cannot be shown.")


def _offer_embeddings(services: Services, run: Run) -> None:
    """A button that starts it, or how far it is."""
    state = services.embeddings.state(run.manifest.run_id)
    if state.active:
        _watch(services, run.manifest.run_id)
        return
    if state.error:
        show_error(state.error, "The images could not be compared.")
    st.text(f"The model has to look at all {len(run.evaluated):,} images once more; then what it saw is kept.")
    if st.button("Compare with all of them", key="embed", icon=":material/compare:"):
        services.embeddings.start(run, version_of_run(services.registry, run.manifest))
        st.rerun()


@st.fragment(run_every=POLL_S)
def _watch(services: Services, run_id: str) -> None:
    """Polls until all images are looked at, then shows the result by one full rerun."""
    state = services.embeddings.state(run_id)
    if not state.active:
        st.rerun()
    st.progress(state.share, f"{state.done:,} of {state.total:,} images looked at")


def _show_similar(services: Services, run: Run, embeddings: np.ndarray, picture: Picture) -> None:
    rows = run.evaluated
    version = version_of_run(services.registry, run.manifest)  # seen as the images of the run were
    seen = answer_key(picture.name, picture.data, version, None, None)
    from_run = picture.from_run
    index = from_run.index if from_run and from_run.run_id == run.manifest.run_id else None  # its own, to be left out

    def find() -> pd.DataFrame:
        own = (rows["index"] == index).to_numpy()
        if own.any():
            query = embeddings[own][0]
        else:  # the same for every run of this model
            query = remembered(
                "embedding",
                seen,
                "Looking at the picture ...",
                lambda: services.inference.embed_file(version, picture.data),
            )
        return similar_images(rows[~own], embeddings[~own], query, SHOWN)

    found = remembered("similar", (run.manifest.run_id, index, seen), "", find)
    if found.empty:
        st.info("There is no other image in this evaluation.", icon=":material/info:")
        return
    st.text(summary(found))
    found = found.assign(file=run.detail(found, ["file"])["file"])
    pictures = RunPictures(services.runs, run.manifest)
    with st.container(horizontal=True, gap="small", key="similar"):
        for row in found.to_dict("records"):
            with st.container(width=TILE + 24, gap=None):
                picture_of_row = pictures.image(row["index"], row["file"], (TILE, TILE))
                st.image(tile(picture_of_row), width=TILE, alt=labels_in_words(row))
                st.caption(_words(row))
                st.button(
                    "Explain",
                    key=f"explain-{row['index']}",
                    type="tertiary",
                    on_click=turn_to_run_image,
                    args=(run.manifest.run_id, row["index"]),
                )
    with st.expander("File names"):
        columns = ["file", "true_label", "predicted_label", "similarity"]
        st.dataframe(
            safe_for_spreadsheets(found[columns]),
            hide_index=True,
            alt="File, labels and similarity of these images",
            column_config={"similarity": st.column_config.NumberColumn(format="%.3f")},
        )


def _words(row: dict[Hashable, Any]) -> str:
    """True label, what the model took it for where that is another, and how similar."""
    true, predicted = row["true_label"], str(row["predicted_label"])
    if not isinstance(true, str):
        label = f"taken for {plain(predicted)}"
    elif true == predicted:
        label = f":green[:material/check:] {plain(true)}"
    else:
        label = f":red[:material/close:] {plain(true)}, taken for {plain(predicted)}"
    return f"{label}  \nsimilarity {row['similarity']:.2f}"
