"""Inspects models from elsewhere in this process; the converted models give the same outputs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from dashboard.core.errors import ModelError
from dashboard.core.files import sha256_of
from dashboard.core.images.preprocessing import Preprocessing
from dashboard.core.models.foreign import ForeignModel, ForeignModelFacts
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.version import WEIGHTS, ModelVersion
from dashboard.worker.adding import inspecting
from dashboard.worker.adding.inspecting import convert
from dashboard.worker.adding.pixels import scaling_of
from dashboard.worker.models import loading
from tests.conftest import picture
from tests.small_model import dense, saved, small


def tried(model: keras.Model, folder: Path, input_size: tuple[int, int] | None = None) -> ForeignModelFacts:
    file = saved(model, folder / "foreign.keras")
    return convert(ForeignModel(file, file.name, folder / WEIGHTS, input_size, None, memory_bytes=0))


def refused(code: str, model: keras.Model, folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        tried(model, folder)
    assert caught.value.code == code, caught.value
    assert caught.value.fix and not (folder / WEIGHTS).exists()
    return caught.value


def served(
    facts: ForeignModelFacts, folder: Path, names: tuple[str, ...], image: np.ndarray, scale: float
) -> Prediction:
    """The prediction of the converted model."""
    recipe = Preprocessing(*facts.input_shape[:2], color=facts.color, scale=scale)
    version = ModelVersion("foreign", "1", folder, names, recipe, facts.output, sha256_of(folder / WEIGHTS))
    [prediction] = loading.load(version).predict(image[None])
    return prediction


def test_gray_digits(tmp_path: Path) -> None:
    model = small((28, 28, 1), dense(10, None))
    facts = tried(model, tmp_path)
    assert (facts.input_shape, facts.output, facts.color) == ((28, 28, 1), "logits", "grayscale")
    image = picture(0, 28, 28)
    prediction = served(facts, tmp_path, tuple("0123456789"), image, 1 / 255)
    gray = image[None].astype(np.float32) @ np.array([[0.299], [0.587], [0.114]], np.float32) / 255
    np.testing.assert_allclose(prediction.logits, np.asarray(model(gray))[0], atol=1e-4)


@pytest.mark.parametrize(("activation", "output"), [("sigmoid", "probabilities"), (None, "logits")])
def test_two_classes_from_one_output(activation: str | None, output: str, tmp_path: Path) -> None:
    model = small((16, 16, 3), dense(1, activation))
    facts = tried(model, tmp_path)
    assert facts.output == output
    assert "first class name" in " ".join(facts.notes)
    image = picture(0, 16, 16)
    prediction = served(facts, tmp_path, ("cat", "dog"), image, 1.0)
    answer = float(np.asarray(model(image[None].astype(np.float32)))[0, 0])
    dog = answer if activation else 1 / (1 + np.exp(-answer))
    np.testing.assert_allclose(prediction.pred_probs, [1 - dog, dog], atol=1e-5)


def test_model_that_scales_by_itself(tmp_path: Path) -> None:
    first = [keras.layers.RandomFlip(), keras.layers.Rescaling(1 / 255)]
    assert tried(small((32, 32, 3), dense(10, "softmax"), first), tmp_path).scaling == "raw"
    assert tried(small((32, 32, 3), dense(10, "softmax")), tmp_path).scaling is None


def test_compiled_models_inside_a_model_lose_their_training_state(tmp_path: Path) -> None:
    inner = small((32, 32, 3), [])
    inner.compile("adam", "mse")
    inputs = keras.Input((32, 32, 3))
    outer = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(inner(inputs)))
    outer.compile("sgd", keras.losses.CategoricalCrossentropy(label_smoothing=0.1))
    tried(outer, tmp_path)
    with zipfile.ZipFile(tmp_path / WEIGHTS) as archive:
        config = json.loads(archive.read("config.json"))
    assert not config.get("compile_config")
    assert "Adam" not in json.dumps(config)


def test_size_must_be_said_for_a_model_of_any_size(tmp_path: Path) -> None:
    model = small((None, None, 3), dense(3, "softmax"))
    assert "--input-size" in refused("input_size", model, tmp_path).fix
    assert tried(model, tmp_path, (48, 40)).input_shape == (48, 40, 3)


def test_models_that_are_no_image_classifiers(tmp_path: Path) -> None:
    def shape_refused(model: Any) -> str:
        return refused("model_shape", model, tmp_path).message

    images, more = keras.Input((32, 32, 3)), keras.Input((32, 32, 3))
    flat = keras.layers.Flatten()(keras.layers.Add()([images, more]))
    assert "2 inputs" in shape_refused(keras.Model([images, more], keras.layers.Dense(10)(flat)))
    assert "not an image model" in shape_refused(keras.Sequential([keras.Input((7,)), *dense(10, "softmax")]))
    first = keras.Sequential([keras.Input((3, 32, 32)), keras.layers.Flatten(), *dense(10, "softmax")])
    assert "channels first" in shape_refused(first)
    grid = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(10, 3)])
    assert "not a classifier" in shape_refused(grid)
    assert "regression" in shape_refused(small((32, 32, 3), dense(1, "relu")))


@pytest.mark.parametrize("name", ["_out", "-out"])
def test_names_of_layers_may_begin_with_a_line(name: str, tmp_path: Path) -> None:
    assert tried(small((8, 8, 3), [keras.layers.Dense(3, "softmax", name=name)]), tmp_path).outputs == 3


@pytest.mark.parametrize("name", ["Ausg\N{LATIN SMALL LETTER A WITH DIAERESIS}nge", "the output"])
@pytest.mark.parametrize("place", ["last", "nested"])
def test_names_that_tensorflow_does_not_take_are_told_with_a_way_out_that_works(
    name: str, place: str, tmp_path: Path
) -> None:
    def made(name: str) -> keras.Model:
        if place == "last":
            return small((8, 8, 3), [keras.layers.Dense(3, "softmax", name=name)])
        return small((8, 8, 3), [keras.Sequential([keras.layers.Dense(3, name=name)]), *dense(3, "softmax")])

    old = made(name)
    assert repr(name) in refused("model_unusable", old, tmp_path).message
    new = made("out")
    new.set_weights(old.get_weights())
    assert tried(new, tmp_path).outputs == 3


def test_weights_that_are_not_finite(tmp_path: Path) -> None:
    model = small((32, 32, 3), dense(10, "softmax"))
    model.layers[-1].bias.assign(np.full(10, np.nan))
    assert "bias" in refused("not_finite", model, tmp_path).message


def test_scaling_behind_nested_augmentation_is_seen(tmp_path: Path) -> None:
    augmentation = keras.Sequential([keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.1)])
    model = small((32, 32, 3), dense(3, None), first=[augmentation, keras.layers.Rescaling(1 / 255)])
    assert tried(model, tmp_path).scaling == "raw"


@pytest.mark.parametrize(
    ("squash", "outputs"),
    [(keras.activations.sigmoid, 1), (keras.activations.softmax, 5)],
)
def test_heads_made_with_an_operation_give_probabilities(squash: Any, outputs: int, tmp_path: Path) -> None:
    model = small((16, 16, 3), dense(outputs, None))
    assert tried(keras.Model(model.inputs[0], squash(model.outputs[0])), tmp_path).output == "probabilities"


def test_softmax_in_half_precision_gives_probabilities(tmp_path: Path) -> None:
    """Its outputs add up to 1 only within 0.01."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small((16, 16, 3), dense(10, "softmax"))
    finally:
        keras.config.set_dtype_policy("float32")
    model.layers[-1].set_weights([8 * weights for weights in model.layers[-1].get_weights()])
    assert tried(model, tmp_path).output == "probabilities"


