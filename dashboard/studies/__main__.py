"""python -m dashboard.studies: are the heatmaps of each method faithful to a model, on many images?"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from dashboard.cli.output import progress
from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.errors import DashboardError, DatasetError, ImageError
from dashboard.core.explanations.methods import METHODS, get_method
from dashboard.core.images.preprocessing import fit_image
from dashboard.core.labels.matching import match_labels
from dashboard.core.models.registry import Registry
from dashboard.core.settings import get_settings
from dashboard.studies.study import MethodStudy, study
from dashboard.worker.models.loading import LoadedModel, load

READ_AT_A_TIME = 128
VERDICTS = {
    "better": "better than both controls",
    "mixed": "better than random only",
    "chance": "no better than chance",
}


def correctly_classified(model: LoadedModel, dataset: Dataset, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Up to `count` images that the model is right about, in an order that is random but always the same.

    Returns:
        Images (N, height, width, 3) uint8 and their class ids (N,).

    Raises:
        DatasetError: there are none.
    """
    names = model.version.class_names
    class_of = match_labels((s.label for s in dataset.samples if s.label), names).class_of
    known = [
        (sample.index, names.index(meant))
        for sample in dataset.samples
        if sample.label and (meant := class_of.get(sample.label))
    ]
    order = np.random.default_rng(0).permutation(len(known))
    images: list[np.ndarray] = []
    targets: list[int] = []
    for start in range(0, len(order), READ_AT_A_TIME):
        part, labels = [], []
        for place in order[start : start + READ_AT_A_TIME]:
            index, class_id = known[place]
            try:
                part.append(fit_image(dataset.image(index), model.version.preprocessing))
                labels.append(class_id)
            except ImageError:
                continue
        for image, label, prediction in zip(part, labels, model.predict(np.stack(part)) if part else [], strict=True):
            if prediction.class_id == label:
                images.append(image)
                targets.append(label)
        if len(images) >= count:
            break
    if not images:
        raise DatasetError("The model is right about none of these images.", "Choose labelled images that it knows.")
    return np.stack(images[:count]), np.array(targets[:count])


def markdown(studies: Sequence[MethodStudy]) -> str:
    """The README's table."""
    head = "| method | insertion - deletion | over random maps | over a centred Gaussian | average drop | shuffled weights | verdict |"
    rows = [
        f"| {METHODS[s.method].title} | {s.score.value:.3f} | {s.over_random} | {s.over_gaussian} "
        f"| {s.average_drop:.0%} | {'' if s.spearman is None else f'{s.spearman:.2f}'} | {_in_words(s)} |"
        for s in studies
    ]
    return "\n".join([head, "|---" * 7 + "|", *rows])


def _in_words(found: MethodStudy) -> str:
    if found.needs_what_was_learnt is False:
        return f"{VERDICTS[found.verdict]}, but alike with shuffled weights"
    return VERDICTS[found.verdict]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dashboard.studies", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="a ZIP or folder of class folders, or the CIFAR-10 archive"
    )
    parser.add_argument("--model", default="", metavar="NAME[@VERSION]", help="the active one by default")
    parser.add_argument(
        "--methods", nargs="+", default=list(METHODS), metavar="METHOD", help=f"of {', '.join(METHODS)}"
    )
    parser.add_argument("--images", type=int, default=500, help="correctly classified ones (default: 500)")
    parser.add_argument("--randomized", type=int, default=32, help="of them also explained with shuffled weights")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--markdown", action="store_true", help="print the README's table (the default)")
    output.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


def main() -> int:
    """Returns the exit status."""
    args = _arguments()
    settings = get_settings()
    try:
        methods = [get_method(name).name for name in args.methods]
        model = load(Registry.of(settings).get(args.model))
        images, targets = correctly_classified(model, open_dataset(args.data), args.images)
        randomized = min(args.randomized, len(images))
        with progress() as bar:
            task = bar.add_task(model.version.ref, total=len(images) + randomized, rate="")
            studies = study(model, images, targets, methods, randomized, lambda n: bar.advance(task, n))
    except DashboardError as error:
        print(error, file=sys.stderr)
        return 1
    if args.json:
        records = [
            {**asdict(s), "verdict": s.verdict, "needs_what_was_learnt": s.needs_what_was_learnt} for s in studies
        ]
        print(json.dumps({"model": model.version.ref, "data": args.data.name, "methods": records}, indent=2))
    else:
        print(f"{model.version.ref}, {len(images):,} correctly classified images of {args.data.name}\n")
        print(markdown(studies))
    return 0


if __name__ == "__main__":
    sys.exit(main())
