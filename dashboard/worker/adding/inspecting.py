"""Loads a model file from elsewhere with a memory limit, tries the model, and saves it again without training state.

Runs in a worker that is stopped afterwards. Only the newly saved file is used later, never the original.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from dashboard.core.engine.run_task import is_out_of_memory
from dashboard.core.engine.system import limit_memory
from dashboard.core.errors import ModelError
from dashboard.core.images.preprocessing import ColorMode, Preprocessing, normalize, size_in_words
from dashboard.core.models.foreign import BATCH, ForeignModel, ForeignModelFacts
from dashboard.core.models.scalings import scaled
from dashboard.worker.adding.foreign_file import load_foreign, trained_with
from dashboard.worker.adding.outputs import count_outputs, kind_of_output, with_logits, with_one_output
from dashboard.worker.adding.pixels import scaling_of

_NOT_LIMITED = "This system cannot limit the memory of a process, so the model was tried without a limit."
_NAME = re.compile(r"[A-Za-z0-9_.\\/>-]*")  # as TensorFlow says
_TRY_WITH = "1/255"  # the scaling of the pictures that a model is tried with, if it does not tell its own


def inspect(order: ForeignModel) -> ForeignModelFacts:
    """Runs `convert` within `limited`."""
    with limited(order) as memory_is_limited:
        facts = convert(order)
        return facts if memory_is_limited else replace(facts, notes=(*facts.notes, _NOT_LIMITED))


@contextmanager
def limited(order: ForeignModel) -> Iterator[bool]:
    """Limits this process's memory from now on; gives False where the system cannot.

    Raises:
        ModelError: the block needs more.
    """
    try:
        yield limit_memory(order.memory_bytes)
    except Exception as error:
        if is_out_of_memory(error) or is_out_of_memory(error.__cause__):
            raise _out_of_memory(order) from error
        raise
    finally:
        gc.collect()  # models contain reference cycles, and the limit stays for the next model


def _out_of_memory(order: ForeignModel) -> ModelError:
    return ModelError(
        f"{order.shown_as} needs more than the {order.memory_bytes / 2**30:.3g} GB of memory that a new model may use.",
        "If you trust the file and the model really is that large, allow more memory with --memory-gb.", "model_memory",
    )  # fmt: skip


def convert(order: ForeignModel) -> ForeignModelFacts:
    """Loads the file, tries the model, and saves it to `order.converted`.

    Raises:
        ModelError: the file is damaged or refused, or the model is not an image classifier.
    """
    loss = trained_with(order.file)
    model = _with_channels(with_one_output(load_foreign(order.file, order.shown_as), order))
    height, width, channels = _input_shape(model, order)
    outputs = count_outputs(model, order.shown_as)
    _refuse_names(model, order.shown_as)
    _refuse_broken_weights(model, order.shown_as)
    color: ColorMode = order.color or ("grayscale" if channels == 1 else "rgb")
    pixels = scaling_of(model, height, width, channels)
    preprocessing = scaled(Preprocessing(height, width, color=color), pixels.scaling or _TRY_WITH)
    inputs = _probe_inputs(preprocessing)
    answers = _probe_answers(model, inputs, order.shown_as)
    output, notes = kind_of_output(model, outputs, answers, loss, order.shown_as)
    if output == "probabilities" and outputs > 1:
        model, more = with_logits(model, inputs, answers)
        notes += more
    model.save(order.converted)
    return ForeignModelFacts(
        (height, width, channels), color, outputs, output, pixels.scaling, pixels.told_by, keras.__version__, notes
    )


def _with_channels(model: keras.Model) -> keras.Model:
    """A model of gray pictures (height, width) with a channel axis; any other model is returned unchanged."""
    shapes = [tuple(each.shape) for each in getattr(model, "inputs", None) or []]
    if [len(shape) for shape in shapes] != [3] or None in shapes[0][1:]:
        return model
    pixels = keras.Input((*shapes[0][1:], 1))
    return keras.Model(pixels, model(keras.layers.Reshape(shapes[0][1:])(pixels)))


def _input_shape(model: keras.Model, order: ForeignModel) -> tuple[int, int, int]:
    """The height, width and channels of the model's input. Raises ModelError if it does not take one image."""
    what = order.shown_as
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        raise ModelError(
            f"{what} has no input shape: the model was never built.",
            "Start the model with `keras.Input((height, width, channels))`, or call it before saving.", "model_shape",
        )  # fmt: skip
    if len(inputs) != 1:
        raise ModelError(
            f"{what} has {len(inputs)} inputs.",
            "Save a model with one input, an image. Or evaluate it where it runs and add its predictions: "
            "python -m dashboard import PREDICTIONS.",
            "model_shape",
        )
    shape = tuple(inputs[0].shape[1:])
    if len(shape) != 3:
        fix = "Add a model that takes images; gray images need a channel axis too."
        if len(shape) == 1:
            fix = (
                "If these numbers are the pixels of an image, row by row, say of which shape it is, for example "
                "`keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), model])`, then save that model."
            )
        raise ModelError(
            f"{what} is not an image model: its input shape is {shape}, not (height, width, channels).",
            fix, "model_shape",
        )  # fmt: skip
    height, width, channels = shape
    if channels is None:
        channels = 1 if order.color == "grayscale" else 3
    if channels not in (1, 3):
        first, fix = "", "Save a model that takes (height, width, 1) or (height, width, 3)."
        if height in (1, 3):
            first = " The model seems to expect channels first."
            fix = (
                "Put a layer before it that turns the axes, then save that model: `keras.Sequential([keras.Input("
                f"{(width, channels, height)}), keras.layers.Permute((3, 1, 2)), model])`."
            )
        raise ModelError(
            f"{what} has the input shape {shape}: {channels} channels, not 1 (gray) or 3 (colour).{first}",
            fix, "model_shape",
        )  # fmt: skip
    if (order.color == "grayscale") != (channels == 1) and order.color is not None:
        raise ModelError(
            f"{what} takes {channels} channels, which does not fit --color {order.color}.",
            "Leave out --color.",
            "model_shape",
        )
    wanted = order.input_size or (height, width)
    if None in wanted:
        raise ModelError(
            f"{what} takes images of any size ({shape}), so the right size is not known.",
            "Give the size that it was trained with, for example --input-size 224x224.", "input_size",
        )  # fmt: skip
    if any(f not in (None, w) for f, w in zip((height, width), wanted, strict=True)):
        raise ModelError(
            f"{what} takes {height}x{width} pixels (height x width), not {wanted[0]}x{wanted[1]}.",
            "Leave out --input-size.",
            "input_size",
        )
    return (int(wanted[0]), int(wanted[1]), int(channels))  # type: ignore[arg-type]