class TestWhatTheModelDoesToPixels:
    """The scaling is told by what comes out of the layers before the first one that learns."""

    def told(self, *first: Any, inputs: Any = None) -> str | None:
        pixels = keras.Input((16, 16, 3))
        x = pixels
        for step in first:
            x = step(x)
        for layer in small((16, 16, 3), dense(3, "softmax")).layers:
            x = layer(x)
        return scaling_of(keras.Model(pixels, x), 16, 16, 3).scaling

    def test_arithmetic_anywhere_before_the_first_layer_with_weights(self) -> None:
        k = keras.layers
        augmentation = keras.Sequential([k.RandomFlip(), k.RandomRotation(0.1), k.RandomContrast(0.2)])
        assert self.told(augmentation, k.GaussianNoise(0.1), k.Dropout(0.1), k.Rescaling(1 / 255)) == "raw"
        assert self.told(keras.Sequential([keras.Sequential([k.Rescaling(1 / 127.5, offset=-1)])])) == "raw"
        assert self.told(k.Resizing(8, 8), k.ZeroPadding2D(3), lambda x: x / 255) == "raw"
        for mode in ("caffe", "tf", "torch"):
            assert self.told(lambda x, m=mode: keras.applications.imagenet_utils.preprocess_input(x, mode=m)) == "raw"

    def test_arithmetic_on_pixels_that_are_already_scaled(self) -> None:
        k = keras.layers
        assert self.told(lambda x: 2 * x - 1) == "1/255"
        assert self.told(k.Normalization(mean=[0.485, 0.456, 0.406], variance=[0.052, 0.05, 0.05])) == "1/255"
        assert self.told(k.Normalization(mean=[120, 115, 100], variance=[3300, 3200, 3300])) == "raw"

    def test_what_does_not_tell(self) -> None:
        k = keras.layers
        assert self.told() is None
        assert self.told(k.RandomFlip(), k.Resizing(8, 8)) is None
        assert self.told(k.BatchNormalization(), k.Rescaling(1 / 255)) is None  # its weights may have learnt any scale
        assert self.told(lambda x: x * 3) is None
        assert self.told(lambda x: keras.ops.clip(x, 0, 1)) is None  # 0 to 255 become 0 to 1, but nothing in between
        assert self.told(k.ReLU(max_value=1)) is None
        assert self.told(lambda x: x / 65535) is None


