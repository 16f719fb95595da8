"""Compares logits and activations of every kind of model with a reference in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dashboard.core.errors import ModelError
from dashboard.worker.explanations.grad_cam import grad_cam
from dashboard.worker.explanations.unit_range import to_unit_range
from dashboard.worker.models.loading import load_file
from dashboard.worker.models.taps import Taps
from tests.worker.adding.miniatures import miniature
from tests.worker.reference_models import (
    Array,
    K,
    as_functional,
    as_sequential,
    features,
    heads,
    images,
    in_numpy,
    reference,
    scramble,
)

pytestmark = pytest.mark.usefixtures("fixed")


def check(
    model: keras.Model, parts: list[layers.Layer], upto: str, tap_name: str, output: str, x: Array, tolerance: float
) -> Array:
    """Compares with the reference and returns the maps in [0, 1]."""
    taps = Taps(model, output)
    target = np.array([1, 0])
    logits, activations, gradients = (
        t.numpy() for t in taps.gradients(tf.constant(x), tf.constant(target, tf.int32), taps.layer(tap_name))
    )
    wanted_logits, wanted_activations, wanted_gradients = reference(parts, upto, x, target)
    scale = np.abs(wanted_gradients).max()
    assert np.abs(logits - wanted_logits).max() < 1e-4 * max(1, np.abs(wanted_logits).max())
    assert np.abs(taps.logits(tf.constant(x)).numpy() - wanted_logits).max() < 1e-4 * max(
        1, np.abs(wanted_logits).max()
    )
    assert np.abs(activations - wanted_activations).max() < 1e-4
    assert scale > 1e-3, "a gradient of zero would prove nothing"
    assert np.abs(gradients - wanted_gradients).max() < tolerance * max(1, scale)
    maps, _ = to_unit_range(grad_cam(activations, gradients))
    weights = wanted_gradients.mean(axis=(1, 2))  # a second Grad-CAM, in loops
    wanted_maps = np.zeros(wanted_activations.shape[:3])
    for n, h, w in np.ndindex(wanted_maps.shape):
        wanted_maps[n, h, w] = max(
            0.0, sum(a * b for a, b in zip(wanted_activations[n, h, w], weights[n], strict=True))
        )
    peaks = wanted_maps.max(axis=(1, 2), keepdims=True)
    assert peaks.max() > 0
    assert (
        np.abs(maps - np.divide(wanted_maps, peaks, out=np.zeros_like(wanted_maps), where=peaks > 0)).max() < tolerance
    )
    return maps


HEADS = ["gap-fused", "gap-activation", "gap-layer", "gap-logits", "flatten-fused", "flatten-logits"]


@pytest.mark.parametrize("build", [as_sequential, as_functional])
@pytest.mark.parametrize("kind", HEADS)
def test_a_plain_models(build: Callable[..., keras.Model], kind: str) -> None:
    parts = [*features(), *heads(kind)]
    model = build(parts)
    scramble(model)
    output = "logits" if kind.endswith("logits") else "probabilities"
    check(model, parts, "conv2", "conv2", output, images(), 1e-4)
    check(model, parts, "conv1", "conv1", output, images(), 1e-4)


@pytest.mark.parametrize("inner", [as_sequential, as_functional])
@pytest.mark.parametrize("outer", [as_sequential, as_functional])
@pytest.mark.parametrize("kind", ["gap-fused", "flatten-layer"])
def test_a_nested_backbones(inner: Callable[..., keras.Model], outer: Callable[..., keras.Model], kind: str) -> None:
    body, head = features(), heads(kind)
    backbone = inner(body)
    model = outer([backbone, *head])
    scramble(model)
    check(model, [*body, *head], "conv2", f"{backbone.name}/conv2", "probabilities", images(), 1e-4)


@pytest.mark.parametrize("outer", [as_sequential, as_functional])
def test_a_layer_before_a_nested_backbone(outer: Callable[..., keras.Model]) -> None:
    """The usual order in transfer learning: scaling or augmentation, then the backbone."""
    body, head = features(), heads("gap-fused")
    backbone = as_functional(body)
    before = [layers.RandomFlip("horizontal"), layers.Rescaling(0.5, name="before")]
    model = outer([*before, as_functional([backbone]), *head])
    scramble(model)
    name = next(name for name in (x.name for x in Taps(model, "probabilities").conv_layers) if name.endswith("/conv2"))
    check(model, [before[1], *body, *head], "conv2", name, "probabilities", images(), 1e-4)


def test_a_nested_head() -> None:
    """The softmax is inside a nested model."""
    body, end = features(), heads("gap-fused")
    classifier = keras.Sequential([keras.Input((6, 6, 7)), *end])
    model = as_functional([*body, classifier])
    scramble(model)
    check(model, [*body, *end], "conv2", "conv2", "probabilities", images(), 1e-4)


def test_a_backbone_for_any_size() -> None:
    body, head = features(), heads("gap-fused")
    inputs = x = keras.Input((None, None, 3))
    for part in body:
        x = part(x)
    backbone = keras.Model(inputs, x)
    model = as_functional([backbone, *head])
    scramble(model)
    check(model, [*body, *head], "conv2", f"{backbone.name}/conv2", "probabilities", images(), 1e-4)


def test_a_model_for_any_size_has_layers_once_a_size_is_given() -> None:
    inputs = x = keras.Input((None, None, 3))
    for part in [*features(), *heads("gap-fused")]:
        x = part(x)
    model = keras.Model(inputs, x)
    assert Taps(model, "probabilities").conv_layers == ()
    taps = Taps(model, "probabilities", (12, 12, 3))
    assert taps.default_layer().name == "conv2" and taps.default_layer().grid == (6, 6)


@pytest.mark.parametrize("fused", [True, False])
def test_a_one_sigmoid_unit(fused: bool) -> None:
    end = (
        [layers.Dense(1, activation="sigmoid", name="out")]
        if fused
        else [layers.Dense(1), layers.Activation("sigmoid")]
    )
    parts = [*features(), layers.GlobalAveragePooling2D(), *end]
    model = as_functional(parts)
    scramble(model)
    check(model, parts, "conv2", "conv2", "probabilities", images(), 1e-4)
    logits = Taps(model, "probabilities").logits(tf.constant(images())).numpy()
    both = keras.ops.softmax(logits).numpy()
    assert np.allclose(both[:, 1], model.predict(images(), verbose=0)[:, 0], atol=1e-6)
    assert np.allclose(both.sum(axis=1), 1)


def test_a_grayscale() -> None:
    parts = [*features(), *heads("gap-fused")]
    model = as_sequential(parts, channels=1)
    scramble(model)
    check(model, parts, "conv2", "conv2", "probabilities", images(1), 1e-4)


def test_a_mixed_bfloat16() -> None:
    """Compared with the same model in float32: with bfloat16's 8 bits, finite differences of logits mean nothing."""
    full = [*features(), *heads("gap-fused")]
    model = as_functional(full)
    scramble(model)
    keras.config.set_dtype_policy("mixed_bfloat16")
    half = as_functional([*features(), *heads("gap-fused")])
    half.set_weights(model.get_weights())
    target = tf.constant([1, 0], tf.int32)
    maps = []
    for m in (model, half):
        taps = Taps(m, "probabilities")
        logits, activations, gradients = taps.gradients(tf.constant(images()), target, taps.layer("conv2"))
        assert {t.dtype for t in (logits, activations, gradients)} == {tf.float32}
        maps.append(to_unit_range(grad_cam(activations.numpy(), gradients.numpy()))[0])
    assert maps[0].max() == 1 and np.abs(maps[0] - maps[1]).max() < 0.1


