"""The upload of a dataset, and the questions about it before its evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st

from dashboard.core.datasets import is_there
from dashboard.core.datasets.choices import FOLDERS as BY_FOLDERS
from dashboard.core.datasets.described import SUFFIX, describe
from dashboard.core.datasets.formats import OFFERED, either
from dashboard.core.datasets.uploads import IF_TOO_LARGE, is_whole, keep_uploads, kept_upload, refuse_other_kinds
from dashboard.core.errors import Choice, DashboardError, DatasetError, as_option, listed
from dashboard.core.evaluation.asking import Asked
from dashboard.core.files import readable_name
from dashboard.core.importing.dropped import keep_predictions
from dashboard.core.labels.choices import NOTHING_DECIDED, LabelChoices, meanings_for
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import Settings
from dashboard.ui.address import went_in_history
from dashboard.ui.changing_titles import remember_titles, replace_titles
from dashboard.ui.errors import show_error
from dashboard.ui.evaluate.dataset_questions import answer_about, ask_about, show_questions
from dashboard.ui.evaluate.label_editor import edit_labels, remember_meanings
from dashboard.ui.evaluate.predictions_import import remember_predictions
from dashboard.ui.evaluation_address import UPLOAD
from dashboard.ui.sidebar import fault_of_model
from dashboard.ui.uploaded_files import forget, opened
from dashboard.ui.words import plain, without_backticks

_FORMATS = "; ".join(f"{each.help}, with labels from {each.labels}" for each in OFFERED)
WHAT_CAN_BE_DROPPED = (
    f"{_FORMATS[0].upper()}{_FORMATS[1:]}. Images without labels are predicted, but not compared. "
    "Save an Excel workbook (.xlsx) with labels as CSV first. "
    "Upper and lower case of labels do not matter; plane and car match airplane and automobile. Predictions of another "
    "program (.npy or .npz of pred_probs, CSV or Parquet with columns p_CLASS, or of the true and the predicted class), alone or with their true labels, become "
    "an evaluation without images."
)
NOT_EVALUATED = "The dataset was not evaluated."
_UNDECIDED = "dataset-undecided"  # path of the dataset that the user is asked about
_WITHOUT_TABLE = "Do without a labels file"
_WAITING = "dataset-waiting"  # as before, also while the page shows something else

_OWN_FOLDERS, _FOLDERS_ABOVE = "own", "above"

Start = Callable[[Path, Mapping[str, str]], None]


def upload_dataset(settings: Settings, model: Callable[[], ModelVersion]) -> Path | None:
    """Shows the uploader. Returns the path of the dataset once it is stored, else None.

    Predictions of another program are recognised instead, and asked about in the next rerun, which this starts.

    Args:
        model: returns the model in use, or raises ModelError.
    """
    # the browser refuses a larger file without saying what to do
    most_mb = min(settings.max_upload_mb, st.get_option("server.maxUploadSize"))
    what = f"{WHAT_CAN_BE_DROPPED} A dataset is larger than {most_mb:,} MB? {IF_TOO_LARGE}"
    files = st.file_uploader(
        f"A dataset: {either([each.title for each in OFFERED])}",
        accept_multiple_files=True,
        key=f"zip-{st.session_state.get('uploads', 0)}",
        help=what,
        max_upload_size=most_mb,
        disabled=fault_of_model() is not None,  # nothing is taken that could not be evaluated
    )
    if not files:
        st.caption(
            "The simplest: a ZIP with one folder for each class, such as cat/1.png and dog/2.jpg. No dataset at hand? "
            f"Under *This server*, there are sample images. Up to {most_mb:,} MB can be uploaded; *Supported files* says what to do "
            "with more."
        )
        with st.expander("Supported files and folder layouts", icon=":material/help:"):
            st.markdown(plain(what))
        return None
    try:
        refuse_other_kinds([file.name for file in files])  # Streamlit would say less about it
    except DatasetError as error:
        show_error(error, NOT_EVALUATED)
        return None
    alone = len(files) == 1 and is_whole(files[0].name)
    if not alone:
        what = "this file" if len(files) == 1 else f"these {len(files):,} files"
        if not st.button(f"Evaluate {what}", key="evaluate-files", type="primary"):
            return None
    try:
        with st.spinner("Storing the upload ..."):
            named = [(file.name, opened(file)) for file in files]
            dropped = keep_predictions(named, model().class_names, settings)
            path = None if dropped else keep_uploads(named, settings)
    except DashboardError as error:
        show_error(error, NOT_EVALUATED)
        return None
    st.session_state["uploads"] = st.session_state.get("uploads", 0) + 1  # the next uploader is empty
    for file in files:
        forget(file)
    if dropped:
        remember_predictions(dropped)
        st.rerun()
    return path


def begin(path: Path, version: ModelVersion, start: Start) -> None:
    """Starts the evaluation, or first asks what is not certain about the dataset. Raises DatasetError."""
    with st.spinner("Reading the dataset ..."):
        asked = ask_about(path, version)
    if asked.needs_the_user:
        st.session_state[_UNDECIDED] = str(path)
    else:
        start(path, {})


def undecided_dataset(settings: Settings) -> Path | None:
    """The dataset that the user is asked about, or None. After a reload, the address names the upload."""
    if went_in_history() and UPLOAD not in st.query_params:
        st.session_state.pop(_UNDECIDED, None)
    path = st.session_state.get(_UNDECIDED)
    return Path(path) if path else kept_upload(st.query_params.get(UPLOAD, ""), settings)


def offer_waiting_dataset() -> None:
    """Offers to go on with the questions about a dataset that the user has left."""
    path = st.session_state.get(_WAITING)
    if path and is_there(Path(path)):
        st.button(
            f"Resume with {plain(_title(Path(path)))}", key="go-on-with-dataset",
            icon=":material/label:", on_click=_go_on_with, args=(path,), help="You were asked about this dataset.",
        )  # fmt: skip


def _title(path: Path) -> str:
    return readable_name(path.name.removesuffix(SUFFIX))


def _go_on_with(path: str) -> None:
    st.session_state[_UNDECIDED] = path


def ask_again(path: Path, version: ModelVersion, label_map: Mapping[str, str]) -> None:
    """Asks about a dataset in the next rerun. Each of its labels means what the label map says until the user changes it.

    What a class id means depends on where they begin, which is asked.
    """
    possible = meanings_for(version.class_names)
    meanings = {label: meant for label, meant in label_map.items() if meant in possible and not label.isdecimal()}
    remember_meanings(_key_of_labels(path, version), meanings)
    _go_on_with(str(path))


def _key_of_labels(path: Path, version: ModelVersion) -> str:
    return f"labels-{path}-{version.ref}"


def explain(path: Path, error: DashboardError) -> None:
    """Says why a dataset was not evaluated. If it can be without its labels files, a button does so."""
    by_folders = Choice("labels", BY_FOLDERS)
    offered = False

    def on_page(choice: Choice) -> str:
        nonlocal offered
        offered = offered or choice == by_folders
        return f'press "{_WITHOUT_TABLE}" below' if choice == by_folders else f"{as_option(choice)} on the command line"

    with_choices = not isinstance(error.advice, str)
    show_error(DatasetError(error.message, error.fix_in(on_page), error.code) if with_choices else error, NOT_EVALUATED)
    if offered:
        st.button(_WITHOUT_TABLE, key="without-labels-file", on_click=_do_without_table, args=(path,))


def _do_without_table(path: Path) -> None:
    answer_about(path, "labels", BY_FOLDERS)
    _go_on_with(str(path))


def decide_dataset(path: Path, version: ModelVersion, settings: Settings, start: Start) -> None:
    """Shows the questions about a dataset, with buttons to evaluate or discard it. Raises DatasetError."""
    asked = ask_about(path, version)
    st.session_state[_WAITING] = str(path)
    if kept_upload(path.parent.name, settings) == path:
        st.query_params[UPLOAD] = path.parent.name
    st.text(_title(path))
    if notes := [note for note in asked.notes if note not in asked.hints]:
        st.caption(plain(without_backticks(" ".join(notes))))
    show_questions(path, asked.questions)
    decision = NOTHING_DECIDED
    choices = _which_folders(asked, path) if asked.above else asked.labels
    if choices:
        for hint in asked.hints:
            st.info(plain(hint), icon=":material/table:")
        decision = edit_labels(choices, version.ref, version.class_names, _key_of_labels(path, version))
    above = asked.above if asked.above and choices is asked.above else None
    matched = {choice.label: choice.meaning for choice in above.matched} if above else {}
    with st.container(horizontal=True):
        go = st.button("Evaluate", key="evaluate-mapped", type="primary", disabled=not decision.complete)
        if st.button("Discard", key="discard-dataset"):
            forget_undecided()
            st.rerun()
    if go:
        forget_undecided()
        start(
            describe(path, asked.choices, settings.described_dir), {**asked.label_map, **matched, **decision.label_map}
        )


def _which_folders(asked: Asked, path: Path) -> LabelChoices | None:
    """Asks whether the folders of the images are the labels, or those above them, since both may be."""
    assert asked.labels and asked.above
    own, above = (
        listed([choice.label for choice in (*each.unmatched, *each.matched)], 4) for each in (asked.labels, asked.above)
    )
    titles = {_OWN_FOLDERS: f"the folders of the images: {own}", _FOLDERS_ABOVE: f"the folders above these: {above}"}
    key = f"label-folders-{path}"
    replace_titles(key)
    remember_titles(key, titles)
    chosen = st.selectbox(
        "Which folders are the labels?", list(titles), format_func=titles.__getitem__, key=key,
        persist_state="session", width=620,
    )  # fmt: skip
    return asked.above if chosen == _FOLDERS_ABOVE else asked.labels


def forget_undecided() -> None:
    """Stops asking about a dataset."""
    for key in (_UNDECIDED, _WAITING):
        st.session_state.pop(key, None)
    st.query_params.pop(UPLOAD, None)