def test_a_model_with_several_outputs_asks_which(tmp_path: Path) -> None:
    base = small((16, 16, 3), [])
    label = keras.layers.Dense(3, activation="softmax", name="label")(base.outputs[0])
    box = keras.layers.Dense(4, name="box")(base.outputs[0])
    file = saved(keras.Model(base.inputs, [label, box]), tmp_path / "m.keras")

    def order(output: str | None) -> ForeignModel:
        return ForeignModel(file, file.name, tmp_path / WEIGHTS, None, None, 0, output)

    with pytest.raises(ModelError, match=r"2 outputs: label \(3,\), box \(4,\)") as refused:
        convert(order(None))
    assert "--output label" in refused.value.fix
    assert convert(order("label")).outputs == 3
    with pytest.raises(ModelError, match="no output 'boxes'"):
        convert(order("boxes"))


def test_outputs_that_share_the_name_of_a_nested_model_are_told_apart_by_position(tmp_path: Path) -> None:
    base = small((16, 16, 3), [])
    heads = [keras.layers.Dense(n, activation="softmax")(base.outputs[0]) for n in (4, 3)]
    nested = keras.Model(base.inputs, heads, name="nested")
    pixels = keras.Input((16, 16, 3))
    model = keras.Model(pixels, nested(pixels))
    file = saved(model, tmp_path / "m.keras")

    def order(output: str | None) -> ForeignModel:
        return ForeignModel(file, file.name, tmp_path / WEIGHTS, None, None, 0, output)

    with pytest.raises(ModelError, match=r"2 outputs: nested:1 \(4,\), nested:2 \(3,\)") as refused:
        convert(order(None))
    assert "--output nested:1" in refused.value.fix
    facts = convert(order("nested:2"))
    assert facts.outputs == 3
    image = picture(0, 16, 16)
    expected = np.asarray(model(image[None].astype(np.float32))[1])[0]
    np.testing.assert_allclose(served(facts, tmp_path, ("a", "b", "c"), image, 1.0).pred_probs, expected, atol=1e-5)


@pytest.mark.parametrize("pack", [lambda output: {"probabilities": output}, lambda output: [output]])
def test_one_output_in_a_dict_or_a_list(tmp_path: Path, pack: Any) -> None:
    base = small((16, 16, 3), dense(3, "softmax"))
    model = keras.Model(base.inputs, pack(base.outputs[0]))
    facts = tried(model, tmp_path)
    assert (facts.outputs, facts.output) == (3, "probabilities")
    image = picture(0, 16, 16)
    prediction = served(facts, tmp_path, ("a", "b", "c"), image, 1.0)
    np.testing.assert_allclose(prediction.pred_probs, np.asarray(base(image[None].astype(np.float32)))[0], atol=1e-5)