def test_a_residual_model_with_a_shared_layer() -> None:
    """A graph with a branch: the gradient at the end of a block equals one from a separate GradientTape."""
    conv, again = layers.Conv2D(4, 3, padding="same", name="conv"), layers.Conv2D(4, 3, padding="same", name="again")
    act, gap, out = (
        layers.Activation("silu", name="act"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(K, activation="softmax"),
    )
    inputs = keras.Input((12, 12, 3))
    x = conv(inputs)
    x = layers.Add(name="add")([again(act(x)), x])
    model = keras.Model(inputs, out(gap(act(x))))
    scramble(model)
    taps = Taps(model, "probabilities")
    assert {layer.name for layer in taps.conv_layers} == {"conv", "again", "add", "act"}
    target = tf.constant([2, 4], tf.int32)
    _, activations, gradients = taps.gradients(tf.constant(images()), target, taps.layer("add"))
    a = tf.Variable(activations)
    with tf.GradientTape() as tape:
        logits = tf.matmul(gap(act(a)), out.kernel) + out.bias
        chosen = tf.gather(logits, target, axis=1, batch_dims=1)
    assert np.abs(tape.gradient(chosen, a).numpy() - gradients.numpy()).max() < 1e-5


@pytest.mark.parametrize("kind", ["gap-fused", "flatten-layer"])
def test_a_sequential_that_was_saved_and_loaded(tmp_path: Path, kind: str) -> None:
    """For such a model, Keras reports that it "has never been called and thus has no defined output"."""
    model = as_sequential([*features(), *heads(kind)])
    scramble(model)
    model.save(tmp_path / "m.keras")
    loaded = load_file((tmp_path / "m.keras").read_bytes(), "it")
    check(loaded, loaded.layers, "conv2", "conv2", "probabilities", images(), 1e-4)


def test_a_the_shared_model(shared_dir: Path) -> None:
    model = load_file((shared_dir / "models" / "cifar10_cnn_model.keras").read_bytes(), "it")
    taps = Taps(model, "probabilities")
    x = np.random.default_rng(0).random((4, 32, 32, 3)).astype(np.float32)
    probs = keras.ops.softmax(taps.logits(tf.constant(x))).numpy()
    assert np.abs(probs - model.predict(x, verbose=0)).max() < 1e-5
    layer = taps.default_layer()
    assert min(layer.grid) >= 4
    target = np.array([1, 2, 3, 4])
    _, activations, gradients = taps.gradients(tf.constant(x), tf.constant(target, tf.int32), layer)
    maps, empty = to_unit_range(grad_cam(activations.numpy(), gradients.numpy()))
    assert not empty.all()
    # the same computed layer by layer, without the last softmax
    names = [part.name for part in model.layers]
    cut = names.index(layer.name) + 1
    with tf.GradientTape() as tape:
        a = tf.constant(x)
        for part in model.layers[:cut]:
            a = part(a, training=False)
        tape.watch(a)
        t = a
        for part in model.layers[cut:-1]:
            t = part(t, training=False)
        t = tf.matmul(t, model.layers[-1].kernel) + model.layers[-1].bias
        chosen = tf.gather(t, target, axis=1, batch_dims=1)
    wanted, _ = to_unit_range(grad_cam(a.numpy(), tape.gradient(chosen, a).numpy()))
    assert np.abs(maps - wanted).max() < 1e-4


def maps_of(model: keras.Model, output: str, target: int, x: Array) -> tuple[Array, Array]:
    taps = Taps(model, output)
    _, activations, gradients = taps.gradients(
        tf.constant(x), tf.constant([target] * len(x), tf.int32), taps.default_layer()
    )
    return to_unit_range(grad_cam(activations.numpy(), gradients.numpy()))


def test_b_softmax_fused_and_logit_copies_give_the_same_map_also_when_the_softmax_is_saturated() -> None:
    fused, plain = as_functional([*features(), *heads("gap-fused")]), as_functional([*features(), *heads("gap-logits")])
    scramble(fused)
    weights = fused.get_weights()
    fused.set_weights([*weights[:-2], weights[-2] * 200, weights[-1]])  # probabilities of exactly 0 and 1
    plain.set_weights(fused.get_weights())
    assert fused.predict(images(), verbose=0).max() == 1.0
    for target in range(K):
        (one, empty), (other, _) = (
            maps_of(fused, "probabilities", target, images()),
            maps_of(plain, "logits", target, images()),
        )
        assert np.abs(one - other).max() < 1e-5
    assert not empty.all()


def test_g_another_target_gives_another_map() -> None:
    model = as_functional([*features(), *heads("gap-fused")])
    scramble(model)
    maps = [maps_of(model, "probabilities", t, images())[0] for t in range(K)]
    assert all(np.abs(maps[i] - maps[j]).max() > 0.01 for i in range(K) for j in range(i))


def test_a_map_without_positive_evidence_is_empty_and_said_to_be() -> None:
    model = as_functional(
        [
            layers.Conv2D(3, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, name="out"),
        ]
    )
    conv, out = model.get_layer("conv"), model.get_layer("out")
    conv.set_weights([np.abs(conv.kernel.numpy()), np.ones(3)])
    out.set_weights([np.stack([np.ones(3), -np.ones(3)], axis=1), np.zeros(2)])
    maps, empty = maps_of(model, "logits", 1, np.abs(images()))
    assert empty.all() and (maps == 0).all()
    assert not maps_of(model, "logits", 0, np.abs(images()))[1].any()


def test_the_model_itself_is_not_changed() -> None:
    model = as_sequential([*features(), *heads("gap-fused")])
    before, config = model.predict(images(), verbose=0), model.to_json()
    taps = Taps(model, "probabilities")
    taps.gradients(tf.constant(images()), tf.constant([0, 1], tf.int32), taps.default_layer())
    assert model.to_json() == config and np.array_equal(model.predict(images(), verbose=0), before)


def test_a_frame_around_a_map_is_no_layer_of_its_own() -> None:
    """MobileNet and ResNet have such padding before their strided convolutions."""
    model = keras.Sequential([
        layers.Input((16, 16, 3)), layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
        layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad"), layers.Cropping2D(1, name="crop"),
        layers.Conv2D(4, 3, strides=2, activation="relu", name="deep"), layers.GlobalAveragePooling2D(), layers.Dense(K),
    ])  # fmt: skip
    assert [layer.name for layer in Taps(model, "logits").conv_layers] == ["conv", "deep"]


def test_the_default_layer_is_the_deepest_with_a_grid_of_4() -> None:
    parts = [*features(), layers.MaxPooling2D(2, name="three"), layers.Conv2D(3, 2, name="two"), *heads("gap-fused")]
    taps = Taps(as_sequential(parts), "probabilities")
    assert {layer.name: layer.grid for layer in taps.conv_layers} == {
        "conv1": (12, 12), "norm": (12, 12), "pool": (6, 6), "conv2": (6, 6), "three": (3, 3), "two": (2, 2),
    }  # fmt: skip
    assert taps.default_layer().name == "conv2" and taps.layer("two").channels == 3
    with pytest.raises(ModelError, match="conv1, norm"):
        taps.layer("nothing")


class TestBranches:
    """Which branches of a network a layer does not lead to."""

    def unseen(self, *ends: keras.KerasTensor) -> dict[str, tuple[str, ...]]:
        """By layer, in a network whose logits are made of these tensors; without layers that lead to all of them."""
        vectors = [layers.GlobalAveragePooling2D()(end) for end in ends]
        last = layers.Concatenate()(vectors) if len(ends) > 1 else vectors[0]
        taps = Taps(keras.Model(self.pixels, layers.Dense(K)(last)), "logits", (12, 12, 3))
        return {layer.name: layer.unseen for layer in taps.conv_layers if layer.unseen}

    def setup_method(self) -> None:
        self.pixels = keras.Input((12, 12, 3))
        self.stem = self.conv("stem", self.pixels)

    def conv(self, name: str, x: keras.KerasTensor) -> keras.KerasTensor:
        return layers.Conv2D(4, 3, padding="same", activation="relu", name=name)(x)

    def test_networks_that_meet_behind_their_last_maps(self) -> None:
        left, right = self.conv("left", self.stem), self.conv("right", self.stem)
        assert self.unseen(left, right) == {"left": ("right",), "right": ("left",)}, "the stem leads to both"

    def test_several_networks_inside_a_model(self) -> None:
        inner = []
        for _ in range(3):
            pixels = keras.Input((12, 12, 3))
            end = layers.MaxPooling2D(name="pool")(self.conv("conv", pixels))
            inner.append(keras.Model(pixels, layers.Dense(K)(layers.Flatten()(end))))
        model = keras.Model(self.pixels, layers.Average()([member(self.pixels) for member in inner]))
        default = Taps(model, "logits").default_layer()
        first, second, third = (f"{member.name}/pool" for member in inner)
        assert (default.name, default.unseen) == (third, (first, second))

    def test_a_network_that_is_used_twice(self) -> None:
        """A map shows its last use only. That is not so if the other use leads to the last one."""
        pixels = keras.Input((12, 12, 3))
        inner = keras.Model(pixels, self.conv("conv", pixels), name="inner")
        on_both = [layers.GlobalAveragePooling2D()(inner(x)) for x in (self.pixels, keras.ops.flip(self.pixels, 2))]
        model = keras.Model(self.pixels, layers.Dense(K)(layers.Concatenate()(on_both)))
        [layer] = Taps(model, "logits").conv_layers
        assert (layer.name, layer.is_reused, layer.unseen) == ("inner/conv", True, ())
        shared = layers.Conv2D(3, 3, padding="same", name="shared")
        end = layers.GlobalAveragePooling2D()(shared(shared(self.pixels)))
        assert [each.is_reused for each in Taps(keras.Model(self.pixels, end), "logits").conv_layers] == [False]

    def test_a_part_that_looks_at_earlier_maps(self) -> None:
        assert self.unseen(self.stem, self.conv("deep", self.stem)) == {"deep": ("stem",)}

    def test_maps_that_meet_in_a_grid_are_no_branches(self) -> None:
        wide, narrow = self.conv("wide", self.stem), self.conv("narrow", self.stem)
        met = self.conv("met", layers.Concatenate()([wide, narrow]))
        weights = layers.Reshape((1, 1, 4))(layers.Dense(4)(layers.GlobalAveragePooling2D()(met)))
        squeezed = layers.Multiply(name="squeezed")([met, weights])
        skipped = layers.Add(name="skipped")([squeezed, met])
        assert self.unseen(layers.Dropout(0.5)(skipped)) == {}
        assert self.unseen(skipped, skipped) == {}, "two ways of pooling"

    @pytest.mark.parametrize("like", [keras.ops.ones_like, keras.ops.zeros_like])
    def test_the_size_of_an_earlier_map_is_no_path(self, like: Callable[..., keras.KerasTensor]) -> None:
        """Such as a token for the class, one for each picture."""
        deep = self.conv("deep", self.stem)
        vectors = [layers.GlobalAveragePooling2D()(each) for each in (self.stem, deep)]
        logits = layers.Dense(K)(layers.Concatenate()([like(vectors[0]), vectors[1]]))
        taps = Taps(keras.Model(self.pixels, logits), "logits")
        assert [layer.unseen for layer in taps.conv_layers] == [(), ()]

    @pytest.mark.parametrize("name", ["inception_v3", "mobilenet_v3", "nasnet_mobile"])
    def test_published_networks_have_none(self, name: str) -> None:
        taps = Taps(miniature(keras, name, nested=True), "probabilities")
        assert len(taps.conv_layers) > 10 and not any(layer.unseen for layer in taps.conv_layers)


def test_without_a_grid_there_is_no_map_but_there_are_logits() -> None:
    model = keras.Sequential([keras.Input((12, 12, 3)), layers.Flatten(), layers.Dense(K, activation="softmax")])
    taps = Taps(model, "probabilities")
    assert np.allclose(
        keras.ops.softmax(taps.logits(tf.constant(images()))), model.predict(images(), verbose=0), atol=1e-6
    )
    with pytest.raises(ModelError) as caught:
        taps.default_layer()
    assert caught.value.code == "no_conv_layer"


def test_probabilities_without_a_softmax_are_refused() -> None:
    with pytest.raises(ModelError) as caught:
        Taps(as_functional([*features(), *heads("gap-logits")]), "probabilities")
    assert caught.value.code == "no_logits"


@pytest.mark.parametrize("kind", ["gap-fused", "gap-activation", "gap-layer"])
def test_a_softmax_that_is_said_to_give_logits_is_refused(kind: str) -> None:
    with pytest.raises(ModelError) as caught:
        Taps(as_functional([*features(), *heads(kind)]), "logits")
    assert caught.value.code == "no_logits"


def embedding_of(model: keras.Model, output: str, x: Array) -> Array:
    return Taps(model, output).embeddings(tf.constant(x)).numpy()


@pytest.mark.parametrize("kind", ["gap-fused", "gap-activation", "gap-layer", "gap-logits", "flatten-fused"])
def test_embeddings_are_what_the_last_dense_layer_is_given(kind: str) -> None:
    parts = [*features(), *heads(kind)]
    model = as_functional(parts)
    scramble(model)
    x = images()
    wanted: Array = x.astype(np.float64)
    for part in parts:
        wanted = in_numpy(part, wanted, True)
        if part.name == "drop":
            break
    output = "logits" if kind.endswith("logits") else "probabilities"
    assert np.abs(embedding_of(model, output, x) - wanted).max() < 1e-5


def test_embeddings_where_the_last_layer_with_weights_is_a_convolution_or_there_is_none() -> None:
    x = images()
    body = features()
    end = [layers.Conv2D(K, 1, name="classes"), layers.GlobalAveragePooling2D(), layers.Softmax()]
    model = as_sequential([*body, *end])
    scramble(model)
    wanted: Array = x.astype(np.float64)
    for part in body:
        wanted = in_numpy(part, wanted, True)
    assert np.abs(embedding_of(model, "probabilities", x) - wanted.mean(axis=(1, 2))).max() < 1e-5
    bare = keras.Sequential([keras.Input((12, 12, 3)), layers.GlobalAveragePooling2D(), layers.Softmax()])
    assert np.allclose(embedding_of(bare, "probabilities", x), x.mean(axis=(1, 2)), atol=1e-6)


def test_embeddings_inside_a_nested_head() -> None:
    classifier = keras.Sequential([keras.Input((6, 6, 7)), *heads("gap-fused")])
    assert embedding_of(as_functional([*features(), classifier]), "probabilities", images()).shape == (2, 9)


def test_a_layer_that_is_used_again_counts_where_it_is_used_last() -> None:
    relu = layers.ReLU(name="relu")
    inputs = x = keras.Input((32, 32, 3))
    for i, stride in enumerate((1, 2, 2)):
        x = relu(layers.Conv2D(4, 3, strides=stride, padding="same", name=f"conv{i}")(x))
    model = keras.Model(inputs, layers.Dense(K)(layers.GlobalAveragePooling2D()(x)))
    taps = Taps(model, "logits")
    assert [layer.name for layer in taps.conv_layers] == ["conv0", "conv1", "conv2", "relu"]
    assert taps.default_layer().name == "relu" and taps.default_layer().grid == (8, 8)


@pytest.mark.parametrize("squash", [keras.ops.softmax, keras.activations.softmax, keras.activations.sigmoid])
def test_a_head_made_with_an_operation(squash: Callable[..., keras.KerasTensor]) -> None:
    inputs = keras.Input((8, 8, 3))
    logits = layers.Dense(K)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs)))
    model = keras.Model(inputs, squash(logits))
    x = np.random.default_rng(0).random((2, 8, 8, 3)).astype(np.float32)
    found = Taps(model, "probabilities").logits(tf.constant(x)).numpy()
    wanted = keras.Model(inputs, logits).predict(x, verbose=0)
    if squash is keras.activations.sigmoid:  # a softmax of the logarithms is sigmoids divided by their sum
        wanted = np.log(1 / (1 + np.exp(-wanted)))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    with pytest.raises(ModelError, match="gives probabilities"):
        Taps(model, "logits")


