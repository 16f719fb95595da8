"""Reads TFRecord files of tf.train.Example without TensorFlow: framing, checksums, features.

Sources: https://www.tensorflow.org/tutorials/load_data/tfrecord (framing), tensorflow/core/example/example.proto and
feature.proto (messages).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import IO, Any

import google_crc32c

from dashboard.core.parsing import parsing

_HEADER = struct.Struct("<QI")  # length and its checksum; the data and their checksum follow
_FOOTER_BYTES = 4
MAX_RECORD_BYTES = 128 * 2**20
Feature = list[bytes] | list[int] | list[float]


class RecordError(ValueError):
    """A record is damaged."""


def begins_like_tfrecord(first_bytes: bytes) -> bool:
    """True if the file begins with a length and the matching checksum."""
    if len(first_bytes) < _HEADER.size:
        return False
    _, checksum = _HEADER.unpack(first_bytes[: _HEADER.size])
    return masked_crc32c(first_bytes[:8]) == checksum


def masked_crc32c(data: bytes) -> int:
    """The CRC-32C checksum in the masked form that TFRecord stores."""
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def walk_records(file: IO[bytes], size: int) -> Iterator[tuple[int, bytes | RecordError]]:
    """Yields the position of each record's header, with the record's data or the error in them.

    Args:
        size: size of the file in bytes.

    Raises:
        RecordError: a header is damaged, so the next record cannot be found, or the last record is cut off.
        OSError: the file cannot be read.
    """
    position = count = 0
    while position < size:
        file.seek(position)
        header = file.read(_HEADER.size)
        if not begins_like_tfrecord(header):
            raise RecordError(f"record {count} has no valid header")
        length, _ = _HEADER.unpack(header)
        try:
            record: bytes | RecordError = read_record(file, position)
        except RecordError as error:
            record = error
        yield position, record
        count += 1
        position += _HEADER.size + length + _FOOTER_BYTES
    if position != size:
        raise RecordError(f"record {count - 1} ends behind the end of the file")


def read_record(file: IO[bytes], start: int) -> bytes:
    """The data of the record whose header begins at `start`. Raises RecordError, OSError."""
    file.seek(start)
    length, _ = _HEADER.unpack(file.read(_HEADER.size))
    if length > MAX_RECORD_BYTES:
        raise RecordError(f"it is larger than {MAX_RECORD_BYTES // 2**20} MB")
    data = file.read(length + _FOOTER_BYTES)
    if len(data) < length + _FOOTER_BYTES or masked_crc32c(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise RecordError("its checksum is wrong")
    return data[:-4]


def features_of(record: bytes) -> Mapping[str, Feature]:
    """The features of a tf.train.Example. Raises RecordError when the record is not one."""
    message = _example()
    with parsing(lambda _: RecordError("it is not a tf.train.Example")):
        example = message.FromString(record)
    features = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        features[name] = list(getattr(feature, kind).value) if kind else []
    return features


@lru_cache(maxsize=1)
def _example() -> Any:
    """The message class of tf.train.Example.

    It is in its own descriptor pool, since TensorFlow registers the same names.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")

    def add(name: str, *fields: tuple[str, int, int, int, str], parent: Any = file.message_type) -> Any:
        added = parent.add(name=name)
        for field_name, number, label, kind, type_name in fields:
            added.field.add(name=field_name, number=number, label=label, type=kind, type_name=type_name or None)
        return added

    one, many, inner = field.LABEL_OPTIONAL, field.LABEL_REPEATED, field.TYPE_MESSAGE
    add("BytesList", ("value", 1, many, field.TYPE_BYTES, ""))
    add("FloatList", ("value", 1, many, field.TYPE_FLOAT, ""))
    add("Int64List", ("value", 1, many, field.TYPE_INT64, ""))
    lists = (("bytes_list", 1, "BytesList"), ("float_list", 2, "FloatList"), ("int64_list", 3, "Int64List"))
    feature = add("Feature", *((n, i, one, inner, f".tensorflow.{t}") for n, i, t in lists))
    feature.oneof_decl.add(name="kind")
    for each in feature.field:
        each.oneof_index = 0
    features = add("Features", ("feature", 1, many, inner, ".tensorflow.Features.FeatureEntry"))
    entry = add(
        "FeatureEntry", ("key", 1, one, field.TYPE_STRING, ""), ("value", 2, one, inner, ".tensorflow.Feature"),
        parent=features.nested_type,
    )  # fmt: skip
    entry.options.map_entry = True
    add("Example", ("features", 1, one, inner, ".tensorflow.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))