def test_a_model_of_one_size_that_fails_is_not_told_to_take_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object) -> None:
        raise ValueError("no such shape")

    monkeypatch.setattr(inspecting, "_call", fails)
    error = refused("model_unusable", small((16, 16, 3), dense(3, "softmax")), tmp_path)
    assert "fails on images of 16x16 pixels: ValueError: no such shape" in error.message
    assert "--input-size" not in error.fix
    with pytest.raises(ModelError) as any_size:
        tried(small((None, None, 3), dense(3, "softmax")), tmp_path, (48, 40))
    assert "--input-size" in any_size.value.fix


def test_gray_pictures_without_a_channel_axis(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), *dense(10, "softmax")])
    facts = tried(model, tmp_path)
    assert (facts.input_shape, facts.color) == ((28, 28, 1), "grayscale")
    image = picture(0, 28, 28)
    prediction = served(facts, tmp_path, tuple("0123456789"), image, 1 / 255)
    gray = (image[None].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)) / 255
    np.testing.assert_allclose(prediction.pred_probs, np.asarray(model(gray))[0], atol=1e-5)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.filterwarnings("ignore:.*HDF5 file via:UserWarning")
def test_a_sigmoid_for_several_classes_needs_a_loss_that_excludes(suffix: str, tmp_path: Path) -> None:
    def added(loss: Any) -> ForeignModelFacts:
        model = small((16, 16, 3), dense(5, "sigmoid"))
        model.compile("adam", loss)
        file = saved(model, tmp_path / f"m.{suffix}")
        return convert(ForeignModel(file, file.name, tmp_path / WEIGHTS, None, None, 0))

    with pytest.raises(ModelError, match="several may be right at the same time") as refused:
        added("binary_crossentropy")
    assert refused.value.code == "multi_label"
    for loss in ("sparse_categorical_crossentropy", keras.losses.CategoricalCrossentropy()):
        facts = added(loss)
        assert facts.output == "probabilities" and "categorical_crossentropy" in " ".join(facts.notes)


def test_sigmoids_of_classes_that_exclude_each_other_are_divided_by_their_sum(tmp_path: Path) -> None:
    model = small((16, 16, 3), dense(3, "sigmoid"))
    model.layers[-1].bias.assign([2.0, -1.0, 0.0])
    model.compile("adam", "categorical_crossentropy")
    facts = tried(model, tmp_path)
    image = picture(0, 16, 16)
    own = np.asarray(model(image[None] / np.float32(255)))[0]
    prediction = served(facts, tmp_path, ("a", "b", "c"), image, 1 / 255)
    np.testing.assert_allclose(prediction.pred_probs, own / own.sum(), atol=1e-5)


@pytest.mark.parametrize("units", [1, 4])
@pytest.mark.parametrize("loss", ["mse", keras.losses.Huber()])
def test_a_regression_is_no_classifier(units: int, loss: Any, tmp_path: Path) -> None:
    model = small((16, 16, 3), dense(units, None))
    model.compile("adam", loss)
    assert "regression" in refused("model_shape", model, tmp_path).message
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    assert tried(model, tmp_path).output == "logits"


def test_the_way_out_of_other_input_shapes_works(tmp_path: Path) -> None:
    k = keras.layers
    flat = keras.Sequential([keras.Input((784,)), k.Dense(3, "softmax")])
    way_out = refused("model_shape", flat, tmp_path).fix
    wrapped = keras.Sequential([keras.Input((28, 28, 1)), k.Flatten(), flat])
    assert "`keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), model])`" in way_out
    assert tried(wrapped, tmp_path).input_shape == (28, 28, 1)
    (tmp_path / WEIGHTS).unlink()
    pixels = keras.Input((3, 16, 24))
    x = k.Conv2D(4, 3, data_format="channels_first")(pixels)
    x = k.GlobalAveragePooling2D(data_format="channels_first")(x)
    first = keras.Model(pixels, k.Dense(3, "softmax")(x))
    way_out = refused("model_shape", first, tmp_path).fix
    assert "keras.Input((16, 24, 3)), keras.layers.Permute((3, 1, 2)), model])" in way_out
    wrapped = keras.Sequential([keras.Input((16, 24, 3)), k.Permute((3, 1, 2)), first])
    assert tried(wrapped, tmp_path).input_shape == (16, 24, 3)


