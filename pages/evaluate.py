"""The page Batch evaluation: how good the model is on a dataset, which classes it confuses, and in which images."""

from __future__ import annotations

import streamlit as st

from dashboard.ui.evaluate.dataset_choice import choose_dataset
from dashboard.ui.evaluate.dataset_upload import undecided_dataset
from dashboard.ui.evaluate.earlier_runs import choose_earlier_run
from dashboard.ui.evaluate.ended_view import show_ended
from dashboard.ui.evaluate.job_view import list_jobs, show_job
from dashboard.ui.evaluate.shown_run import shown_run
from dashboard.ui.model_banner import show_model_banner
from dashboard.ui.set_aside_runs import show_failed_deletion
from dashboard.ui.visitor import visitors_services

# the page has many sections, and its figures should stand out more than their titles
SMALL_SECTION_TITLES = (
    "<style>[data-testid=stHeading] h2 { font-size: 1rem; line-height: 1.6; padding: 0 0 0.25rem }</style>"
)

services = visitors_services()

st.title("Batch evaluation")
st.html(SMALL_SECTION_TITLES)
show_model_banner()
show_failed_deletion()
run_id, job = shown_run(services)
if job and job.active:
    show_job(services, job)
asked = undecided_dataset(services.settings) is not None
another = (
    st.expander("Another dataset or an earlier evaluation", icon=":material/add:", expanded=asked)
    if run_id
    else st.container()
)
with another:
    choose_dataset(services)
    choose_earlier_run(services)
if any(other.run_id != run_id for other in services.jobs.active()):
    list_jobs(services, but=run_id)
if run_id and not (job and job.active):
    show_ended(services, run_id, job)
