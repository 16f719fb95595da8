"""Numbers of each row that follow from its probabilities and its label, stored beside them.

With them, metrics and filters over a million rows need not read the probabilities of all classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dashboard.core.metrics.answers import probabilities_of

SCORE_FIELDS = (
    pa.field("margin", pa.float64()),  # difference of the two largest probabilities, in [0, 1]
    pa.field("true_probability", pa.float64()),  # of the label
    pa.field("true_rank", pa.int32()),  # place of the label among the classes by probability, from 1
    pa.field("squared_error", pa.float64()),  # of the probabilities, summed over the classes, in [0, 2]
)
SOURCES = ("pred_probs", "true_label")  # the columns that the scores are computed from


def row_scores(pred_probs: pa.ChunkedArray, true_label: pa.ChunkedArray, class_names: Sequence[str]) -> pa.Table:
    """The scores of N rows, with the columns `SCORE_FIELDS`; null where there are no probabilities, or no label."""
    present = pc.is_valid(pred_probs).to_numpy()
    values = pc.list_flatten(pred_probs).to_numpy().reshape(-1, len(class_names))
    ids = pc.fill_null(pc.index_in(pc.cast(true_label, pa.string()), pa.array(class_names, pa.string())), -1)
    true_ids = ids.to_numpy()[present]
    found = probabilities_of(values, true_ids)
    largest = np.partition(values, -2, axis=1)[:, -2:] if len(class_names) > 1 else np.hstack([values * 0, values])
    columns = (
        (largest[:, 1] - largest[:, 0], np.ones(len(values), bool)),
        *((each, true_ids >= 0) for each in (found.of_label, found.rank_of_label, found.squared_error)),
    )
    n = len(present)
    arrays = []
    for field, (column, known) in zip(SCORE_FIELDS, columns, strict=True):
        whole, has = np.zeros(n), np.zeros(n, bool)
        whole[present], has[present] = column, known
        arrays.append(pa.array(whole, mask=~has).cast(field.type))
    return pa.Table.from_arrays(arrays, schema=pa.schema(SCORE_FIELDS))
