"""Models of Keras 2 and of Keras 3 in every format, compared with the Keras that wrote them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from dashboard.core.errors import ModelError
from dashboard.worker.adding.foreign_file import load_foreign
from dashboard.worker.models.loading import load_file
from dashboard.worker.models.network import Network
from dashboard.worker.models.taps import Taps
from tests.small_model import edit_hdf5
from tests.worker.adding.miniatures import BACKBONES, miniature

tf_keras = pytest.importorskip("tf_keras", reason="tf_keras, the Keras 2 that still runs, is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:.*HDF5 file via:UserWarning")  # .h5 is what is tested


def check(model: Any, path: Path) -> keras.Model:
    """Loads the file and compares with the model that was saved."""
    inputs = np.random.default_rng(0).random((2, *model.input_shape[1:])).astype(np.float32)
    wanted = np.asarray(model(inputs, training=False))
    converted = load_foreign(path, path.name)
    assert np.abs(np.asarray(converted(inputs, training=False)) - wanted).max() < 1e-5
    assert np.ptp(wanted) > 1e-4, "all equal answers would prove nothing"
    return converted


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
@pytest.mark.parametrize("name", BACKBONES)
def test_architectures(name: str, nested: bool, tmp_path: Path) -> None:
    for lib in (keras, tf_keras):
        model = miniature(lib, name, nested)
        for suffix in ("h5", "keras"):
            model.save(tmp_path / f"{lib.__name__}.{suffix}")
            converted = check(model, tmp_path / f"{lib.__name__}.{suffix}")
        if nested and lib is tf_keras:  # as it is served: saved by this Keras, loaded again, and explained
            converted.save(tmp_path / "served.keras")
            served = load_file((tmp_path / "served.keras").read_bytes(), "it")
            network = Network(Taps(served, "probabilities"))
            inputs = np.random.default_rng(1).random((1, *served.input_shape[1:])).astype(np.float32)
            logits = network.logits(inputs)
            assert np.allclose(keras.ops.softmax(logits), model(inputs, training=False), atol=1e-5)
            layer = network.taps.default_layer()
            activations, gradients = network.activations(inputs, logits.argmax(axis=1), layer)
            assert activations.any() and gradients.any()


@pytest.mark.parametrize("name", ["mobilenet_v3", "vgg16", "convnext"])
def test_saved_model_folders(name: str, tmp_path: Path) -> None:
    model = miniature(tf_keras, name, nested=name == "vgg16")
    model.save(tmp_path / "saved", save_format="tf")
    check(model, tmp_path / "saved")


def test_a_damaged_saved_model_is_refused_as_damaged(tmp_path: Path) -> None:
    small(tf_keras, tf_keras.layers.Flatten(), tf_keras.layers.Dense(2)).save(tmp_path / "saved", save_format="tf")
    rng, refused = np.random.default_rng(0), 0
    for name in ("keras_metadata.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"):
        file = tmp_path / "saved" / name
        sound = file.read_bytes()
        for number in range(60):
            damaged = np.frombuffer(sound, np.uint8).copy()
            damaged[rng.integers(0, len(damaged), 1 + number % 8)] ^= rng.integers(1, 256, dtype=np.uint8)
            file.write_bytes(damaged.tobytes() if number % 4 else sound[: rng.integers(len(sound))])
            try:
                load_foreign(tmp_path / "saved", "saved")
            except ModelError as error:  # no other kind
                refused += error.code == "model_damaged"
        file.write_bytes(sound)
    assert refused > 90


@pytest.mark.parametrize(
    ("lib", "write"),
    [
        (keras, lambda model, path: model.export(path, verbose=False)),
        (tf_keras, lambda model, path: model.export(path)),
        (tf_keras, tf.saved_model.save),
    ],
)
def test_a_saved_model_without_keras_layers(lib: Any, write: Any, tmp_path: Path) -> None:
    write(small(lib, lib.layers.Flatten(), lib.layers.Dense(2)), str(tmp_path / "exported"))
    with pytest.raises(ModelError, match="without its Keras layers") as refused:
        load_foreign(tmp_path / "exported", "exported")
    assert refused.value.code == "model_format" and "In the code that made the model" in refused.value.fix


def small(lib: Any, *layers: Any, size: int = 12) -> Any:
    model = lib.Sequential([lib.Input((size, size, 3)), *layers])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0.5, 0.2, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def layers_of_keras_2() -> dict[str, list[Any]]:
    k = tf_keras.layers
    end = [k.GlobalAveragePooling2D(), k.Dense(3, activation="softmax")]
    return {
        "hard sigmoid": [k.Conv2D(4, 3, activation="hard_sigmoid"), k.Activation("hard_sigmoid"), *end],
        "leaky relu": [k.Conv2D(4, 3), k.LeakyReLU(0.2), k.ReLU(max_value=2.0, negative_slope=0.1), *end],
        "swish": [k.Conv2D(4, 3, activation="swish"), k.Activation("relu6"), *end],
        "depthwise": [k.DepthwiseConv2D(3, depth_multiplier=2), k.SeparableConv2D(4, 3, use_bias=False), *end],
        "normalised": [k.BatchNormalization(), k.Conv2D(4, 3), k.LayerNormalization(), k.BatchNormalization(), *end],
        "scaled": [k.Rescaling(1 / 127.5, offset=-1), k.Resizing(8, 8), k.Conv2D(4, 3, activation=tf_keras.layers.ELU()), *end],
        "normalization": [k.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 1, 2]), k.Conv2D(4, 3), *end],
        "augmented": [k.RandomFlip(), k.RandomRotation(0.1), k.RandomZoom(0.1), k.GaussianNoise(0.1), k.Conv2D(4, 3), k.Dropout(0.2), *end],
        "transposed": [k.Conv2DTranspose(4, 3), k.UpSampling2D(2), k.Cropping2D(1), k.ZeroPadding2D(((0, 1), (1, 0))), k.Flatten(), k.Dense(3)],
        "dropped": [k.Conv2D(6, 3), k.SpatialDropout2D(0.2), k.GaussianDropout(0.2), k.AlphaDropout(0.1), k.RandomContrast(0.1), *end],
        "grouped": [k.Conv2D(6, 3), k.Conv2D(6, 3, groups=3), k.PReLU(shared_axes=[1, 2]), *end],
    }  # fmt: skip


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("what", layers_of_keras_2())
def test_layers_of_keras_2(what: str, suffix: str, tmp_path: Path) -> None:
    model = small(tf_keras, *layers_of_keras_2()[what])
    model.save(tmp_path / f"m.{suffix}")
    check(model, tmp_path / f"m.{suffix}")


@pytest.mark.parametrize("layer", [keras.layers.SpatialDropout2D(0.2), keras.layers.RandomContrast(0.1)])
def test_layers_of_keras_3_in_an_h5_file(layer: Any, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((16, 16, 3)), layer, keras.layers.Conv2D(4, 3), keras.layers.Flatten()])
    model.save(tmp_path / "m.h5")
    check(model, tmp_path / "m.h5")


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("frozen", [True, False])
def test_a_model_in_a_model_in_a_model(suffix: str, frozen: bool, tmp_path: Path) -> None:
    """Of a frozen model, an .h5 file holds the weights in another order."""
    k = tf_keras.layers
    inner = small(tf_keras, k.Conv2D(4, 3), k.BatchNormalization(), k.Conv2D(4, 3), k.BatchNormalization())
    inner.trainable = not frozen
    middle = tf_keras.Sequential(
        [tf_keras.Input((12, 12, 3)), inner, k.BatchNormalization(), k.GlobalAveragePooling2D()]
    )
    model = small(tf_keras, k.RandomFlip(), middle, tf_keras.Sequential([k.Dense(5), k.Dense(3, activation="softmax")]))
    model.save(tmp_path / f"m.{suffix}")
    check(model, tmp_path / f"m.{suffix}")


@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_a_shared_model_and_arithmetic_of_tensorflow(suffix: str, tmp_path: Path) -> None:
    import tensorflow as tf

    k = tf_keras.layers
    shared = small(tf_keras, k.Conv2D(3, 3, padding="same", name="conv"))
    inputs = tf_keras.Input((12, 12, 3))
    x = tf_keras.applications.vgg16.preprocess_input(inputs) if suffix == "h5" else inputs  # .keras cannot store [...]
    x = tf_keras.applications.imagenet_utils.preprocess_input(x, mode="torch")
    x = k.Add(name="add")([shared(x), shared(shared(x))])
    x = x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0)
    x = 2.0 - tf.concat([x, x[:, :, :, 0:1]], -1)
    x = tf.reduce_mean(tf.image.resize(x, (6, 6)), [1, 2])
    model = tf_keras.Model(inputs, tf.nn.softmax(k.Dense(3)(x)))
    model.save(tmp_path / f"m.{suffix}")
    converted = check(model, tmp_path / f"m.{suffix}")
    converted.save(tmp_path / "served.keras")
    check(converted, tmp_path / "served.keras")


@pytest.mark.parametrize(
    "argument", [{"preserve_aspect_ratio": True}, {"method": "area"}, {"preserve_aspect_ratio": False}]
)
def test_an_argument_of_tensorflow_that_would_change_the_answers_is_refused(
    argument: dict[str, Any], tmp_path: Path
) -> None:
    import tensorflow as tf

    inputs = tf_keras.Input((12, 12, 3))
    x = tf.reduce_max(tf.image.resize(inputs, (6, 8), **argument), [1, 2])
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(3)(x))
    model.save(tmp_path / "m.h5")
    if argument == {"preserve_aspect_ratio": False}:
        check(model, tmp_path / "m.h5")
        return
    with pytest.raises(
        ModelError, match=r"calls tf\.image\.resize between its layers .* cannot be converted: "
    ) as caught:
        load_foreign(tmp_path / "m.h5", "m.h5")
    assert caught.value.code == "model_unreadable" and "layers of Keras instead" in caught.value.fix


def test_a_bias_for_channels_first_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    inputs = tf_keras.Input((3, 3, 3))
    x = tf.nn.bias_add(inputs, [1.0, 2.0, 3.0], data_format="NCHW")
    tf_keras.Model(inputs, tf_keras.layers.Dense(3)(tf_keras.layers.Flatten()(x))).save(tmp_path / "m.h5")
    with pytest.raises(ModelError, match="data_format NCHW is not supported"):
        load_foreign(tmp_path / "m.h5", "m.h5")


def test_a_file_of_keras_2_13(tmp_path: Path) -> None:
    """It lists each layer twice if it has weights, so that their numbers in the paths are others."""
    import h5py  # type: ignore[import-untyped]

    k = tf_keras.layers
    inner = small(tf_keras, k.Conv2D(4, 3), k.Conv2D(4, 3), k.ReLU(), k.ReLU())
    model = small(tf_keras, inner, k.Conv2D(4, 3), k.ReLU(), k.Conv2D(4, 3), k.Flatten(), k.Dense(3))
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (tmp_path / "new.h5").write_bytes(members["model.weights.h5"])
    with h5py.File(tmp_path / "new.h5") as new, h5py.File(tmp_path / "old.h5", "w") as old:
        top = "_layer_checkpoint_dependencies"
        for before, after in {
            "layers/sequential/layers/conv2d": f"{top}/sequential/{top}/conv2d",
            "layers/sequential/layers/conv2d_1": f"{top}/sequential/{top}/conv2d_2",
            "layers/conv2d": f"{top}/conv2d",
            "layers/conv2d_1": f"{top}/conv2d_2",
            "layers/dense": f"{top}/dense",
        }.items():
            for number, value in new[before]["vars"].items():
                old[f"{after}/vars/{number}"] = value[()]
    members["model.weights.h5"] = (tmp_path / "old.h5").read_bytes()
    members["metadata.json"] = b'{"keras_version": "2.13.1"}'
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    check(model, tmp_path / "m.keras")


def test_nodes_of_tensorflows_graph_as_keras_2_1_stored_them(tmp_path: Path) -> None:
    """x[..., ::-1] - mean, which is `preprocess_input` of VGG and ResNet."""
    k = tf_keras.layers
    model = small(tf_keras, k.Conv2D(4, 3, name="conv"), k.Flatten(), k.Dense(3, activation="softmax"))
    inputs = tf_keras.Input((12, 12, 3), name="pixels")
    tf_keras.Model(
        inputs, model(k.Activation("linear", name="flip")(k.Activation("linear", name="mean")(inputs)))
    ).save(tmp_path / "m.h5")

    def as_nodes(config: dict[str, Any]) -> None:
        masks = {"ellipsis_mask": {"i": "1"}, "begin_mask": {"i": "2"}, "end_mask": {"i": "2"}}
        nodes = {
            "mean": ({"op": "BiasAdd"}, {"1": [-1.0, -2.0, -3.0]}),
            "flip": ({"op": "StridedSlice", "attr": masks}, {"1": [0, 0], "2": [0, 0], "3": [1, -1]}),
        }
        for layer in config["config"]["layers"]:
            if layer["name"] in nodes:
                node, constants = nodes[layer["name"]]
                layer["class_name"] = "TensorFlowOpLayer"
                layer["config"] = {
                    "name": layer["name"],
                    "trainable": True,
                    "dtype": "float32",
                    "node_def": node,
                    "constants": constants,
                }

    edit_hdf5(tmp_path / "m.h5", as_nodes)
    converted = load_foreign(tmp_path / "m.h5", "m.h5")
    x = np.random.default_rng(0).random((2, 12, 12, 3)).astype(np.float32)
    assert np.allclose(converted(x), model((x - np.array([1, 2, 3], np.float32))[..., ::-1]), atol=1e-6)


def test_models_without_a_name_as_keras_2_0_stored_them(tmp_path: Path) -> None:
    k = tf_keras.layers
    first = small(tf_keras, k.Conv2D(4, 3), k.BatchNormalization())
    last = tf_keras.Sequential([tf_keras.Input((10, 10, 4)), k.Flatten(), k.Dense(3)])
    model = tf_keras.Sequential([tf_keras.Input((12, 12, 3)), first, last])
    model.save(tmp_path / "m.h5")

    def unnamed(config: dict[str, Any]) -> None:
        config["config"] = config["config"]["layers"][1:]
        for layer in config["config"]:
            layer["config"] = layer["config"]["layers"]

    edit_hdf5(tmp_path / "m.h5", unnamed)
    check(model, tmp_path / "m.h5")


@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_mixed_precision_is_computed_in_float32(suffix: str, tmp_path: Path) -> None:
    def build(policy: str) -> Any:
        k, kind = tf_keras.layers, {"dtype": tf_keras.mixed_precision.Policy(policy)}
        return small(tf_keras, k.Conv2D(4, 3, **kind), k.GlobalAveragePooling2D(**kind), k.Dense(3, "softmax", **kind))

    build("mixed_float16").save(tmp_path / f"m.{suffix}")
    check(build("float32"), tmp_path / f"m.{suffix}")


@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_the_hard_sigmoid_of_keras_3_is_another_one(suffix: str, tmp_path: Path) -> None:
    k = keras.layers
    end = [k.Activation("hard_sigmoid"), k.GlobalAveragePooling2D(), k.Dense(3, activation="softmax")]
    model = small(keras, k.Conv2D(4, 3, activation="hard_sigmoid"), *end)
    model.save(tmp_path / f"m.{suffix}")
    check(model, tmp_path / f"m.{suffix}")


def test_a_model_without_a_stated_input_that_is_called_twice(tmp_path: Path) -> None:
    """Its calls are counted from 0, those of a model with an input from 1."""
    k = tf_keras.layers
    twice = tf_keras.Sequential([k.Conv2D(3, 3, padding="same"), k.ReLU()])
    inputs = tf_keras.Input((12, 12, 3))
    first = twice(inputs)
    x = k.Concatenate()([first, twice(k.Dropout(0.1)(first)) * 2.0])
    model = tf_keras.Model(inputs, k.Dense(3, activation="softmax")(k.Flatten()(x)))
    model.save(tmp_path / "m.h5")
    check(model, tmp_path / "m.h5")


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    import h5py  # type: ignore[import-untyped]

    k = tf_keras.layers
    small(tf_keras, k.Conv2D(4, 3, name="a"), k.BatchNormalization(name="b"), k.Flatten(), k.Dense(3)).save(
        tmp_path / "m.h5"
    )
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        names = list(file["model_weights/b"].attrs["weight_names"])
        file["model_weights/b"].attrs["weight_names"] = [names[1], names[0], *names[2:]]
    with pytest.raises(ModelError, match="the weights of 'b' do not fit"):
        load_foreign(tmp_path / "m.h5", "m.h5")


def test_code_of_the_file_is_named(tmp_path: Path) -> None:
    class Squeeze(tf_keras.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, inputs: Any) -> Any:
            return inputs

    small(tf_keras, Squeeze(), tf_keras.layers.Flatten(), tf_keras.layers.Dense(3)).save(tmp_path / "m.h5")
    with pytest.raises(ModelError, match="of the class Squeeze") as refused:
        load_foreign(tmp_path / "m.h5", "m.h5")
    assert refused.value.code == "custom_layer"
    small(tf_keras, tf_keras.layers.Lambda(lambda x: x), tf_keras.layers.Flatten(), tf_keras.layers.Dense(3)).save(
        tmp_path / "l.h5"
    )
    with pytest.raises(ModelError, match="is a Lambda, which can run any code"):
        load_foreign(tmp_path / "l.h5", "l.h5")