def test_a_nested_backbone_with_several_outputs() -> None:
    inner_inputs = keras.Input((16, 16, 3))
    first = layers.Conv2D(4, 3, activation="relu", name="first")(inner_inputs)
    second = layers.Conv2D(4, 3, activation="relu", name="second")(first)
    backbone = keras.Model(inner_inputs, [first, second], name="backbone")
    inputs = keras.Input((16, 16, 3))
    pooled = [layers.GlobalAveragePooling2D()(x) for x in backbone(inputs)]
    model = keras.Model(inputs, layers.Dense(K)(layers.Concatenate()(pooled)))
    x = np.random.default_rng(0).random((2, 16, 16, 3)).astype(np.float32)
    found = Taps(model, "logits").logits(tf.constant(x)).numpy()
    np.testing.assert_allclose(found, model.predict(x, verbose=0), atol=1e-5)


def test_nested_models_whose_layers_have_the_same_names() -> None:
    def backbone(name: str) -> keras.Model:
        return keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3, name="conv"), layers.Flatten()], name=name)

    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Dense(K)(layers.Concatenate()([backbone("a")(inputs), backbone("b")(inputs)])))
    taps = Taps(model, "logits")
    assert [layer.name for layer in taps.conv_layers] == ["a/conv", "b/conv"]
    x = images()[:, :8, :8]
    assert np.allclose(taps.logits(tf.constant(x)), model.predict(x, verbose=0), atol=1e-6)


