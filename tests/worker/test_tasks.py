"""The tasks of a worker, run by a real worker."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard.core.datasets import open_dataset
from dashboard.core.engine.launching import INTERPRETER
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DashboardError, DependencyError, ImageError, ModelError
from dashboard.core.explanations.explainer import Explainer
from dashboard.core.explanations.methods import METHODS
from dashboard.core.explanations.records import MapRequest, SampleMap
from dashboard.core.models.inference import Inference
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion
from tests.conftest import ROOT, MakeZip, encoded, picture


def test_predictions_come_in_the_given_order_with_failures_in_their_places(
    inference: Inference, tiny_version: ModelVersion
) -> None:
    files = [encoded(picture(0)), b"", encoded(picture(1)), b"text", encoded(picture(0))]
    answers = inference.predict(tiny_version, files)
    assert [type(a) for a in answers] == [Prediction, Failure, Prediction, Failure, Prediction]
    assert [a.code for a in answers if isinstance(a, Failure)] == ["empty", "not_an_image"]
    first, _, other, _, again = answers
    assert isinstance(first, Prediction) and isinstance(other, Prediction) and isinstance(again, Prediction)
    assert np.allclose(first.pred_probs, again.pred_probs) and not np.allclose(first.pred_probs, other.pred_probs)
    assert first.pred_probs.sum() == pytest.approx(1) and first.confidence == first.pred_probs[first.class_id]


def test_no_images_and_images_that_all_fail(inference: Inference, tiny_version: ModelVersion) -> None:
    assert inference.predict(tiny_version, []) == []
    assert [type(a) for a in inference.predict(tiny_version, [b"", b"x"])] == [Failure, Failure]


def test_images_of_any_size_and_kind(inference: Inference, tiny_version: ModelVersion) -> None:
    files = [encoded(picture(1, w, h), f) for w, h, f in ((1, 1, "PNG"), (3000, 2000, "JPEG"), (31, 500, "GIF"))]
    assert all(isinstance(a, Prediction) for a in inference.predict(tiny_version, files))


def test_a_large_jpeg_gets_the_answer_of_the_same_picture_as_png(
    inference: Inference, tiny_version: ModelVersion
) -> None:
    large = Image.fromarray(picture(4)).resize((2000, 2000), Image.Resampling.BICUBIC)
    jpeg, png = encoded(large, "JPEG", quality=95), encoded(large)
    one, other = inference.predict(tiny_version, [jpeg, png])
    assert isinstance(one, Prediction) and isinstance(other, Prediction)
    assert np.abs(one.pred_probs - other.pred_probs).max() < 0.05


def test_explain(inference: Inference, explainer: Explainer, tiny_version: ModelVersion) -> None:
    file = encoded(picture(2))
    [prediction] = inference.predict(tiny_version, [file])
    assert isinstance(prediction, Prediction)
    shown = explainer.explain(tiny_version, file)
    assert shown.target_class == shown.prediction.class_id == prediction.class_id
    assert shown.layer and shown.layer.name == "conv_b" and shown.heatmap.shape == shown.layer.grid == (8, 8)
    assert shown.empty or (shown.heatmap.max() == 1 and shown.heatmap.min() >= 0)
    assert [layer.name for layer in shown.layers] == ["conv_a", "conv_b"]


def test_explain_another_layer_and_target(explainer: Explainer, tiny_version: ModelVersion) -> None:
    file = encoded(picture(2))
    maps = [
        explainer.explain(tiny_version, file, MapRequest(layer="conv_b", target=name))
        for name in tiny_version.class_names
    ]
    assert [m.target_class for m in maps] == list(range(10))
    assert len({m.heatmap.tobytes() for m in maps}) >= 8
    assert explainer.explain(tiny_version, file, MapRequest(layer="conv_a")).heatmap.shape == (16, 16)


def test_explain_by_every_method_with_one_prediction(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    file = encoded(picture(2))
    [prediction] = inference.predict(tiny_version, [file])
    assert isinstance(prediction, Prediction)
    shown = explainer.explain_all(tiny_version, file, MapRequest(tuple(METHODS), target="dog", faithfulness=True))
    assert [e.method for e in shown] == list(METHODS)
    for explanation in shown:
        assert np.allclose(explanation.prediction.pred_probs, prediction.pred_probs, atol=1e-6)
        uses_layer = METHODS[explanation.method].uses_layer
        assert explanation.heatmap.shape == ((8, 8) if uses_layer else (32, 32))
        assert explanation.layer_name == ("conv_b" if uses_layer else None)
        assert explanation.target_class == tiny_version.class_names.index("dog")
        proof = explanation.faithfulness
        assert proof is not None and (proof.verdict == "empty") == explanation.empty
        p_dog = prediction.pred_probs[explanation.target_class]
        assert proof.map.deletion[0] == pytest.approx(p_dog, abs=1e-5) == proof.map.insertion[-1]
        assert proof.map.deletion[0] == pytest.approx(proof.random.deletion[0]) == proof.gaussian.deletion[0]
        assert all(0 <= x <= 1 for x in (proof.map.deletion_auc, proof.map.insertion_auc, proof.map.average_drop))
    alone = explainer.explain(tiny_version, file, MapRequest(("layer-cam",), target="dog", faithfulness=True))
    assert np.allclose(alone.heatmap, shown[2].heatmap, atol=1e-5) and alone.faithfulness is not None
    assert explainer.explain(tiny_version, file).faithfulness is None


def test_explain_through_the_layers(explainer: Explainer, tiny_version: ModelVersion) -> None:
    file = encoded(picture(2))
    shown = explainer.explain_layers(tiny_version, file, MapRequest(("hires-cam",), target="cat"))
    assert [(e.layer_name, e.heatmap.shape) for e in shown] == [("conv_a", (16, 16)), ("conv_b", (8, 8))]
    again = explainer.explain(tiny_version, file, MapRequest(("hires-cam",), "conv_a", "cat"))
    assert np.allclose(again.heatmap, shown[0].heatmap, atol=1e-6)


def test_a_map_that_depends_on_the_weights(explainer: Explainer, tiny_version: ModelVersion) -> None:
    file = encoded(picture(2))
    own = explainer.explain(tiny_version, file)
    result = explainer.randomization_check(tiny_version, file)
    assert -1 <= result.spearman <= 1 and result.passed == (result.spearman < 0.2 and not own.empty)
    assert result.heatmap.shape == own.heatmap.shape and not np.allclose(result.heatmap, own.heatmap)
    assert np.array_equal(explainer.explain(tiny_version, file).heatmap, own.heatmap)  # the model was not changed


def test_samples_are_explained_as_files_are(
    explainer: Explainer, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    path = make_zip({"cat": 2, "dog": 1}, extra={"dog/broken.png": b"..."})
    samples = list(open_dataset(path).samples)
    for target in (None, "ship"):
        answers = explainer.explain_samples(tiny_version, path, samples, MapRequest(target=target))
        assert [type(a) for a in answers] == [SampleMap, SampleMap, SampleMap, Failure]
        for seed, answer in enumerate(answers[:3]):
            wanted = explainer.explain(tiny_version, encoded(picture(seed)), MapRequest(target=target))
            assert isinstance(answer, SampleMap) and answer.target_class == wanted.target_class
            assert np.allclose(answer.heatmap, wanted.heatmap, atol=1e-5) and answer.empty == wanted.empty
    assert explainer.explain_samples(tiny_version, path, []) == []


def test_chunks_of_samples_come_back_in_order(
    inference: Inference,
    explainer: Explainer,
    tiny_version: ModelVersion,
    make_zip: MakeZip,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = make_zip({"cat": 5})
    samples = list(open_dataset(path).samples)
    whole = explainer.explain_samples(tiny_version, path, samples), inference.embed(tiny_version, path, samples)
    for module in ("explanations.explainer", "models.inference"):
        monkeypatch.setattr(f"dashboard.core.{module}.SAMPLES_A_TASK", 2)
    parts = explainer.explain_samples(tiny_version, path, samples), inference.embed(tiny_version, path, samples)
    for one, other in zip(whole[0], parts[0], strict=True):
        assert isinstance(one, SampleMap) and isinstance(other, SampleMap)
        assert np.allclose(one.heatmap, other.heatmap, atol=1e-5)
    assert np.allclose(whole[1], parts[1], atol=1e-5)


def test_embeddings_are_what_the_last_layer_is_given(
    inference: Inference, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    path = make_zip({"cat": 3}, extra={"cat/broken.png": b"..."})
    samples = list(open_dataset(path).samples)
    embeddings = inference.embed(tiny_version, path, samples)
    assert embeddings.shape == (4, 8) and np.isnan(embeddings[3]).all() and (embeddings[:3] >= 0).all()
    import keras

    kernel, bias = keras.models.load_model(tiny_version.file).layers[-1].get_weights()
    for seed, embedding in enumerate(embeddings[:3]):
        [prediction] = inference.predict(tiny_version, [encoded(picture(seed))])
        assert isinstance(prediction, Prediction)
        assert np.allclose(embedding @ kernel + bias, prediction.logits, atol=1e-4)


@pytest.mark.parametrize("method", ["integrated-gradients", "smooth-grad", "occlusion"])
def test_one_colour_holds_no_evidence(explainer: Explainer, tiny_version: ModelVersion, method: str) -> None:
    """These methods compare with the mean colour; rounding errors must not be scaled up to a map."""
    explanation = explainer.explain(tiny_version, encoded(np.full((32, 32, 3), 127, np.uint8)), MapRequest((method,)))
    assert explanation.empty and not explanation.heatmap.any()


def test_explain_what_cannot_be_explained(explainer: Explainer, tiny_version: ModelVersion) -> None:
    with pytest.raises(ImageError):
        explainer.explain(tiny_version, b"text")
    with pytest.raises(ModelError, match="conv_a, conv_b"):
        explainer.explain(tiny_version, encoded(picture(1)), MapRequest(layer="nothing"))
    with pytest.raises(ModelError, match="smooth-grad"):
        explainer.explain(tiny_version, encoded(picture(1)), MapRequest(("guesswork",)))
    with pytest.raises(ValueError, match="zebra"):
        explainer.explain(tiny_version, encoded(picture(1)), MapRequest(target="zebra"))


def test_facts(inference: Inference, tiny_version: ModelVersion) -> None:
    facts = inference.tensorflow()
    assert facts.version.startswith("2.") and facts.keras_version.startswith("3.") and facts.threads >= 1
    assert facts.import_s > 0.1 and facts.gpus == ()
    described = inference.describe(tiny_version)
    assert described.input_shape == (None, 32, 32, 3) and described.output_shape == (None, 10)


def test_a_missing_model_is_an_error_and_the_worker_lives_on(
    pool: WorkerPool, inference: Inference, tiny_version: ModelVersion, tmp_path: Path
) -> None:
    from dataclasses import replace

    pid = pool.workers()[0].pid
    with pytest.raises(ModelError, match="missing"):
        inference.predict(replace(tiny_version, folder=tmp_path), [encoded(picture(1))])
    assert isinstance(inference.predict(tiny_version, [encoded(picture(1))])[0], Prediction)
    assert pool.workers()[0].pid == pid


@pytest.mark.parametrize(
    "module, body, code, words",
    [
        ("tensorflow", "raise ModuleNotFoundError(\"No module named 'tensorflow'\", name='tensorflow')", "tensorflow_missing", "not installed"),
        ("keras", "raise ModuleNotFoundError(\"No module named 'keras'\", name='keras')", "tensorflow_missing", "Keras is not installed"),
        ("tensorflow", "raise ImportError('libfoo.so: undefined symbol')", "tensorflow_broken", "undefined symbol"),
        ("tensorflow", "raise TypeError('Descriptors cannot be created directly')", "tensorflow_broken", "Descriptors"),
        ("keras", "import numpy_that_is_missing", "tensorflow_broken", "numpy_that_is_missing"),
    ],
)  # fmt: skip
def test_a_tensorflow_that_is_missing_or_broken_is_told_with_its_cause(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_version: ModelVersion,
    module: str,
    body: str,
    code: str,
    words: str,
) -> None:
    (tmp_path / f"{module}.py").write_text(body)
    (tmp_path / f"{module}-9.dist-info").mkdir()  # so that this file is the installed package
    (tmp_path / f"{module}-9.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 9\n")
    (tmp_path / f"{module}-9.dist-info" / "top_level.txt").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    pool = WorkerPool(1, command=INTERPRETER)
    try:
        with pytest.raises(DependencyError, match=words) as caught:
            Inference(pool).predict(tiny_version, [encoded(picture(1))])
        assert caught.value.code == code
        assert re.search(r"`\S*python\S* -m pip install .*requirements\.txt`", caught.value.fix)
        with pytest.raises(DependencyError):
            Inference(pool).tensorflow()
    finally:
        pool.close()


@pytest.mark.parametrize(
    "shadow, body",
    [
        ("tensorflow.py", "raise ModuleNotFoundError(\"No module named 'tensorflow'\", name='tensorflow')"),
        ("keras/__init__.py", "raise ImportError('not the real one')"),
    ],
)
def test_a_file_in_the_place_of_tensorflow_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shadow: str, body: str
) -> None:
    (tmp_path / shadow).parent.mkdir(exist_ok=True)
    (tmp_path / shadow).write_text(body)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    pool = WorkerPool(1, command=INTERPRETER)
    try:
        with pytest.raises(DependencyError) as caught:
            Inference(pool).tensorflow()
    finally:
        pool.close()
    file = str(tmp_path / shadow).removesuffix("/__init__.py")
    assert f"Python imports {file} in place of the package" in caught.value.message
    assert caught.value.code == "tensorflow_broken" and caught.value.fix.startswith("Rename or remove it")


def test_a_worker_ends_when_its_pipe_is_closed() -> None:
    import socket

    ours, theirs = socket.socketpair()
    program = "import sys; from dashboard.worker.serving import serve; serve(int(sys.argv[1]), {}, lambda: None)"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(theirs.fileno())], pass_fds=[theirs.fileno()], cwd=ROOT
    ) as worker:
        theirs.close()
        assert ours.recv(1)
        ours.close()
        assert worker.wait(timeout=10) == 0


def test_errors_travel_whole() -> None:
    import pickle

    for error in (ImageError("m", "f", "c"), ModelError("m"), DashboardError("m", "f")):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and (again.message, again.fix, again.code) == (
            error.message,
            error.fix,
            error.code,
        )


def test_bit_gray_reaches_the_model_with_the_right_pixels(inference: Inference, tiny_version: ModelVersion) -> None:
    gray = picture(8)[..., 0]
    sixteen = io.BytesIO()
    Image.fromarray(gray.astype(np.uint16) * 256 + 77).save(sixteen, "PNG")
    eight = encoded(np.repeat(gray[..., None], 3, axis=2))
    one, other = inference.predict(tiny_version, [sixteen.getvalue(), eight])
    assert isinstance(one, Prediction) and isinstance(other, Prediction)
    assert np.allclose(one.pred_probs, other.pred_probs)
