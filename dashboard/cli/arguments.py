"""Options of several commands, and the services of a command."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.core.engine.launching import forks, template
from dashboard.core.engine.socket_path import socket_path
from dashboard.core.settings import get_settings

if TYPE_CHECKING:
    from dashboard.services import Services

LabelMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="What a label means: LABEL=CLASS, LABEL= to leave it out, 'LABEL=(no label)' to predict only, or a JSON "
        "file of these. '*' stands for every label that matches no class.",
    ),
]
LabelsFrom = Annotated[
    int | None,
    typer.Option("--labels-from", min=0, max=1, help="Whether labels that are numbers count from 0 or from 1."),
]
Split = Annotated[
    str,
    typer.Option(
        "--split",
        metavar="NAME",
        help="test, train, val or all; none if the folders of these names are classes. test when not given, if there is "
        "one.",
    ),
]
LabelColumn = Annotated[
    str, typer.Option("--label-column", metavar="NAME", help="The column of the table that holds the labels.")
]
ZipEncoding = Annotated[
    str,
    typer.Option("--zip-encoding", metavar="NAME", help="Encoding of the file names in a ZIP, such as gbk or cp437."),
]


def _known_fit(fit: str | None) -> str | None:
    from dashboard.core.images.preprocessing import FIT_NAMES  # not at the top: it needs NumPy, see `services`

    if fit is not None and fit not in FIT_NAMES:
        raise typer.BadParameter(f"It must be one of: {', '.join(FIT_NAMES)}.")
    return fit


def read_share(given: str | float) -> float:
    """`0.93` or `93%`, in [0, 1]. Raises typer.BadParameter for anything else: 93 may be meant either way."""
    text = str(given).strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = math.nan
    share = number / 100 if text.endswith("%") else number
    if 0 <= share <= 1:
        return share
    if 1 < number <= 100 and share == number:
        raise typer.BadParameter(f"{text} is not between 0 and 1. Write {text}% if you mean percent.")
    raise typer.BadParameter(f"{text!r} is not between 0 and 1. Write a share as 0.93 or 93%.")


FitChoice = Annotated[
    str | None,
    typer.Option(
        "--fit",
        metavar="FIT",
        help="How a picture with other proportions than the model's input is made to fit: stretch, center-crop or pad; as "
        "the model was trained when not given.",
        callback=_known_fit,
    ),
]
RunId = Annotated[str, typer.Argument(metavar="RUN_ID")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Only images for which this holds, such as true_label=cat, confidence<0.7, correct=no, file~holiday. "
        "!= also keeps images without a value. Repeat it for more conditions, which must all hold.",
    ),
]
Junit = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE.xml", help="Also write the checks as JUnit XML, for CI systems.")
]


def _keep_for_json(chosen: bool) -> bool:
    from dashboard.cli.output import keep_for_json  # not at the top: the help does not need it

    return keep_for_json(chosen)


AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, and nothing else there.", callback=_keep_for_json)
]

ModelRef = Annotated[str, typer.Option("--model", help="NAME or NAME@VERSION; the active one when not given.")]
Local = Annotated[
    bool, typer.Option("--local", help="Start own workers, even if a dashboard with the same data folder is running.")
]


def prepare_workers() -> None:
    """Begins to import TensorFlow in another process, unless there may be a dashboard whose workers do the work."""
    settings = get_settings()
    path = socket_path(settings)
    if forks() and not settings.cluster and not (path and path.exists()):
        template.begin()


def services(workers: int | None = 1, local: bool = True) -> Services:
    """The services of a command, see `open_for_command`."""
    from dashboard.services import open_for_command  # not at the top: doctor must start even if NumPy is broken

    return open_for_command(get_settings(), workers, local)
