"""Types for dataclass fields that hold arrays. They tell pydantic how to read and write such a field as JSON."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import GetCoreSchemaHandler, GetPydanticSchema
from pydantic_core import CoreSchema, core_schema


def _array_of(json_type: Any, dtype: type) -> GetPydanticSchema:
    def schema(_: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda values: np.asarray(values, dtype),
            handler.generate_schema(json_type),
            serialization=core_schema.plain_serializer_function_ser_schema(_as_lists),
        )

    return GetPydanticSchema(schema)


def _as_lists(array: np.ndarray) -> list[Any]:
    """The array as nested lists, with None for NaN, since JSON has no NaN."""
    if array.dtype.kind == "f":
        return [None if value != value else value for value in array.tolist()]
    return array.tolist()


Floats = Annotated[np.ndarray, _array_of(list[float | None], np.float64)]  # (N,), NaN is null in JSON
Integers = Annotated[np.ndarray, _array_of(list[int], np.int64)]  # (N,)
IntegerMatrix = Annotated[np.ndarray, _array_of(list[list[int]], np.int64)]  # (N, M)
