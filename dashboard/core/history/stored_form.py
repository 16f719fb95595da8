"""Answers as bytes and back, without pickle: whoever can write into the database must not run code here."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any, Generic, TypeVar

import numpy as np
from pydantic import ConfigDict, TypeAdapter

T = TypeVar("T")
_ARRAY = "$array"  # the key of an array's name in the document


class StoredForm(Generic[T]):
    """How answers of one type are stored: one .npz file with the arrays, and a JSON document with everything else.

    The type is a list of dataclasses whose fields are numbers, texts, arrays, dataclasses, or lists and tuples of these.
    """

    def __init__(self, kind: type[T]) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True))

    def dumps(self, answer: T) -> bytes:
        """The bytes of an .npz file."""
        arrays: list[np.ndarray] = []

        def reference(value: Any) -> Any:
            if not isinstance(value, np.ndarray):
                return value.item()  # a NumPy scalar
            arrays.append(value)
            return {_ARRAY: f"arr_{len(arrays)}"}  # as `numpy.savez` names it; the document is number 0

        document = json.dumps(self._adapter.dump_python(answer), default=reference)
        out = io.BytesIO()
        np.savez(out, np.frombuffer(document.encode(), np.uint8), *arrays)
        return out.getvalue()

    def loads(self, stored: bytes | None) -> T | None:
        """The answer in these bytes; None if there are none, or if they have another form."""
        if stored is None:
            return None
        try:
            with np.load(io.BytesIO(stored), allow_pickle=False) as found:

                def array(each: dict[str, Any]) -> Any:
                    return found[each[_ARRAY]] if _ARRAY in each else each

                document = json.loads(found["arr_0"].tobytes(), object_hook=array)
            return self._adapter.validate_python(document)
        except (ValueError, LookupError, EOFError, OSError, zipfile.BadZipFile):
            return None
