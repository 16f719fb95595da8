"""Ten faults, planted into runs of a simulated model. Each is a function from a seed to a run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.simulated_runs import NAMES, Simulated, clean, with_labels

CAT, DOG, TRUCK = (NAMES.index(name) for name in ("cat", "dog", "truck"))


def wrong_order(seed: int) -> Simulated:
    """The labels count from another start: each lies one class further."""
    run = clean(seed)
    return replace(run, true=(run.true + 1) % 10)


def two_classes_swapped(seed: int) -> Simulated:
    run = clean(seed)
    order = np.arange(10)
    order[[CAT, DOG]] = DOG, CAT
    return replace(run, true=order[run.true])


def never_predicted(seed: int) -> Simulated:
    """The model knows nothing of trucks: what it gave to them goes to the next likely class."""
    run = clean(seed)
    probs = run.pred_probs.copy()
    probs[:, TRUCK] = 0
    return replace(run, pred_probs=probs / probs.sum(axis=1, keepdims=True))


def repeated_images(seed: int) -> Simulated:
    """23 images appear twice."""
    run = clean(seed)
    return run.take(np.concatenate([np.arange(len(run)), np.arange(40, 63)]))


def mislabelled_class(seed: int) -> Simulated:
    """A third of the dogs is labelled as cat."""
    run = clean(seed)
    dogs = np.flatnonzero(run.true == DOG)
    true = run.true.copy()
    true[dogs[::3]] = CAT
    return replace(run, true=true)


def overconfident(seed: int) -> Simulated:
    """The probabilities are sharpened, as after training for too long."""
    rng = np.random.default_rng(seed)
    run = with_labels(0.3 * np.full((2000, 10), 0.1) + 0.7 * clean(seed).pred_probs, rng)
    sharp = run.pred_probs**2.5
    return replace(run, pred_probs=sharp / sharp.sum(axis=1, keepdims=True))


def confident_mistakes(seed: int) -> Simulated:
    """Of 200 images, 12 that the model is sure about have another label, too few to tell wrong labels from overconfidence."""
    run = clean(seed).take(np.arange(200))
    sure = np.flatnonzero((run.pred_probs.max(axis=1) > 0.95) & (run.true == run.predicted))[:12]
    true = run.true.copy()
    true[sure] = run.pred_probs[sure].argsort(axis=1)[:, -2]
    return replace(run, true=true)


def rare_class(seed: int) -> Simulated:
    """Of the trucks, 12 are left."""
    run = clean(seed)
    trucks = np.flatnonzero(run.true == TRUCK)
    return run.take(np.setdiff1d(np.arange(len(run)), trucks[12:]))


def confused_pair(seed: int) -> Simulated:
    """A quarter of the dogs looks like cats to the model, which is not sure of them."""
    run = clean(seed)
    dogs = np.flatnonzero(run.true == DOG)[::4]
    probs, rng = run.pred_probs.copy(), np.random.default_rng(seed)
    probs[dogs] = 0.005
    cat = rng.uniform(0.5, 0.7, len(dogs))
    probs[dogs, CAT], probs[dogs, DOG] = cat, 0.96 - cat
    return replace(run, pred_probs=probs)


def unfamiliar(seed: int) -> Simulated:
    """A third of the images shows other things."""
    run, rng = clean(seed), np.random.default_rng(seed)
    return replace(run, doubt=rng.random(len(run)) < np.where(np.arange(len(run)) % 3, 0.05, 0.8))


def wrong_pixels(seed: int) -> Simulated:
    """Whatever the image is, the model sees a frog, or now and then a bird."""
    run, rng = clean(seed), np.random.default_rng(seed)
    probs = run.pred_probs[:, rng.permutation(10)] * 0.1
    probs[:, NAMES.index("frog")] += rng.beta(5, 2, len(run)) * 4
    probs[:, NAMES.index("bird")] += rng.beta(2, 5, len(run)) * 4
    return replace(run, pred_probs=probs / probs.sum(axis=1, keepdims=True))


def unreadable(seed: int) -> Simulated:
    """One file in fifty is damaged."""
    run = clean(seed)
    return replace(run, failed=np.arange(len(run)) % 50 == 7)


def depends_on_brightness(seed: int) -> Simulated:
    """Of the darkest images, a third is seen as some other class."""
    run, rng = clean(seed), np.random.default_rng(seed)
    dark = np.flatnonzero((run.properties["brightness"] < 0.3) & (rng.random(len(run)) < 1 / 3))
    probs = run.pred_probs.copy()
    for i in dark:
        probs[i] = np.roll(probs[i], rng.integers(1, 10))
    return replace(run, pred_probs=probs)


FAULTS = {
    wrong_order: "wrong_order",
    two_classes_swapped: "wrong_order",
    never_predicted: "never_predicted",
    repeated_images: "repeated_images",
    mislabelled_class: "mislabelled_class",
    overconfident: "overconfident",
    confident_mistakes: "confident_mistakes",
    rare_class: "rare_class",
    confused_pair: "confused_pair",
    wrong_pixels: "wrong_pixels",
    unreadable: "unreadable",
    unfamiliar: "unfamiliar",
    depends_on_brightness: "depends_on_property",
}