def test_a_division_in_the_model_does_not_collide_with_ours() -> None:
    """The first `x / y` of a process and the model's own may both be called true_divide."""
    inputs = keras.Input((12, 12, 3))
    x = keras.ops.divide(inputs, 255.0)
    for part in [*features(), layers.GlobalAveragePooling2D(), layers.Dense(1)]:
        x = part(x)
    model = keras.Model(inputs, keras.ops.sigmoid(x))
    for operation in model.operations:
        if type(operation).__name__ in ("Divide", "TrueDivide"):
            operation._name = "true_divide"  # keras counts names, and other tests of this process have counted
    logits = Taps(model, "probabilities").logits(tf.constant(images())).numpy()
    assert np.allclose(keras.ops.softmax(logits)[:, 1], model.predict(images(), verbose=0)[:, 0], atol=1e-6)


def vision_transformer(class_token: bool = False) -> keras.Model:
    """Patches, two blocks of attention, and a classifier, of Keras' own layers."""
    inputs = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 4, strides=4, name="patches")(inputs)
    x = layers.Reshape((36, 8), name="tokens")(x)
    if class_token:
        x = layers.ZeroPadding1D((1, 0), name="with_class")(x)
    for block in ("1", "2"):
        y = layers.LayerNormalization()(x)
        x = layers.Add(name=f"attended{block}")([x, layers.MultiHeadAttention(2, 4)(y, y)])
        y = layers.Dense(16, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add(name=f"block{block}")([x, layers.Dense(8)(y)])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(name="last")(x))
    return keras.Model(inputs, layers.Dense(K, activation="softmax")(x))


