"""`python -m dashboard models`: list, add and choose model versions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from rich.text import Text

from dashboard.cli.arguments import AsJson, services
from dashboard.cli.model_table import markdown_table
from dashboard.cli.output import console, plain_text, print_json, say, show, stop, table_of
from dashboard.core.errors import BrokenVersionError, DashboardError, ModelError, listed
from dashboard.core.explanations.methods import PIXEL_METHODS
from dashboard.core.images.preprocessing import (
    OTHER_NAMES,
    RESAMPLE_NAMES,
    SCALINGS,
    ColorMode,
    Fit,
    Resample,
    size_in_words,
)
from dashboard.core.labels.class_names import read_class_names
from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.metrics.percent import percent
from dashboard.core.models.adding import NewModel, add_model, read_input_size
from dashboard.core.models.health import check_weights, in_a_word
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import BrokenVersion, ModelVersion
from dashboard.core.shell import in_command
from dashboard.schemas.models import ListedModel, ModelRecord, RecalibrationRecord
from dashboard.services import Services

models_app = typer.Typer(invoke_without_command=True, help="List, add and choose model versions.")


@models_app.callback()
def models(
    context: typer.Context,
    as_json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the README's table of measured versions.")
    ] = False,
) -> None:
    """List the model versions."""
    if context.invoked_subcommand:
        if as_json or markdown:
            raise typer.BadParameter(f"Write options after {context.invoked_subcommand!r}, not before it.")
        return
    if as_json and markdown:
        raise typer.BadParameter("Give either --json or --markdown, not both.")
    _list(as_json, markdown)


@models_app.command("list")
def models_list(as_json: AsJson = False) -> None:
    """List the model versions, as `models` alone does."""
    _list(as_json)


def _list(as_json: bool, markdown: bool = False) -> None:
    opened = services()
    known = opened.registry
    active, why_none = _active(known)
    faults: list[tuple[ModelVersion | BrokenVersion, ModelError | None]]
    if markdown:
        _print_markdown(opened)
        faults = [(broken, broken.error) for broken in known.broken()]
    else:
        faults = [
            (each, each.error if isinstance(each, BrokenVersion) else opened.health.check(each))
            for each in known.entries()
        ]
        if as_json:
            print_json([ListedModel.of_entry(each, each.ref == active, fault) for each, fault in faults])
        else:
            _show_table(faults, active)
    for fault in (*(fault for _, fault in faults if fault), *why_none):
        say(str(fault), "red")


def _active(known: Registry) -> tuple[str, list[ModelError]]:
    """NAME@VERSION of the active version, also if it is broken; "" if there is none, with the reason."""
    try:
        return known.active().ref, []
    except BrokenVersionError as error:
        return error.ref, []  # the reason is listed with the version
    except ModelError as error:
        return "", [error]


def _show_table(versions: Sequence[tuple[ModelVersion | BrokenVersion, ModelError | None]], active: str) -> None:
    """Prints all versions, with what is wrong with those that cannot be used."""
    table = table_of("model", "version", "active", "input", "classes", "accuracy", "state")
    for v, fault in versions:
        known = ["", "", ""]
        if isinstance(v, ModelVersion):
            accuracy = percent(v.accuracy) if v.accuracy else "not measured"
            known = ["x".join(map(str, v.input_shape)), str(len(v.class_names)), accuracy]
        is_active = "yes" if v.ref == active else ""
        state = Text(in_a_word(fault), "red") if fault else "ok"
        table.add_row(plain_text(v.name), plain_text(v.version), is_active, *known, state)
    show(table)


def _print_markdown(opened: Services) -> None:
    measured = [version for version in opened.registry.versions() if "accuracy" in version.metrics]
    try:
        with opened, console.status("Measuring the speed of each model ..."):
            facts = {version.ref: opened.inference.describe(version) for version in measured}
    except DashboardError as error:
        stop(error, as_json=False)
    sys.stdout.writelines(f"{line}\n" for line in markdown_table(measured, facts))


@models_app.command("use")
def models_use(ref: Annotated[str, typer.Argument(help="NAME or NAME@VERSION.")], as_json: AsJson = False) -> None:
    """Make a version the active one: it is used when no version is named."""
    opened = services()
    settings, known = opened.settings, opened.registry
    try:
        check_weights(known.get(ref))
        version = known.activate(ref)
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json(ModelRecord.of_version(version, active=known.active_ref() == version.ref))
    show(f"{version.ref} is now active.")
    if settings.model:
        say(f"But DASHBOARD_MODEL={settings.model} is set and takes precedence.", "yellow")


@models_app.command("add")
def models_add(
    file: Annotated[
        Path,
        typer.Argument(
            help="A .keras or .h5 file, a SavedModel folder, or a ZIP of one (Teachable Machine), from someone you trust."
        ),
    ],
    name: Annotated[str, typer.Option(help="Name of the model; an existing name gets a new version.")],
    class_names: Annotated[
        str, typer.Option(help="In the order of the outputs: a,b,c, or a file: labels.txt, class_indices.json, a CSV.")
    ] = "",
    scale: Annotated[
        str,
        typer.Option(
            help=f"Scaling of pixel values: {', '.join(SCALINGS)}; if empty, found from the model's layers or from samples."
        ),
    ] = "",
    samples: Annotated[
        Path | None,
        typer.Option(
            help="Labelled pictures of its classes, such as one folder per class: the scalings are tried on them."
        ),
    ] = None,
    fit: Annotated[
        str,
        typer.Option(
            help=f"How an image of other proportions is fitted to the input size: {', '.join(get_args(Fit))}."
        ),
    ] = "stretch",
    resample: Annotated[
        str,
        typer.Option(
            help="How images of another size are resized, which the file does not tell. bilinear: if the model was trained "
            "with image_dataset_from_directory or tf.image.resize. nearest: if with load_img or ImageDataGenerator. "
            "Otherwise lanczos, which is antialiased, as the resizing of torchvision is."
        ),
    ] = "lanczos",
    color: Annotated[
        str, typer.Option(help=f"Channels: {', '.join(get_args(ColorMode))}; taken from the model if empty.")
    ] = "",
    output: Annotated[
        str, typer.Option(help="Name of the output that gives the classes, if the model has several outputs.")
    ] = "",
    input_size: Annotated[
        str, typer.Option(help="HEIGHTxWIDTH, such as 64x96, for a model that accepts any size.")
    ] = "",
    memory_gb: Annotated[
        float, typer.Option(min=0.0, help="Limit on the memory for loading; 0: chosen by the file's size.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Add a Keras image classifier made elsewhere."""
    _check_choice("--scale", scale, (*SCALINGS, *OTHER_NAMES))
    _check_choice("--fit", fit, get_args(Fit))
    _check_choice("--resample", resample, get_args(Resample))
    _check_choice("--color", color, get_args(ColorMode))
    opened = services()
    settings, known = opened.settings, opened.registry
    active = known.active_ref()
    try:
        with console.status("Checking the file ..."):
            new = NewModel(
                file,
                name,
                read_class_names(class_names) if class_names else None,
                scale or None,
                cast(Fit, fit),
                cast(ColorMode, color) if color else None,
                read_input_size(input_size) if input_size else None,
                int(memory_gb * 2**30) or None,
                output or None,
                samples,
                cast(Resample, resample),
            )
            version = add_model(new, known, settings.samples_dir, PIXEL_METHODS, settings.worker_start_s)
        _keep_active(opened, active, version.ref)
        is_active = known.active_ref() == version.ref
    except DashboardError as error:
        stop(error, as_json)
    for note in version.provenance.get("notes", ()):
        say(note, "yellow")
    if as_json:
        print_json(ModelRecord.of_version(version, is_active))
    show(_what_was_found(version))
    show(f"Added {version.ref}. Try it: python -m dashboard predict IMAGE --model {in_command(version.ref)}")


