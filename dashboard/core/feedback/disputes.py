"""Images about which users contradict each other, also if they spoke about different predictions of the same image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from dashboard.core.feedback.opinion import Opinion


def image_of(opinion: Opinion) -> str:
    """What tells the image of an opinion: its hash, or the prediction if the hash is not known."""
    return opinion.image_sha256 or opinion.subject


def disputed_images(opinions: Iterable[Opinion]) -> set[str]:
    """The images, as `image_of`, that have two true labels, or one that somebody called wrong.

    Of the words of a user with a name on one image, only the newest counts. Words without a name may be of different users.

    Args:
        opinions: the last word of each user on each prediction, the newest first.
    """
    true_labels, wrong_labels = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    spoke: set[tuple[str, str]] = set()
    for opinion in opinions:
        image, by = image_of(opinion), opinion.user or opinion.subject
        if (image, by) in spoke:
            continue
        spoke.add((image, by))
        if opinion.true_label is not None:
            true_labels[image].add(opinion.true_label)
        if not opinion.is_right:
            wrong_labels[image].add(opinion.predicted_label)
    return {image for image, labels in true_labels.items() if len(labels) > 1 or labels & wrong_labels[image]}