def test_a_classifier_with_a_map_of_one_place_is_told_to_flatten(tmp_path: Path) -> None:
    k = keras.layers
    pixels = keras.Input((16, 16, 3))
    x = k.GlobalAveragePooling2D(keepdims=True)(k.Conv2D(3, 3)(pixels))
    assert "Flatten" in refused("model_shape", keras.Model(pixels, k.Softmax()(x)), tmp_path).fix
    assert tried(keras.Model(pixels, k.Softmax()(k.Flatten()(x))), tmp_path).output == "probabilities"


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
def test_a_quantized_model_is_named(tmp_path: Path) -> None:
    model = small((16, 16, 3), [*dense(8, "relu"), *dense(3, "softmax")])
    model.quantize("int8")
    assert "before `quantize`" in refused("model_format", model, tmp_path).fix


def test_teachable_machine_is_recognised_by_its_layers() -> None:
    k = keras.layers

    def exported(use_bias: bool = False, size: int = 224) -> keras.Model:
        body = keras.Sequential([keras.Input((size, size, 3)), k.Conv2D(2, 3, strides=8), k.ReLU()])
        pixels = keras.Input((size, size, 3))
        graph = keras.Model(pixels, k.ReLU()(body(pixels)))
        first = keras.Sequential([keras.Input((size, size, 3)), graph, k.GlobalAveragePooling2D()])
        last = keras.Sequential([keras.Input((2,)), k.Dense(5, "relu"), k.Dense(2, "softmax", use_bias=use_bias)])
        return keras.Sequential([keras.Input((size, size, 3)), first, last])

    assert scaling_of(exported(), 224, 224, 3).scaling == "-1..1"
    assert scaling_of(exported(use_bias=True), 224, 224, 3).scaling is None
    assert scaling_of(exported(size=96), 96, 96, 3).scaling is None


def same_answers(model: keras.Model, folder: Path, note: str) -> None:
    """The converted model, loaded as it is served, gives the same probabilities, and the note is given."""
    facts = tried(model, folder)
    assert facts.output == "probabilities" and note in " ".join(facts.notes)
    image = picture(0, *facts.input_shape[:2])
    expected = np.asarray(model(image[None].astype(np.float32)))[0]
    found = served(facts, folder, tuple(map(str, range(facts.outputs))), image, 1.0)
    np.testing.assert_allclose(found.pred_probs, expected, atol=1e-5)
    assert expected.max() - expected.min() > 1e-3, "equal answers would prove nothing"


@pytest.mark.parametrize("size", [0.15, 10])
def test_a_softmax_that_is_also_used_elsewhere_stays_and_gets_another_behind_it(tmp_path: Path, size: float) -> None:
    """Without it, the attention inside would be another one, and so would the answers.

    With small weights, all classes are nearly equally likely either way.
    """
    keras.utils.set_random_seed(1)
    squash = keras.layers.Softmax(name="squash")
    pixels = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(pixels)
    attended = squash(keras.layers.Dense(5)(x))
    model = keras.Model(pixels, squash(keras.layers.Dense(5)(attended)))
    model.set_weights([size * weight for weight in model.get_weights()])
    same_answers(model, tmp_path, "behind its last layer, squash, a softmax over them was added")


def two_networks(last: list[Any], last_of_second: list[Any] | None = None) -> tuple[Any, list[Any]]:
    """The input of an ensemble, and the outputs of both of its members."""
    members = [small((16, 16, 3), last), small((16, 16, 3), last_of_second or last)]
    members[1].set_weights([-weight for weight in members[1].get_weights()])
    pixels = keras.Input((16, 16, 3))
    inputs = keras.layers.Rescaling(1 / 255)(pixels)
    return pixels, [member(inputs) for member in members]


def test_a_mean_of_several_networks_gets_logits_and_keeps_its_answers(tmp_path: Path) -> None:
    pixels, probabilities = two_networks(dense(3, "softmax"), dense(3, "softmax"))
    model = keras.Model(pixels, keras.layers.Average(name="mean")(probabilities))
    same_answers(model, tmp_path, "behind its last layer, mean, a softmax over them was added")


def test_a_weighted_mean_gets_logits_though_its_operations_are_called_like_those_that_are_added(tmp_path: Path) -> None:
    keras.backend.clear_session()  # names are counted anew, as in another process
    pixels, (first, second) = two_networks(dense(3, "softmax"), dense(3, "softmax"))
    model = keras.Model(pixels, 0.3 * first + 0.7 * second)
    keras.backend.clear_session()
    same_answers(model, tmp_path, "behind its last layer, add, a softmax over them was added")