def _what_was_found(version: ModelVersion) -> str:
    """How the version will be served, in a sentence."""
    recipe = version.preprocessing
    color = {"rgb": "colour pictures (RGB)", "bgr": "colour pictures (BGR)", "grayscale": "gray pictures"}[recipe.color]
    outputs = "as logits, and a softmax makes probabilities of them"
    if version.output == "probabilities":
        outputs = "as probabilities"
    fitted = {"stretch": "stretched to it", "center-crop": "cropped", "pad": "padded with black"}[recipe.fit]
    return (
        f"It takes {color} of {size_in_words(recipe.height, recipe.width)}, in the scaling {recipe.scaling_name}. A picture with "
        f"other proportions is {fitted}. Pictures of another size are resized ({RESAMPLE_NAMES[recipe.resample]}), see --resample. "
        f"Its outputs for the {len(version.class_names):,} classes, in the order "
        f"{listed(version.class_names)}, are taken {outputs}."
    )


@models_app.command("recalibrate")
def models_recalibrate(
    ref: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="The version to recalibrate.")],
    run: Annotated[str, typer.Option("--run", metavar="RUN_ID", help="An evaluation of this version, with labels.")],
    as_json: AsJson = False,
) -> None:
    """Fit the temperature of a model to an evaluation and store it as a new version.

    A random half of the labelled images fits the temperature. The other half checks it: the version is only stored if its log
    loss there is significantly lower.
    """
    from dashboard.core.analysis.findings.evidence import Evidence
    from dashboard.core.analysis.findings.labels import instead_of_overconfidence
    from dashboard.core.evaluation.recalibration import recalibrate
    from dashboard.core.runs.rows import VIEW_COLUMNS

    opened = services()
    active = opened.registry.active_ref()
    try:
        done = recalibrate(opened.registry, opened.registry.get(ref), opened.runs, run)
        _keep_active(opened, active, done.version.ref)
        perhaps = instead_of_overconfidence(Evidence(opened.runs.folder(run).load(VIEW_COLUMNS)))
        if perhaps and done.refit.temperature > done.refit.temperature_before:
            say(
                f"{perhaps} If labels are wrong, the new temperature is too high. Look at them: "
                f"`python -m dashboard runs label-issues {in_command(run)}`.",
                "yellow",
            )
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json(RecalibrationRecord.of_result(done, run))
    found = done.refit
    table = table_of("", "before", "after")
    table.add_row("temperature", f"{found.temperature_before:.3f}", f"{found.temperature:.3f}")
    table.add_row("ECE", percent(found.before.ece, 2), percent(found.after.ece, 2))
    table.add_row("mean log loss", f"{found.before.nll:.4f}", f"{found.after.nll:.4f}")
    show(table)
    show(
        f"Fitted on {found.n_fit:,} labelled images, measured on {found.n_check:,} others. Predicted classes stay the same."
    )
    if note := BY_NAME["ece15"].chance_note(found.n_check):
        show(f"The ECE has {note}.")
    show(found.in_words(), "bold")
    show(f"Added {done.version.ref}.")


def _keep_active(opened: Services, active: str, added: str) -> None:
    """Makes `active` the active version again if the version `added` took its place. Raises DashboardError."""
    if opened.registry.active_ref() == active:
        return
    if opened.settings.model:
        say(f"DASHBOARD_MODEL={opened.settings.model} is set. From now on it means {added}.", "yellow")
    elif active:  # a new version of the active model, or a name that comes before it
        opened.registry.activate(active)
        say(
            f"{active} stays active. To use {added} when no version is named, run "
            f"`python -m dashboard models use {in_command(added)}`."
        )


def _check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    if value and value not in choices:
        raise typer.BadParameter(f"It must be one of: {', '.join(choices)}.", param_hint=option)
