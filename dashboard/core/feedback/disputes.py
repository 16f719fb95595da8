"""Images with answers that contradict each other, also if the answers are about different predictions of the image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from dashboard.core.feedback.opinion import Opinion


def image_of(opinion: Opinion) -> str:
    """What tells the image of an opinion: its hash, or the prediction if the hash is not known."""
    return opinion.image_sha256 or opinion.subject


def words_on_images(opinions: Sequence[Opinion]) -> list[Opinion]:
    """The newest word of each user on each image. Words without a name may be of different users, so all of them stay.

    Args:
        opinions: the last word of each user on each prediction, the newest first.
    """
    hashes = {each.subject: each.image_sha256 for each in opinions if each.image_sha256}
    newest: dict[tuple[str, str], Opinion] = {}
    for given in opinions:
        opinion = replace(given, image_sha256=hashes.get(given.subject, ""))  # not known while the dataset was away
        newest.setdefault((image_of(opinion), opinion.user or opinion.subject), opinion)
    return list(newest.values())


def disputed_images(words: Iterable[Opinion]) -> set[str]:
    """The images, as `image_of`, that have two true labels, or one that somebody called wrong.

    Args:
        words: as `words_on_images` gives them.
    """
    true_labels, wrong_labels = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for word in words:
        if word.true_label is not None:
            true_labels[image_of(word)].add(word.true_label)
        if not word.is_right:
            wrong_labels[image_of(word)].add(word.predicted_label)
    return {image for image, labels in true_labels.items() if len(labels) > 1 or labels & wrong_labels[image]}