def test_the_tokens_of_a_transformer_are_a_grid() -> None:
    model = vision_transformer()
    scramble(model)
    taps = Taps(model, "probabilities")
    assert {layer.grid for layer in taps.conv_layers} == {(6, 6)}
    layer = taps.default_layer()
    assert layer.name == "block2"
    x = np.random.default_rng(0).random((2, 24, 24, 3)).astype(np.float32)
    target = tf.constant([1, 0], tf.int32)
    logits, activations, gradients = taps.gradients(tf.constant(x), target, layer)
    assert np.allclose(keras.ops.softmax(logits), model.predict(x, verbose=0), atol=1e-5)
    tokens = keras.Model(model.inputs[0], model.get_layer("block2").output)
    head = [model.get_layer("last"), *model.layers[model.layers.index(model.get_layer("last")) + 1 :]]
    a = tf.Variable(tokens(x))
    with tf.GradientTape() as tape:
        t = a
        for part in head[:-1]:
            t = part(t)
        chosen = tf.gather(tf.matmul(t, head[-1].kernel) + head[-1].bias, target, axis=1, batch_dims=1)
    assert np.allclose(activations, tf.reshape(a, (2, 6, 6, 8)), atol=1e-5)
    assert np.allclose(gradients, tf.reshape(tape.gradient(chosen, a), (2, 6, 6, 8)), atol=1e-5)
    assert np.abs(gradients).max() > 1e-3


