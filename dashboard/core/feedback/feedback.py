"""Feedback of users: which predictions are right, and what the true label of the others is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from dashboard.core.database.database import Database
from dashboard.core.database.ids import new_id, now_utc
from dashboard.core.database.text import storable
from dashboard.core.errors import DashboardError, DatabaseError
from dashboard.core.feedback.disputes import disputed_images, words_on_images
from dashboard.core.feedback.opinion import FeedbackAccuracy, Opinion
from dashboard.core.history.conditions import of_model
from dashboard.core.history.entry import Entry
from dashboard.core.history.history import History
from dashboard.core.history.prediction_ids import place_in_run
from dashboard.core.metrics.intervals import proportion

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

_LONGEST_LABEL, _LONGEST_NOTE = 200, 2000


class Feedback:
    """What users said. Thread-safe. Every method raises DatabaseError if the database cannot be used."""

    def __init__(self, database: Database, history: History) -> None:
        self._database, self._history = database, history

    def give(
        self,
        prediction_id: str,
        is_right: bool,
        true_label: str | None = None,
        user: str = "",
        note: str = "",
        replaces: bool = False,
    ) -> Opinion:
        """Stores a user's word on a prediction. When this returns, it is stored; the last word of a user counts.

        Args:
            prediction_id: of the history, or RUN_ID:INDEX for an image of an evaluation.
            true_label: of a wrong prediction, if the user knows it.
            replaces: what `on_picture` finds is deleted, so that a picture that was predicted again counts once.

        Raises:
            DashboardError: there is no such prediction, or label and verdict do not fit together.
        """
        from dashboard.core.database.tables import feedback

        about = self._history.get(prediction_id)
        label = about.label if is_right else storable((true_label or "").strip()) or None
        if is_right and true_label not in (None, "", about.label):
            raise _contradiction(f"it is called right, but {true_label!r} is not the predicted label {about.label!r}")
        if not is_right and label == about.label:
            raise _contradiction(f"it is called wrong, but {label!r} is the predicted label")
        if len(label or "") > _LONGEST_LABEL or len(note) > _LONGEST_NOTE:
            raise DashboardError(
                "The feedback is too long.",
                f"A label has at most {_LONGEST_LABEL} characters, a note at most {_LONGEST_NOTE:,}.",
                "feedback",
            )
        now = now_utc()
        opinion = Opinion(
            feedback_id=new_id(now),
            time_utc=now,
            subject=about.prediction_id,
            user=storable(user),
            is_right=is_right,
            true_label=label,
            note=storable(note),
            predicted_label=about.label,
            confidence=about.confidence,
            model_name=about.model_name,
            model_version=about.model_version,
            file=storable(about.file),
            image_sha256=about.image_sha256,
            doubt=about.doubt,
        )
        with self._database.writing() as connection:
            if replaces:
                same = _on_picture(about.image_sha256, about.model_name, about.model_version, about.label, opinion.user)
                connection.execute(feedback.delete().where(*same))
            connection.execute(feedback.insert().values(vars(opinion)))
        return opinion

    def on_picture(
        self, image_sha256: str, model_name: str, model_version: str, predicted_label: str, user: str
    ) -> Opinion | None:
        """The user's last word on this answer of a model for a picture, in whichever prediction it was given.

        Images of evaluations do not count. None if the user has said nothing.

        Args:
            image_sha256: of the bytes of the image file.
        """
        from dashboard.core.database.tables import feedback

        same = _on_picture(image_sha256, model_name, model_version, predicted_label, user)
        newest_first = feedback.select().where(*same).order_by(feedback.c.feedback_id.desc())
        with self._database.reading() as connection:
            row = connection.execute(newest_first.limit(1)).one_or_none()
        return None if row is None else Opinion(**row._mapping)

    def opinions(
        self,
        most: int | None = 100,
        before: str = "",
        user: str | None = None,
        model: str | None = None,
        is_right: bool | None = None,
        subject: str | None = None,
        about: Sequence[Entry] | None = None,
        damaged: list[DatabaseError] | None = None,
    ) -> list[Opinion]:
        """The last word of each user on each prediction, the newest first.

        Args:
            most: how many at most; None: all.
            before: only those before the one with this id. Raises DashboardError if the user has none with it.
            user: only those of this user; None: those of everybody.
            model: NAME or NAME@VERSION.
            about: only those on these predictions, or on one of their pictures.
            damaged: gets the errors of those that cannot be read; None: the first of them is raised.
        """
        from dashboard.core.database.tables import feedback

        asked = of_model(feedback, model)
        if about is not None:
            hashes = {entry.image_sha256 for entry in about} - {""}
            on_one = feedback.c.subject.in_([entry.prediction_id for entry in about])
            asked.append(on_one | feedback.c.image_sha256.in_(hashes))
        for column, value in (("user", user), ("is_right", is_right), ("subject", subject)):
            if value is not None:
                asked.append(feedback.c[column] == value)
        if before:
            self._check_given(before, user)
            asked.append(feedback.c.feedback_id < before)
        return self._last_words((feedback.c.subject, feedback.c.user), asked, most, damaged)

    def last_words(self, subjects: Collection[str], damaged: list[DatabaseError] | None = None) -> dict[str, Opinion]:
        """The last word on each of these predictions, whoever said it, by id; those without feedback are missing.

        Args:
            damaged: as in `opinions`.
        """
        from dashboard.core.database.tables import feedback

        found = self._last_words((feedback.c.subject,), [feedback.c.subject.in_(list(subjects))], None, damaged)
        return {opinion.subject: opinion for opinion in found}

    def withdraw(self, subject: str, user: str) -> int:
        """Deletes all feedback of a user on a prediction. Returns the number of deleted entries."""
        from dashboard.core.database.tables import feedback

        said = feedback.delete().where(feedback.c.subject == subject, feedback.c.user == user)
        with self._database.writing() as connection:
            return int(connection.execute(said).rowcount)

    def accuracy(
        self, model: str | None = None, user: str | None = None, damaged: list[DatabaseError] | None = None
    ) -> FeedbackAccuracy | None:
        """The share of right predictions among those that were called right or wrong; None without feedback.

        The last word on each prediction counts.

        Args:
            user: whose feedback counts; None: that of everybody.
            damaged: as in `opinions`.
        """
        return accuracy_of(self.opinions(None, user=user, model=model, damaged=damaged))

    def _check_given(self, feedback_id: str, user: str | None) -> None:
        from dashboard.core.database.tables import feedback

        found = feedback.select().where(feedback.c.feedback_id == storable(feedback_id))
        with self._database.reading() as connection:
            row = connection.execute(found).one_or_none()
        if row is None or user not in (None, row.user):
            raise DashboardError(
                f"There is no feedback {feedback_id[:64]!r} to continue after.",
                "Begin again without `before`.",
                "cursor",
            )

    def _last_words(
        self,
        by: tuple[Any, ...],
        asked: list[ColumnElement[bool]],
        most: int | None,
        damaged: list[DatabaseError] | None,
    ) -> list[Opinion]:
        from sqlalchemy import func, select

        from dashboard.core.database.tables import feedback

        last = select(func.max(feedback.c.feedback_id)).group_by(*by)
        newest_first = feedback.select().where(feedback.c.feedback_id.in_(last), *asked)
        key, opinions = feedback.c.feedback_id, []
        for _, row in self._database.rows(newest_first.order_by(key.desc()).limit(most), key):
            if not isinstance(row, DatabaseError):
                opinions.append(Opinion(**row._mapping))
            elif damaged is None:
                raise row
            else:
                damaged.append(row)
        return opinions


def _on_picture(
    image_sha256: str, model_name: str, model_version: str, predicted_label: str, user: str
) -> list[ColumnElement[bool]]:
    """See `Feedback.on_picture`."""
    from dashboard.core.database.tables import feedback

    f = feedback.c
    return [
        f.image_sha256 == image_sha256,
        f.model_name == storable(model_name),
        f.model_version == storable(model_version),
        f.predicted_label == storable(predicted_label),
        f.user == storable(user),
        ~f.subject.contains(":"),  # ids of images of evaluations have one
    ]


def last_word_on(words: Sequence[Opinion], user: str) -> Callable[[Entry], Opinion | None]:
    """Gives the last word on a prediction: on itself, or on the same answer for the same picture, see `on_picture`.

    Args:
        words: the last word of each user on each prediction, the newest first.
        user: whose words on the picture count beside those of the one who predicted.
    """
    on_prediction: dict[str, Opinion] = {}
    on_picture: dict[tuple[str, ...], Opinion] = {}
    for word in words:
        on_prediction.setdefault(word.subject, word)
        if word.image_sha256 and not place_in_run(word.subject):
            answer = word.image_sha256, word.model_name, word.model_version, word.predicted_label
            on_picture.setdefault((*answer, word.user), word)

    def last_word(entry: Entry) -> Opinion | None:
        found = [on_prediction.get(entry.prediction_id)]
        if not place_in_run(entry.prediction_id):
            answer = entry.image_sha256, entry.model_name, entry.model_version, entry.label
            found += [on_picture.get((*answer, each)) for each in (entry.user, user)]
        return max(filter(None, found), key=lambda word: word.feedback_id, default=None)

    return last_word


def accuracy_of(words: Sequence[Opinion]) -> FeedbackAccuracy | None:
    """The share of right predictions, by the last word on each; None without any word.

    Args:
        words: the last word of each user on each prediction, the newest first.
    """
    if not words:
        return None
    last = {word.subject: word for word in reversed(words)}.values()
    judged = [word for word in last if not word.agrees_on_none]
    right = proportion(sum(word.is_right for word in judged), len(judged)) if judged else None
    return FeedbackAccuracy(right, len(last) - len(judged), len(disputed_images(words_on_images(words))))


def _contradiction(why: str) -> DashboardError:
    return DashboardError(
        f"The feedback on this prediction contradicts itself: {why}.",
        "Call it right, or call it wrong with another true label or none.",
        "feedback",
    )