def _refuse_names(model: keras.Model, what: str) -> None:
    """Raises ModelError for the name of a layer that TensorFlow does not compile, neither here nor for `model.predict`."""
    for layer in model._flatten_layers(include_self=False):
        if not _NAME.fullmatch(layer.name):
            raise ModelError(
                f"{what} has a layer called {layer.name!r}. TensorFlow takes only letters from A to Z, digits and _.-/ in names.",
                "Build the model with another name for this layer, give it the weights (`new.set_weights(old.get_weights())`), "
                "then save it.",
                "model_unusable",
            )


def _refuse_broken_weights(model: keras.Model, what: str) -> None:
    for weight in model.weights:
        value = keras.ops.convert_to_numpy(weight)
        if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
            raise ModelError(
                f"The weights of {what} are not all finite numbers ({weight.path}).",
                "Its training diverged or the file is damaged: train the model or copy the file again.", "not_finite",
            )  # fmt: skip


def _call(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """The unchanged output of the model, (N, outputs) float64."""
    parts = [
        keras.ops.convert_to_numpy(keras.ops.cast(model(inputs[i : i + BATCH], training=False), "float32"))
        for i in range(0, len(inputs), BATCH)
    ]
    return np.concatenate(parts).astype(np.float64)


def _probe_inputs(preprocessing: Preprocessing) -> np.ndarray:
    """Black, white and noise as model inputs, (4, height, width, channels) float32."""
    size = (preprocessing.height, preprocessing.width, 3)
    noise = np.random.default_rng(0).integers(0, 256, (2, *size), np.uint8)
    images = np.concatenate([np.zeros((1, *size), np.uint8), np.full((1, *size), 255, np.uint8), noise])
    return normalize(images, preprocessing)


def _probe_answers(model: keras.Model, inputs: np.ndarray, what: str) -> np.ndarray:
    """The model's output for the inputs. Raises ModelError if the call fails or a number is not finite."""
    size = inputs.shape[1:]
    try:
        answers = _call(model, inputs)
    except tf.errors.ResourceExhaustedError:
        raise
    except Exception as error:  # layers can raise any exception
        raise ModelError(
            f"{what} fails on images of {size_in_words(*size[:2])}: {type(error).__name__}: {str(error)[:300]}",
            "Give the size that it was trained with: --input-size HEIGHTxWIDTH."
            if None in model.inputs[0].shape[1:3]
            else "Call the model with pictures of this size where it was made, mend it, then save it again.",
            "model_unusable",
        ) from error
    if not np.isfinite(answers).all():
        raise ModelError(
            f"{what} gives numbers that are not finite.", "Train the model or copy the file again.", "not_finite"
        )
    return answers
