"""Puts together what a report about a run says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

import pandas as pd

from dashboard.core.analysis.comparison import load_side
from dashboard.core.analysis.findings.finding import Finding
from dashboard.core.runs.filtering import by_answers
from dashboard.core.runs.filters import in_words
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from dashboard.reports.classes import classes_section, confusion_section
from dashboard.reports.comparison import comparison_section
from dashboard.reports.confidence import confidence_section
from dashboard.reports.document import Document, Section
from dashboard.reports.figures import metrics_section, verdict_of
from dashboard.reports.findings import findings_section
from dashboard.reports.mistakes import files_section, labels_section, mistakes_section
from dashboard.reports.provenance import again, facts_of, reading_of


def report_of(
    run: Run,
    store: RunStore,
    findings: Sequence[Finding] | None,
    compare: str = "",
    made: datetime | None = None,
    doubtful: pd.DataFrame | None = None,
) -> Document:
    """The report about a run, or about the rows of it that its filter let pass.

    Args:
        run: loaded with at least `VIEW_COLUMNS`.
        findings: about the run, see `find`; None if they could not be made.
        compare: the id of a run to compare it with; the filter of the run holds for it, too.
        made: the time that the report states, with a time zone; None for now.
        doubtful: the rows that `label_issues` gives; None if they were not looked for.

    Raises:
        DatasetError: rows cannot be read, or the two runs cannot be compared.
    """
    m = run.manifest
    other = load_side(store.folder(compare), run.conditions, 1) if compare else None
    made = made or datetime.now(timezone.utc)
    annotations = store.folder(m.run_id).beside.readable_annotations()
    return Document(
        title=f"{m.model} on {m.dataset_name}",
        verdict=verdict_of(run),
        filter=f"Only these images: {in_words(run.conditions)}." if run.conditions else "",
        facts=facts_of(run, annotations, made),
        sections=tuple(section for section in _sections(run, store, findings, other, doubtful) if section),
        manifest=m,
        scores=run.scores,
    )


def _sections(
    run: Run,
    store: RunStore,
    findings: Sequence[Finding] | None,
    other: Run | None,
    doubtful: pd.DataFrame | None,
) -> Iterator[Section | None]:
    evaluation = run.evaluation()
    yield findings_section(run, findings, None if doubtful is None else len(doubtful))
    if not run.evaluated.empty:
        yield metrics_section(run)
    if other:
        yield comparison_section(run, other)
    if evaluation:
        yield confusion_section(evaluation, by_answers(run.conditions))
        yield classes_section(evaluation)
        yield confidence_section(run)
        yield mistakes_section(run, store)
        if doubtful is not None:
            yield labels_section(run, doubtful)
    yield files_section(run)
    yield reading_of(run.manifest)
    yield again(run, other)