def test_the_heads_of_an_attention_are_no_grid() -> None:
    """They have four axes like a grid: picture, head, token and number."""
    inputs = keras.Input((24, 24, 3))
    tokens = layers.Reshape((36, 8), name="tokens")(layers.Conv2D(8, 4, strides=4, name="patches")(inputs))
    heads = [
        keras.ops.transpose(keras.ops.reshape(layers.Dense(8, name=n)(tokens), (-1, 36, 2, 4)), (0, 2, 1, 3))
        for n in "qkv"
    ]
    weights = keras.ops.softmax(keras.ops.matmul(heads[0], keras.ops.transpose(heads[1], (0, 1, 3, 2))))
    x = keras.ops.transpose(keras.ops.matmul(weights, heads[2]), (0, 2, 1, 3))
    x = layers.Add(name="attended")([tokens, layers.Dense(8, name="mixed")(keras.ops.reshape(x, (-1, 36, 8)))])
    taps = Taps(
        keras.Model(inputs, layers.Dense(K, activation="softmax")(layers.GlobalAveragePooling1D()(x))), "probabilities"
    )
    assert {layer.grid for layer in taps.conv_layers} == {(6, 6)}
    assert {"patches", "tokens", "q", "k", "v", "mixed", "attended"} <= {layer.name for layer in taps.conv_layers}


