"""Checks each model version: its file, loading it, and a self-test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

from dashboard.core.diagnostics.checks import Check, without_full_stop
from dashboard.core.diagnostics.context import CheckContext, Step
from dashboard.core.errors import BrokenVersionError, Code, DashboardError, DatasetError, ModelError, WorkerError
from dashboard.core.images.preprocessing import SCALINGS
from dashboard.core.labels.matching import match_labels
from dashboard.core.metrics.percent import percent
from dashboard.core.models.facts import ModelFacts
from dashboard.core.models.health import ModelHealth
from dashboard.core.models.inference import Inference
from dashboard.core.models.name_order import OtherNames, other_names
from dashboard.core.models.registry import Registry
from dashboard.core.models.samples import kept_samples, read_samples
from dashboard.core.models.scalings import better_scaling, try_others
from dashboard.core.models.self_test import LabelledFile, SelfTest, clearly_better, judge, self_test
from dashboard.core.models.version import BrokenVersion, ModelVersion, how_to_activate
from dashboard.core.shell import ROOT, in_command, set_variable

LATENCY = "Median latency, warm"
ACCURACY = "Accuracy on samples"
_TENSORFLOW = "TensorFlow is not usable"
_FILE = "its file is damaged or missing"
_LOAD = "it cannot be loaded"
_SEE_PACKAGES = "A package cannot be imported: mend what the checks of the packages say."
_FIX_BY_HAND = (
    "No other input scaling mends it. Compare the order of class_names, and color, in its model.json with how the model was "
    "trained; or use another version."
)
_FIXES_OF_LOADING: dict[Code, str] = {
    "worker_unavailable": "No worker process can be started: see the checks of the workers.",
    "worker_hung": f"Allow more time, for example `{set_variable('DASHBOARD_TASK_S', 600)}`, or use a smaller model.",
    "out_of_memory": f"Give it more memory, or use fewer workers: `{set_variable('DASHBOARD_WORKERS', 1)}`.",
    "task_failed": "It cannot be served as it is: save it again with this version of Keras, or use another one.",
}


def steps(context: CheckContext) -> list[Step]:
    """The steps of every version: its file, loading it, and a self-test. After a failed check, the next are skipped."""
    registry = context.registry
    samples = cache(lambda: read_samples(context.settings.samples_dir))
    found = [step for version in _active_first(registry) for step in _steps_of(version, samples)]
    found += [Step(f"model.{v.ref}.file", "models", v.ref, partial(_broken, v)) for v in registry.broken()]
    files = tuple(step.id for step in found if step.id.endswith(".file"))
    active = Step("model.active", "models", "the active model", lambda given: list(_check_active(given)), after=files)
    return [*found, active]


def _steps_of(version: ModelVersion, samples: Callable[[], list[LabelledFile]]) -> list[Step]:
    ref = version.ref
    file, load, test = (f"model.{ref}.{part}" for part in ("file", "load", "self_test"))

    def check_loading(context: CheckContext) -> list[Check]:
        if why := _why_not(version, context):
            return [_skipped(version, "load", why)]
        return [check_load(version, context.inference, context.health)]

    def check_answers(context: CheckContext) -> list[Check]:
        if why := _why_not(version, context):
            return [_skipped(version, "self_test", why)]
        return [check_self_test(version, context.inference, kept_samples(version.folder) or samples())]

    return [
        Step(file, "models", f"the file of {ref}", lambda context: [check_file(version, context.health)]),
        Step(load, "models", f"whether {ref} loads", check_loading, on_worker=True, after=(file,)),
        Step(test, "models", f"{ref} on labelled samples", check_answers, on_worker=True),
    ]


def _active_first(registry: Registry) -> list[ModelVersion]:
    active = registry.active_ref()
    return sorted(registry.versions(), key=lambda version: version.ref != active)


def _broken(version: BrokenVersion, context: CheckContext) -> list[Check]:
    error = version.error
    return [Check(f"model.{version.ref}.file", "models", "error", without_full_stop(error.message), error.fix)]


def _check_active(context: CheckContext) -> Iterator[Check]:
    """Says which version is used by default, and whether its file is sound."""
    try:
        version = context.registry.active()
    except BrokenVersionError:
        return  # it has a check of its own
    except DashboardError as error:
        yield Check("model.active", "models", "error", without_full_stop(error.message), error.fix)
        return
    used = f"{version.ref} is used when no version is named"
    if context.failed(f"model.{version.ref}.file"):  # which is the error; this is no second one
        yield Check("model.active", "models", "skipped", f"{used}, but cannot answer: {_FILE}")
    else:
        yield Check("model.active", "models", "ok", used)


def _why_not(version: ModelVersion, context: CheckContext) -> str:
    """Why earlier checks say that the version cannot be used; "" if they do not."""
    if not context.tensorflow_works:
        return _TENSORFLOW
    return next(
        (why for part, why in (("file", _FILE), ("load", _LOAD)) if context.failed(f"model.{version.ref}.{part}")), ""
    )


def check_file(version: ModelVersion, health: ModelHealth) -> Check:
    """Checks that model.keras is the file that model.json describes."""
    check_id = f"model.{version.ref}.file"
    fault = health.check(version)
    if fault and fault.code in ("model_missing", "model_unreadable"):
        return Check(check_id, "models", "error", without_full_stop(fault.message), fault.fix)
    details = (
        ("File", str(version.file)),
        ("Size", f"{version.file.stat().st_size:,} bytes"),
        ("SHA-256 in model.json", version.sha256),
    )
    if fault and fault.code == "checksum":
        return Check(check_id, "models", "error", without_full_stop(fault.message), fault.fix, details)
    summary = f"{version.ref}: {version.file.name} is as model.json describes"
    return Check(check_id, "models", "ok", summary, "", details)


def check_load(version: ModelVersion, inference: Inference, health: ModelHealth) -> Check:
    """Loads the version in a worker, and notes for other pages whether that works."""
    check_id = f"model.{version.ref}.load"
    try:
        facts = inference.describe(version)
    except WorkerError as error:
        remove = (
            f"Its file ends the worker process: remove the folder {_shown(version.folder)}, then add the model again."
        )
        fix = _FIXES_OF_LOADING.get(error.code, remove)
        return Check(check_id, "models", "error", f"{version.ref}: {without_full_stop(error.message)}", fix)
    except DashboardError as error:
        fix = _fix_shape(version) if error.code == "model_shape" else error.fix
        if isinstance(error, ModelError):
            health.note(version, ModelError(error.message, fix, error.code))
        return Check(check_id, "models", "error", without_full_stop(error.message), fix)
    health.note(version, None)
    summary = f"{version.ref} loads in {facts.load_s:.1f} s and answers in {facts.latency_ms:.1f} ms"
    return Check(check_id, "models", "ok", summary, "", _details(facts))


def _details(facts: ModelFacts) -> tuple[tuple[str, str], ...]:
    return (
        ("Input", _shape(facts.input_shape)),
        ("Output", _shape(facts.output_shape)),
        ("Parameters", f"{facts.parameters:,}"),
        ("Layers", f"{facts.layers:,}"),
        ("Layers that can be explained", f"{len(facts.conv_layers):,}"),
        ("Load time", f"{facts.load_s:.2f} s"),
        (LATENCY, f"{facts.latency_ms:.1f} ms"),
        ("Throughput, warm", f"{facts.images_per_second:,.0f} images per second in one worker"),
        ("Precision of predictions", facts.precision),
    )


def _shape(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if side is None else str(side) for side in shape)


def check_self_test(version: ModelVersion, inference: Inference, samples: Sequence[LabelledFile]) -> Check:
    """Predicts the labelled samples. If many are wrong, tries whether other class names or another scaling fix this."""
    if not samples:
        return _skipped(version, "self_test", "there are no sample images")
    if unknown := match_labels((s.label for s in samples), version.class_names).unknown:
        return _skipped(version, "self_test", f"it has no class {unknown[0]!r}, as the samples have")
    check_id = f"model.{version.ref}.self_test"
    try:
        found = self_test(version, samples, inference.predict)
        verdict = judge(found, version)
        may_be_better = verdict.status != "ok" or "original_file" in version.provenance  # ours were measured
        tests = try_others(version, samples, inference.predict) if may_be_better else {}
    except DatasetError as error:
        return Check(check_id, "models", "warning", without_full_stop(error.message), error.fix)
    except DashboardError as error:
        fix = error.fix or (_SEE_PACKAGES if "ImportError" in error.message else "")
        return Check(check_id, "models", "error", without_full_stop(error.message), fix)
    details = (
        (ACCURACY, f"{found.accuracy} of {found.accuracy.n}"),
        ("Most frequent answer", f"{found.answer}, {percent(found.share, 0)}"),
        ("Input scaling", version.preprocessing.scaling_name),
    )
    mine = version.preprocessing.scaling_name
    names = other_names({mine: found, **tests}, mine) if may_be_better else None
    better = better_scaling(tests, version, found)
    if better and names and clearly_better(names.test, better[1]):
        better = None
    if names is None and better is None:
        fix = "" if verdict.status == "ok" else f"{_FIX_BY_HAND} {how_to_activate('NAME@VERSION')}"
        return Check(check_id, "models", verdict.status, verdict.summary, fix, details)
    status = "warning" if verdict.status == "ok" else verdict.status
    summary = verdict.summary
    if names:
        summary += f"; {names}"
    if better:
        scaling, test = better
        summary += f"; with the input scaling {scaling!r} it is right for {test.accuracy}"
    return Check(check_id, "models", status, summary, _fix_answers(version, names, better), details)


def _fix_answers(version: ModelVersion, names: OtherNames | None, better: tuple[str, SelfTest] | None) -> str:
    """What to do if other class names or another scaling would be better, or if either would."""
    both = names is not None and better is not None
    parts = [
        "Either the class names are in the wrong order or the pixels are scaled wrongly: ask how it was trained."
    ] * both
    if names:
        parts.append("If it is the class names:" if both else "The class names are in the wrong order.")
        parts.append(_set_again(version, names.scaling, names))
    if better:
        parts.append("If it is the scaling:" if both else "The pixels are scaled wrongly.")
        parts.append(_set_again(version, better[0]))
    return " ".join(parts)


def _set_again(version: ModelVersion, scaling: str, names: OtherNames | None = None) -> str:
    """How to give the version another scaling, and the class names in another order."""
    record = _shown(version.folder / "model.json")
    changes = []
    if names:
        changes.append("class_names to " + (json.dumps(names.names) if names.names else "their right order"))
    if scaling != version.preprocessing.scaling_name:
        known = SCALINGS[scaling]
        values = f'"scale": {known.scale!r}, "mean": {list(known.mean)}, "std": {list(known.std)}'
        if color := known.color or ("rgb" if version.preprocessing.color == "bgr" else None):
            values += f', "color": "{color}"'
        changes.append(f"{values} under preprocessing")
    add = _add_again(version, names.option if names else None)
    if scaling in SCALINGS:
        add += f" --scale {in_command(scaling)}"
    return f"In {record}, set {' and '.join(changes)}. Or add the model again with `{add}`."


def _fix_shape(version: ModelVersion) -> str:
    return (
        f"Make height, width, color and class_names in {_shown(version.folder / 'model.json')} those of the model, "
        f"or add it again with `{_add_again(version)}`."
    )


def _add_again(version: ModelVersion, names: str | None = None) -> str:
    """The command that adds the version again, with the option that gives other class names."""
    names = names or f"--class-names {in_command(','.join(version.class_names))}"
    recipe = version.preprocessing
    fit = "" if recipe.fit == "stretch" else f" --fit {recipe.fit}"
    resample = "" if recipe.resample == "lanczos" else f" --resample {recipe.resample}"
    file, name = in_command(_shown(version.file)), in_command(version.name)
    return f"python -m dashboard models add {file} --name {name} {names}{fit}{resample}"


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _skipped(version: ModelVersion, part: str, why: str) -> Check:
    what = "loading" if part == "load" else "self-test"
    return Check(f"model.{version.ref}.{part}", "models", "skipped", f"{version.ref}, {what} skipped: {why}")
