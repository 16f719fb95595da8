"""Streamlit's entry script: navigation over ../pages, and what every page shares."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Streamlit puts this file's folder there, the package's parent is needed
    sys.path.insert(0, str(ROOT))
if str(ROOT / "dashboard") in sys.path:
    sys.path.remove(str(ROOT / "dashboard"))

import streamlit as st

from dashboard.ui.components import choose_model

PAGES = ROOT / "pages"

st.set_page_config(page_title="Classifier dashboard", page_icon=":material/center_focus_strong:", layout="wide")
page = st.navigation(
    [
        st.Page(PAGES / "predict.py", title="Predict", icon=":material/image_search:", default=True),
        st.Page(PAGES / "evaluate.py", title="Batch evaluation", icon=":material/dataset:", url_path="evaluate"),
        st.Page(PAGES / "diagnostics.py", title="Diagnostics", icon=":material/stethoscope:", url_path="diagnostics"),
    ]
)
with st.sidebar:
    choose_model()
page.run()