def test_channels_first_inside_a_model() -> None:
    """The grid, and the maps, are those of the same model with channels last. One number of channels is that of rows."""

    def built(first: bool) -> keras.Model:
        where = {"data_format": "channels_first" if first else "channels_last"}
        x = inputs = keras.Input((12, 8, 3))
        if first:
            x = layers.Permute((3, 1, 2))(x)
        x = layers.Conv2D(12, 3, padding="same", name="a", **where)(x)
        x = layers.ReLU(name="b")(x)
        x = layers.MaxPooling2D(name="c", **where)(x)
        x = layers.BatchNormalization(axis=1 if first else -1, name="d")(x)
        x = layers.GlobalMaxPooling2D(**where)(x)
        return keras.Model(inputs, layers.Dense(K, activation="softmax")(x))

    last, first = built(False), built(True)
    scramble(last)
    first.set_weights(last.get_weights())
    wanted, found = Taps(last, "probabilities"), Taps(first, "probabilities")
    assert found.conv_layers == wanted.conv_layers and [layer.name for layer in wanted.conv_layers] == list("abcd")
    x = tf.constant(np.random.default_rng(0).random((2, 12, 8, 3)).astype(np.float32))
    for layer in wanted.conv_layers:
        for a, b in zip(*(t.gradients(x, tf.constant([1, 0]), layer) for t in (wanted, found)), strict=True):
            assert np.allclose(a, b, atol=1e-5) and np.ptp(a) > 1e-4