@pytest.mark.parametrize("combine", ["Add", "Maximum", "Multiply"])
def test_softmaxes_that_are_combined_otherwise_than_by_a_mean_are_divided_by_their_sum_with_a_warning(
    combine: str, tmp_path: Path
) -> None:
    pixels, probabilities = two_networks(dense(3, "softmax"), dense(3, "softmax"))
    inner = keras.Model(pixels, getattr(keras.layers, combine)(name="combined")(probabilities))
    model = keras.Sequential([keras.Input((16, 16, 3)), inner, keras.layers.Dropout(0.5)])
    answers = model(picture(0, 16, 16)[None].astype(np.float32))
    facts = tried(model, tmp_path)
    assert facts.output == "probabilities"
    [warning] = [note for note in facts.notes if note.startswith("Warning: its last layer, dropout")]
    assert "divided by their sum" in warning and ("but to 2." in warning) == (combine == "Add")
    found = served(facts, tmp_path, ("a", "b", "c"), picture(0, 16, 16), 1.0)
    np.testing.assert_allclose(found.pred_probs, np.asarray(answers / np.sum(answers))[0], atol=1e-5)
    average = keras.layers.Average()(probabilities)
    assert not [note for note in tried(keras.Model(pixels, average), tmp_path).notes if "Warning" in note]


def test_outputs_of_weights_behind_a_softmax_are_logits(tmp_path: Path) -> None:
    pixels, probabilities = two_networks(dense(3, "softmax"), dense(3, "softmax"))
    last = keras.layers.Dense(3, activation="relu", kernel_initializer="ones")
    facts = tried(keras.Model(pixels, last(keras.layers.Add()(probabilities))), tmp_path)
    assert facts.output == "logits" and not [note for note in facts.notes if "Warning" in note]


def test_a_mean_of_sigmoids_for_several_classes_is_refused_as_one_of_them_is(tmp_path: Path) -> None:
    pixels, each = two_networks(dense(3, "sigmoid"), dense(3, "sigmoid"))
    error = refused("multi_label", keras.Model(pixels, keras.layers.Average()(each)), tmp_path)
    assert "give each network a softmax instead of its sigmoid" in error.fix
    first = keras.layers.Softmax()(keras.layers.Average()(each))
    assert tried(keras.Model(pixels, first), tmp_path).output == "probabilities"


def test_a_mean_of_softmaxes_in_half_precision_gives_probabilities(tmp_path: Path) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        pixels, probabilities = two_networks(dense(10, "softmax"), dense(10, "softmax"))
        model = keras.Model(pixels, keras.layers.Average(name="mean")(probabilities))
    finally:
        keras.config.set_dtype_policy("float32")
    model.set_weights([8 * weight for weight in model.get_weights()])
    sums = np.sum(keras.ops.cast(model(picture(0, 16, 16)[None].astype(np.float32)), "float32"))
    facts = tried(model, tmp_path)
    assert facts.output == "probabilities" and not [note for note in facts.notes if "Warning" in note], sums


def test_both_probabilities_of_a_sigmoid_get_logits_and_keep_their_answers(tmp_path: Path) -> None:
    """Also those that the advice on a mean of two sigmoids makes."""
    pixels, seconds = two_networks(dense(1, "sigmoid"), dense(1, "sigmoid"))
    model = keras.Model(pixels, keras.layers.Average()(seconds))
    error = refused("model_shape", model, tmp_path)
    assert "If it is the probability of the second class, save a model that gives both: " in error.fix
    both = eval(error.fix.split("`")[1], {"keras": keras, "model": model})
    same_answers(both, tmp_path, "a softmax over them was added")


def test_the_output_that_is_named_as_an_example_can_be_used(tmp_path: Path) -> None:
    pixels = keras.Input((8, 8, 3))
    grid = keras.layers.Conv2D(2, 3, name="grid")(pixels)
    flat = keras.layers.Flatten()(grid)
    age, head = keras.layers.Dense(1, name="age")(flat), keras.layers.Dense(3, "softmax", name="head")(flat)
    assert "--output head" in refused("several_outputs", keras.Model(pixels, [grid, age, head]), tmp_path).fix
    fix = refused("several_outputs", keras.Model(pixels, [grid, grid]), tmp_path).fix
    assert "--output" not in fix and "Dense layer with one unit per class" in fix
