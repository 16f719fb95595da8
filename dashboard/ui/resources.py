"""What all sessions share: workers, registry, run store, jobs. Made once a server process."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard.core import cifar10
from dashboard.core.download import Download
from dashboard.core.engine import Engine
from dashboard.core.inference import Inference
from dashboard.core.jobs import JobRunner
from dashboard.core.kept_pictures import KeptPictures
from dashboard.core.registry import Registry
from dashboard.core.run_embeddings import RunEmbeddings
from dashboard.core.runs import RunStore
from dashboard.core.start_engine import start_engine
from dashboard.settings import Settings, get_settings


@dataclass(frozen=True)
class Services:
    """Everything behind the pages."""

    settings: Settings
    engine: Engine
    inference: Inference
    registry: Registry
    runs: RunStore
    jobs: JobRunner


@st.cache_resource(show_spinner=False, on_release=lambda services: services.engine.close())
def get_services() -> Services:
    """The services of this server process; the first call starts the workers in the background."""
    settings = get_settings()
    engine = start_engine(settings, settings.workers)
    registry = Registry(settings.models_dir, settings.model)
    runs = RunStore(settings.runs_dir)
    jobs = JobRunner(engine, runs, settings.chunk_size, settings.task_s)
    jobs.go_on_with_interrupted(registry)
    return Services(settings, engine, Inference(engine), registry, runs, jobs)


@st.cache_resource(show_spinner=False)
def get_run_embeddings() -> RunEmbeddings:
    """The embeddings of runs that all sessions share."""
    services = get_services()
    return RunEmbeddings(services.inference, services.runs)


@st.cache_resource(show_spinner=False)
def get_kept_pictures() -> KeptPictures:
    """The pictures that addresses of the Explain page name."""
    return KeptPictures()


@st.cache_resource(show_spinner=False)
def get_download() -> Download:
    """The download of CIFAR-10 that all sessions watch."""
    return Download(lambda on_progress: cifar10.download(get_settings().downloads_dir, on_progress))