@pytest.mark.parametrize(
    "crop",
    [
        layers.CenterCrop(8, 8), layers.Cropping2D(2), lambda x: x[:, 2:-2, 2:-2],
        lambda x: keras.ops.image.crop_images(x, top_cropping=2, bottom_cropping=2, left_cropping=2, right_cropping=2),
    ],
)  # fmt: skip
def test_a_grid_over_a_part_of_the_picture_gives_no_map(crop: Callable[..., keras.KerasTensor]) -> None:
    """It would be laid over the whole picture."""
    inputs = keras.Input((12, 12, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(crop(layers.Rescaling(1 / 255)(inputs))))
    assert Taps(keras.Model(inputs, layers.Dense(K, activation="softmax")(x)), "probabilities").conv_layers == ()


def test_colours_in_another_order_are_no_cropped_picture() -> None:
    inputs = keras.Input((12, 12, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="a")(inputs[..., ::-1]))
    taps = Taps(keras.Model(inputs, layers.Dense(K, activation="softmax")(x)), "probabilities")
    assert [layer.name for layer in taps.conv_layers] == ["a"]


def test_tokens_that_are_no_grid_give_no_map() -> None:
    taps = Taps(vision_transformer(class_token=True), "probabilities")
    assert {layer.name for layer in taps.conv_layers} == {"patches", "tokens"}
