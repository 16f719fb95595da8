"""The images of an evaluation that the model sees as most similar to a picture."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.core.analysis.similar_images import similar_images, summary, usual_similarity
from dashboard.core.datasets import is_there
from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.opening import version_of_run
from dashboard.core.explanations.answer import answer_key
from dashboard.core.metrics.percent import rounded
from dashboard.core.runs.array_file import ArrayFile
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.images import RunPictures, run_image
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.changing_titles import remember_titles, replace_titles
from dashboard.ui.contact_sheet import ONLY_SEEN, SheetItem, show_sheet
from dashboard.ui.doubtful_labels import WHAT_DOUBT_MEANS, doubtful_labels, marked, unknown_doubt
from dashboard.ui.errors import show_error
from dashboard.ui.navigation import PAGES
from dashboard.ui.picture_address import turn_to_run_image
from dashboard.ui.question import Look, Question
from dashboard.ui.resources import POLL_S
from dashboard.ui.session import remembered, stored_run
from dashboard.ui.words import labels_in_words, local_time, plain, told_apart

SHOWN = 12
SIDE = 128  # least pixels of a picture's side
ALMOST_EQUAL = 0.9999  # a copy of the picture has at least this similarity; it is not always 1 because of rounding


def show_similar_images(services: Services, question: Question, look: Look) -> None:
    """Shows the choice of an evaluation, and its images that are most similar to the picture."""
    version = question.answer.version
    titles = {
        m.run_id: f"{m.dataset_name}, {local_time(m.created_utc)}, {m.n_real_images:,} images"
        for m in services.runs.list()
        if m.state == "finished" and m.model_sha256 == version.sha256 and m.model == version.ref
    }
    titles = told_apart(titles)
    if not titles:
        st.info(
            f"There is no finished evaluation of {plain(version.ref)} yet. Evaluate a dataset first. Then this tab "
            "shows its images that are most similar to this one.",
            icon=":material/info:",
        )
        st.page_link(PAGES / "evaluate.py", label="Batch evaluation", icon=":material/dataset:")
        return
    replace_titles("similar-run")
    if st.session_state.get("similar-run") not in titles:
        own = question.from_run.run_id if question.from_run else ""
        st.session_state["similar-run"] = own if own in titles else next(iter(titles))
    remember_titles("similar-run", titles)
    run_ids = list(titles)
    run_id = str(
        st.selectbox(
            "Images of",
            run_ids,
            run_ids.index(st.session_state["similar-run"]),
            format_func=lambda run_id: titles[run_id],
            key="similar-run",
            help="Finished evaluations of the model in use.",
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
            _show_similar(services, run, embeddings, question)
    except DashboardError as error:
        show_error(error, "The most similar images cannot be shown.")


def _offer_embeddings(services: Services, run: Run) -> None:
    """Shows the button that starts the comparison, or its progress."""
    state = services.embeddings.state(run.manifest.run_id)
    if state.active:
        _watch(services, run.manifest.run_id)
        return
    if state.error:
        show_error(state.error, "The images could not be compared.")
    st.text(f"The first time, all {len(run.evaluated):,} images are analysed; the result is kept.")
    if st.button("Find the most similar images", key="embed", icon=":material/compare:"):
        services.embeddings.start(run, version_of_run(services.registry, run.manifest))
        st.rerun()


@st.fragment(run_every=POLL_S)
def _watch(services: Services, run_id: str) -> None:
    """Shows the progress until all images are analysed, then reruns the page."""
    state = services.embeddings.state(run_id)
    if not state.active:
        st.rerun()
    st.progress(state.share, f"{state.done:,} of {state.total:,} images analysed")


def _show_similar(services: Services, run: Run, embeddings: ArrayFile, question: Question) -> None:
    rows = run.evaluated
    version = version_of_run(services.registry, run.manifest)  # the version with the fit that the run used
    seen = answer_key(question.answer.name, question.data, version)
    from_run = question.from_run
    index = from_run.index if from_run and from_run.run_id == run.manifest.run_id else None  # its index in this run

    def find() -> tuple[pd.DataFrame, int, float]:
        own = next(map(int, np.flatnonzero(rows["index"] == index)), None)
        if own is not None:
            query = embeddings[own]
        else:  # the embedding is the same for every run of this model
            query = remembered(
                "embedding",
                seen,
                "Analysing the picture ...",
                lambda: services.inference.embed_file(version, question.data),
            )
        most_similar = similar_images(rows, embeddings, query, SHOWN + 1, leave_out=own)
        if own is None:
            copies = _copies(run, most_similar, question.data)
            most_similar = most_similar[~most_similar["index"].isin(copies)]
        else:
            copies = []
        usual = float("nan") if most_similar.empty else usual_similarity(embeddings, query)
        return most_similar[:SHOWN], len(copies), usual

    found, n_copies, usual = remembered("similar", (run.manifest.run_id, index, seen), "", find)
    if found.empty:
        st.info("This evaluation has no other image.", icon=":material/info:")
        return
    st.text(
        summary(found),
        help="Similarity compares what the model sees in both pictures (the cosine of their embeddings): 1 is the same, 0 has "
        f"nothing in common. The median of this evaluation is {rounded(usual, 2)}: a similarity that is not clearly higher means little.",
    )
    if n_copies:
        st.caption("This picture itself is also in the evaluation. It is left out here.")
    found = found.assign(file=run.detail(found, ["file"])["file"])
    pictures, doubtful = RunPictures(services.runs, run.manifest), doubtful_labels(services, run)
    tiles, _ = pictures.tiles(found["index"].tolist(), found["file"].tolist(), SIDE)
    can_be_explained = is_there(Path(run.manifest.dataset))
    st.caption("Click an image to explain it." if can_be_explained else ONLY_SEEN)
    items = [_item(row, int(row["index"]) in doubtful) for row in found.to_dict("records")]
    show_sheet(
        tiles,
        items,
        (),
        f"similar-{run.manifest.run_id}-{index}-{hash(seen)}",
        "The most similar images",
        side=SIDE,
        opens=can_be_explained,
        selects=False,
        on_open=partial(turn_to_run_image, run.manifest.run_id),
    )
    if any(item.tone == "doubt" for item in items):
        st.caption(WHAT_DOUBT_MEANS)
    if any(item.tone == "wrong" for item in items) and (unknown := unknown_doubt(services, run)):
        st.caption(unknown)
    with st.expander("File names"):
        columns = ["file", "true_label", "predicted_label", "similarity"]
        labels = marked(found["true_label"], np.array([item.tone == "doubt" for item in items]))
        st.dataframe(
            safe_for_spreadsheets(found.assign(true_label=labels)[columns]),
            hide_index=True,
            alt="File, labels and similarity of these images",
            column_config={"similarity": st.column_config.NumberColumn(format="%.3f")},
        )


def _copies(run: Run, similar: pd.DataFrame, data: bytes) -> list[int]:
    """The `index` of each of these images whose file is this one; none if the dataset is gone."""
    candidates = similar.loc[similar["similarity"] >= ALMOST_EQUAL, "index"]
    try:
        return [index for index in map(int, candidates) if run_image(run, index).data == data]
    except DashboardError:
        return []


def _item(row: dict[Hashable, Any], doubtful: bool) -> SheetItem:
    label, predicted = row["true_label"], str(row["predicted_label"])
    similarity = f"similarity {rounded(row['similarity'], 2)}"
    words = f"{labels_in_words(row)}, {similarity}"
    if not isinstance(label, str):
        return SheetItem(int(row["index"]), f"{predicted}\n{similarity}", "", "", words)
    tone: Literal["", "doubt", "wrong"] = "" if label == predicted else "doubt" if doubtful else "wrong"
    return SheetItem(int(row["index"]), f"{predicted}\n{similarity}", f"labelled {label}", tone, words)
