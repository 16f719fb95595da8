"""`python -m dashboard predict`: the class of each image."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from dashboard.cli.arguments import AsJson, FitChoice, Local, ModelRef, read_share, services
from dashboard.cli.output import (
    console,
    exit_code,
    failed_image,
    label_in_words,
    plain_text,
    print_json,
    read_image,
    say_failed,
    show,
    table_of,
)
from dashboard.cli.recording import tell_of_lost_records
from dashboard.core.errors import DashboardError, ImageError, concerns_one_image
from dashboard.core.files import readable_name
from dashboard.core.metrics.percent import percent
from dashboard.core.models.prediction import Failure
from dashboard.core.models.version import ModelVersion
from dashboard.schemas.errors import FailedImage
from dashboard.schemas.predictions import MOST_TOP_K, TOP_K, RankedPrediction
from dashboard.services import Services

if TYPE_CHECKING:
    from dashboard.core.history.answering import Answered
    from dashboard.core.images.preprocessing import Fit

_AT_ONCE = 16  # images that are read before the first answer is waited for


def predict(
    images: Annotated[list[Path], typer.Argument(readable=False, help="Image files; - is one on standard input.")],
    model: ModelRef = "",
    fit: FitChoice = None,
    top_k: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_TOP_K,
            help="How many of the most probable classes to list.",
            show_default=f"{TOP_K} in JSON, none in the table",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            parser=read_share,
            help="The least confidence of an answer that counts as sure, such as 0.8 or 80%.",
        ),
    ] = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Predict the class of each image. Exits with 1 if an image could not be predicted."""
    answers: list[RankedPrediction | FailedImage] = []
    opened: Services | None = None
    try:
        with console.status("Predicting ..."), services(local=local) as opened:
            opened.engine.start()
            version = opened.registry.get(model).fitting(cast("Fit | None", fit))
            for start in range(0, len(images), _AT_ONCE):
                paths = images[start : start + _AT_ONCE]
                asked = [_ask(opened, version, path) for path in paths]  # so that workers predict them together
                for path, coming in zip(paths, asked, strict=True):
                    answers.append(_answer(version, path, coming, top_k or TOP_K, threshold))
    except (DashboardError, OSError) as error:
        answers += [failed_image(path, error) for path in images[len(answers) :]]
    if opened and any(isinstance(answer, RankedPrediction) for answer in answers):
        tell_of_lost_records(opened.history)
    if as_json:
        print_json(answers)
    else:
        _show(answers, with_top=top_k is not None, with_sure=threshold is not None)
    raise typer.Exit(exit_code(answers))


def _ask(opened: Services, version: ModelVersion, path: Path) -> Future[list[Answered]]:
    """The answer for one image, as soon as it is there."""
    try:
        image = read_image(path)
    except ImageError as error:
        unread: Future[list[Answered]] = Future()
        unread.set_exception(error)
        return unread
    name = readable_name(str(path))
    return opened.answering.predict_later(version, [image], "command", opened.visitor.called, [name])


def _answer(
    version: ModelVersion, path: Path, coming: Future[list[Answered]], top_k: int, threshold: float | None
) -> RankedPrediction | FailedImage:
    """The record of one answer. Raises DashboardError if no other image can be predicted either."""
    try:
        [found] = coming.result()
    except DashboardError as error:
        if not concerns_one_image(error):
            raise
        return failed_image(path, error)
    if isinstance(found.answer, Failure):
        return failed_image(path, found.answer)
    return RankedPrediction.of(str(path), version, found.answer, found.prediction_id, found.cached, top_k, threshold)


def _show(answers: Sequence[RankedPrediction | FailedImage], with_top: bool, with_sure: bool) -> None:
    """Prints the answers as a table, and on standard error why the other images have none."""
    predicted = [answer for answer in answers if isinstance(answer, RankedPrediction)]
    with_notes = any(answer.notes for answer in predicted)
    more_titles = {"sure": with_sure, "top": with_top, "notes": with_notes}
    table = table_of("file", "predicted", "confidence", *(title for title, is_shown in more_titles.items() if is_shown))
    for answer in predicted:
        top = ", ".join(f"{each.label} {percent(each.probability)}" for each in answer.top)
        more = (["yes" if answer.sure else "no"] if with_sure else []) + ([plain_text(top)] if with_top else [])
        more += [plain_text(" ".join(answer.notes))] if with_notes else []
        table.add_row(plain_text(answer.file), plain_text(label_in_words(answer)), percent(answer.confidence), *more)
    if predicted:
        show(table)
    say_failed(answers)
