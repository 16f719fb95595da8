"""The Predict page with the model that comes with the project."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard.core.errors import DashboardError
from dashboard.core.feedback.opinion import Opinion
from dashboard.core.files import sha256_of
from dashboard.core.labels.cifar10 import CLASS_NAMES as CIFAR10
from dashboard.core.labels.class_names import NONE_OF_THESE
from dashboard.core.models.facts import stages
from dashboard.core.models.familiarity import Familiarity
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import to_record
from dashboard.services import Services
from dashboard.ui.feedback_form import in_words
from dashboard.ui.uploaded_files import NotStored
from dashboard.ui.words import plain
from tests.conftest import encoded, picture
from tests.core.colour_model import CLASSES, make_registry
from tests.pages.conftest import ROOT, click_sample, samples_of, text_of

Open = Callable[[str], AppTest]
SAID = Opinion(
    "1", datetime(2026, 11, 30, tzinfo=timezone.utc), "p", "", True, None, "", "cat", 0.9, "tiny", "1", "a.png", "x"
)
OURS = Registry(ROOT / "models").get("cifar10-resnet").ref


def metric(at: AppTest) -> str:
    [element] = at.metric
    return str(element.value)


def captions(at: AppTest) -> list[str]:
    """What stands under the pictures."""
    return [caption for image in at.image for caption in image.captions if caption]


def map_caption(at: AppTest) -> str:
    [caption] = [caption for caption in captions(at) if caption.startswith("Evidence for")]
    return caption


def first_layer(at: AppTest) -> str:
    """The earliest layer that is offered."""
    answer = list(at.session_state["answers"].values())[-1]
    assert at.selectbox(key="layer").options[0].startswith("first layer (")
    return stages(answer.explanation.layers)[0].name


@pytest.fixture
def page(open_page: Open) -> AppTest:
    at = open_page("predict")
    at.slider(key="threshold").set_value(0)  # the tiny model is never sure
    at.selectbox(key="model").select(OURS).run()
    return at


def test_it_opens_with_samples_and_no_answer(page: AppTest) -> None:
    assert not page.exception and not page.metric
    assert samples_of(page) == set(CIFAR10)
    assert f"Ten classes: {', '.join(CIFAR10)}." in text_of(page)


@pytest.mark.parametrize("name", ["frog", "ship"])
def test_a_sample_is_predicted_and_explained(page: AppTest, name: str) -> None:
    click_sample(page, name)
    assert not page.exception
    assert metric(page) == name
    assert page.selectbox(key="layer").value == "block3_out"
    assert len(page.get("download_button")) == 2


def test_a_sample_whose_file_or_folder_has_a_name_that_is_no_utf8_can_be_clicked(
    open_page: Open, dashboard: Services, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = dashboard.settings.samples_dir
    (samples / "cat" / "0\udcff.png").write_bytes(next((samples / "cat").glob("*.png")).read_bytes())  # the first one
    (samples / "dog" / "0\udcff.png").write_bytes(b"no picture")
    (samples / "link").symlink_to("x" * 300)  # the name of its target is too long
    os.mkfifo(samples / "bird" / "0.png")  # nobody waits for a writer
    ship = next((samples / "ship").rename(samples / "sh\udcffp").glob("*.png"))
    at = open_page("predict")
    assert not at.exception and samples_of(at) == {*CIFAR10} - {"bird", "dog", "ship"}
    assert "Samples that cannot be read: 0.png, 0\ufffd.png" in text_of(at).replace("\\", "")
    at = click_sample(at, "cat")
    assert not at.exception and at.metric
    monkeypatch.setattr("dashboard.ui.predict.picture_choice.sample_files", lambda *_: [ship])
    at = open_page("predict")
    assert not at.exception and samples_of(at) == {"sh\ufffdp"}
    at = click_sample(at, "sh\ufffdp")
    assert not at.exception and at.metric


def test_the_map_is_tested_and_the_test_is_kept_for_the_explain_page(page: AppTest) -> None:
    click_sample(page, "frog")
    [tested] = page.session_state["maps"].values()
    assert tested.method == "grad-cam" and tested.faithfulness is not None
    assert tested.faithfulness.sentence in text_of(page)
    page.selectbox(key="target").select("bird").run()
    again = list(page.session_state["maps"].values())[-1]
    assert not page.exception and again.target_class == CIFAR10.index("bird") != tested.target_class


def test_an_upload_that_could_not_be_stored_says_why_and_the_samples_stay(page: AppTest) -> None:
    page.file_uploader[0].upload("my truck.png", NotStored(OSError(errno.ENOSPC, "No space left on device"))).run()
    assert not page.exception and "my truck.png could not be stored: No space left on device." in text_of(page)
    assert "Free some space" in text_of(page) and "Take a sample" in text_of(page)


def test_an_upload_goes_before_a_sample(page: AppTest) -> None:
    click_sample(page, "frog")
    data = next((ROOT / "data" / "samples" / "truck").glob("*.png")).read_bytes()
    page.file_uploader[0].upload("my truck.png", data).run()
    assert metric(page) == "truck"


def test_a_photo_shows_itself_and_what_the_model_sees(page: AppTest) -> None:
    sample = Image.open(next((ROOT / "data" / "samples" / "horse").glob("*.png")))
    page.file_uploader(key="upload").upload("photo.jpg", encoded(sample.resize((900, 600)), "JPEG")).run()
    assert not page.exception and metric(page) == "horse"
    assert {"The picture", "What the model sees, 32x32 pixels"} < set(captions(page))


@pytest.mark.parametrize(
    "name, data, reason",
    [
        ("text.png", b"hello", "The file is text, not an image"),
        ("letter.docx", b"PK\3\4" + bytes(90), "The file is a ZIP archive or an office document"),
        ("empty.png", b"", "The file is empty"),
        ("![x](http://example.org/x.png).png", b"hello", "The file is text, not an image"),
    ],
)
def test_what_is_no_image_is_refused_with_the_reason(page: AppTest, name: str, data: bytes, reason: str) -> None:
    assert not page.file_uploader(key="upload").proto.type, "else the browser refuses files in words of its own"
    page.file_uploader(key="upload").upload(name, data).run()
    assert not page.exception and not page.metric
    assert "Could not predict" in text_of(page) and reason in text_of(page)
    assert "example.org" not in text_of(page)


@pytest.mark.usefixtures("own_models")
def test_of_a_thousand_classes_the_most_probable_ones_are_shown(page: AppTest, dashboard: Services) -> None:
    import keras

    folder = dashboard.settings.models_dir / "many" / "1"
    folder.mkdir(parents=True)
    names = tuple(f"class {i}" for i in range(1000))
    many = replace(dashboard.registry.get("tiny@1"), name="many", folder=folder, class_names=names)
    layers = [keras.layers.Conv2D(4, 3, strides=8), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1000)]
    keras.Sequential([keras.Input((32, 32, 3)), *layers]).save(many.file)
    (folder / "model.json").write_text(json.dumps(to_record(replace(many, sha256=sha256_of(many.file)))))
    click_sample(page, "frog")
    assert " more, together" not in text_of(page)
    page.selectbox(key="model").select("many@1").run()
    assert not page.exception and "And 980 more, together " in text_of(page)
    assert "1,000 classes: class 0, class 1, " in text_of(page) and "class 999" not in text_of(page)
    assert [len(d.value) for d in page.dataframe] == [1000]
    [chart] = page.get("vega_lite_chart")
    assert json.loads(chart.proto.spec)["height"] < 600


def test_it_says_when_it_is_not_sure(page: AppTest) -> None:
    click_sample(page, "cat")
    page.slider(key="threshold").set_value(60).run()
    assert metric(page) == "cat" and not page.header
    page.slider(key="threshold").set_value(100).run()
    [headline] = page.header
    assert headline.value.startswith("Not sure: cat") and not page.metric
    assert "below your threshold of 100" in page.get("progress")[0].proto.text


@pytest.mark.parametrize(
    "first, second, headline", [(0.8, 0.1, "Not sure: cat or dog?"), (0.994, 0.004, "Not sure: cat?")]
)
def test_it_names_a_second_class_only_if_it_is_a_contender(
    page: AppTest, first: float, second: float, headline: str
) -> None:
    click_sample(page, "cat")
    answers = page.session_state["answers"]
    for key, answer in answers.items():
        names = answer.version.class_names
        probs = np.full(len(names), (1 - first - second) / (len(names) - 2))
        probs[names.index("cat")], probs[names.index("dog")] = first, second
        answers[key] = replace(answer, prediction=replace(answer.prediction, pred_probs=probs))
    page.slider(key="threshold").set_value(100).run()
    assert not page.exception and [h.value for h in page.header] == [headline]


@pytest.mark.parametrize("max_energy, doubts", [(-1e6, True), (1e6, False)])
@pytest.mark.usefixtures("own_models")
def test_it_says_when_the_picture_is_probably_none_of_the_classes(
    page: AppTest, dashboard: Services, max_energy: float, doubts: bool
) -> None:
    record = dashboard.settings.models_dir / "tiny" / "1" / "model.json"
    version = replace(dashboard.registry.get("tiny"), familiarity=Familiarity(0.95, max_energy, 0.0, "energy"))
    record.write_text(json.dumps(to_record(version)))
    page.selectbox(key="model").select("tiny@1").run()
    page.slider(key="threshold").set_value(0).run()
    click_sample(page, "frog")
    assert not page.exception
    assert [h.value for h in page.header] == ["Probably none of these ten"] * doubts
    assert ("Closest: **" in text_of(page)) is doubts and len(page.metric) == 1 - doubts
    help_text = page.header[0].help if doubts else page.metric[0].help
    assert "Energy: " in help_text and "Energy" not in text_of(page)
    assert help_text.startswith(
        f"To the model, this picture looks {'unlike' if doubts else 'like'} pictures of its classes."
    )
    assert ("The probabilities of the ten classes always add up to 100%" in text_of(page)) is doubts
    offered = [button.label for button in page.button if (button.key or "").startswith("feedback-")]
    if not doubts:
        assert "Is " in text_of(page) and offered == ["Right", "Wrong"]
    else:
        [answer] = page.session_state["answers"].values()
        assert "What does it show?" in text_of(page) and " right?" not in text_of(page)
        assert offered == ["None of these", answer.predicted_label, "Another class"]
        page.button(key="feedback-none").click().run()
        assert "Marked as none of these classes, as the page says." in text_of(page).replace("\\", "")
        assert dashboard.feedback.opinions()[0].true_label == NONE_OF_THESE


@pytest.mark.parametrize(
    "opinion, words",
    [
        (SAID, ("Marked as right.", "Marked as cat.")),
        (replace(SAID, is_right=False, true_label="dog"), ("Marked as wrong; the true label is dog.",) * 2),
        (replace(SAID, is_right=False), ("Marked as wrong.",) * 2),
        (
            replace(SAID, is_right=False, true_label=NONE_OF_THESE, doubt=True),
            ("Marked as wrong: it shows none of these classes.", "Marked as none of these classes, as the page says."),
        ),
    ],
)
def test_what_was_said_fits_the_answer_that_is_shown(opinion: Opinion, words: tuple[str, str]) -> None:
    assert (in_words(opinion, False), in_words(opinion, True)) == words


def test_the_fit_of_another_shape_can_be_chosen(page: AppTest) -> None:
    page.file_uploader(key="upload").upload("wide.png", encoded(picture(3, 96, 32))).run()
    [stretched] = page.session_state["answers"].values()
    page.selectbox(key="fit").select("pad").run()
    padded = list(page.session_state["answers"].values())[-1]
    assert stretched.version.preprocessing.fit == "stretch" and padded.version.preprocessing.fit == "pad"
    assert not padded.model_input[:8].any() and stretched.model_input[:8].any() and not page.exception


def test_another_class_and_another_layer(page: AppTest, dashboard: Services) -> None:
    click_sample(page, "frog")
    page.selectbox(key="target").select("truck").run()
    layer = first_layer(page)
    assert page.selectbox(key="layer").value != layer
    page.selectbox(key="layer").set_value(layer).run()
    assert not page.exception and metric(page) == "frog"
    latest = list(page.session_state["answers"].values())[-1]
    assert latest.explanation.layer.name == layer
    assert latest.version.class_names[latest.explanation.target_class] == "truck"


def test_a_layer_of_another_model_is_not_asked_for(page: AppTest) -> None:
    click_sample(page, "frog")
    page.selectbox(key="layer").set_value(first_layer(page)).run()
    page.selectbox(key="model").select("tiny@1").run()
    assert not page.exception
    latest = list(page.session_state["answers"].values())[-1]
    assert latest.version.ref == "tiny@1" and latest.explanation.layer.name == "conv_b"
    assert page.selectbox(key="layer").value == "conv_b"


@pytest.mark.usefixtures("own_models")
def test_a_record_that_is_edited_changes_the_answer(page: AppTest, dashboard: Services) -> None:
    click_sample(page, "frog")
    before = list(page.session_state["answers"].values())[-1].prediction.confidence
    record = dashboard.registry.get(OURS).folder / "model.json"
    text = record.read_text()
    record.write_text(text.replace('"temperature": ', '"temperature": 9'))
    assert record.read_text() != text
    page.run()
    after = list(page.session_state["answers"].values())[-1].prediction.confidence
    assert metric(page) == "frog" and after < before / 2


@pytest.mark.usefixtures("own_models")
def test_a_damaged_model_gives_no_prediction_but_the_cause(page: AppTest, dashboard: Services) -> None:
    file = dashboard.registry.get(OURS).file
    file.write_bytes(file.read_bytes()[:100_000])
    click_sample(page, "frog")
    assert not page.exception and not page.metric
    assert "checksum does not match" in text_of(page)


def test_a_model_that_is_set_but_missing_is_not_replaced_silently(
    open_page: Open, dashboard: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = replace(dashboard, registry=Registry(dashboard.settings.models_dir, "nonesuch"))
    monkeypatch.setattr("dashboard.ui.resources.get_services", lambda: changed)
    at = open_page("predict")
    click_sample(at, "frog")
    assert not at.exception and not at.metric
    assert "names 'nonesuch', and there is no such model" in text_of(at)
    at.selectbox(key="model").select(OURS).run()
    assert metric(at) == "frog"


def test_the_overlay_of_a_large_picture_is_small(page: AppTest) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1500, 2500, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "BMP")
    page.file_uploader(key="upload").upload("large.bmp", buffer.getvalue()).run()
    assert not page.exception
    [answer] = page.session_state["answers"].values()
    assert max(answer.picture.shape) <= 1024


def test_what_makes_an_answer_less_reliable_stands_above_it(page: AppTest) -> None:
    board = (np.indices((8, 8)).sum(axis=0) % 2 * 255).astype(np.uint8)
    page.file_uploader(key="upload").upload("board.png", encoded(board)).run()
    assert not page.exception and "only 8x8 pixels" in page.warning[0].value
    kinds = [node.type for node in page.main]
    assert kinds.index("warning") < min(kinds.index(kind) for kind in ("metric", "header") if kind in kinds)
    page.switch_page(str(ROOT / "pages" / "explain.py")).run()
    assert not page.exception and "only 8x8 pixels" in page.warning[0].value


def test_samples_are_read_from_the_data_folder(open_page: Open, dashboard: Services, tmp_path: Path) -> None:
    for folder in (tmp_path / "data" / "samples").iterdir():
        for file in folder.iterdir():
            file.unlink()
    at = open_page("predict")
    assert not at.exception
    assert not samples_of(at)


def test_the_map_is_of_the_class_that_the_selector_shows(page: AppTest) -> None:
    click_sample(page, "frog")
    page.selectbox(key="target").select("truck").run()
    page.selectbox(key="model").select("tiny@1").run()
    assert not page.exception
    assert page.selectbox(key="target").value == "truck" and "Evidence for truck (" in map_caption(page)
    click_sample(page, "ship")
    assert page.selectbox(key="target").value == "truck" and "Evidence for truck (" in map_caption(page)


@pytest.mark.usefixtures("own_models")
def test_a_class_of_another_model_is_not_asked_for(page: AppTest, dashboard: Services) -> None:
    folder = shutil.copytree(dashboard.settings.models_dir / "tiny", dashboard.settings.models_dir / "letters") / "1"
    record = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**record, "class_names": list("abcdefghij")}))
    click_sample(page, "frog")
    page.selectbox(key="target").select("truck").run()
    page.selectbox(key="model").select("letters@1").run()
    assert not page.exception
    assert page.selectbox(key="target").value == "the predicted class"
    assert f"Evidence for {metric(page)} (" in map_caption(page)


def add_other(dashboard: Services, strides: dict[str, int], size: tuple[int, int] = (32, 32)) -> None:
    """Another model, `other@1`, of convolutions with these names and strides, for pictures of (height, width)."""
    import keras

    tiny = dashboard.registry.get("tiny@1")
    convolutions = [
        keras.layers.Conv2D(4, 3, strides=stride, padding="same", activation="relu", name=name)
        for name, stride in strides.items()
    ]
    head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(len(tiny.class_names))]
    model = keras.Sequential([keras.Input((*size, 3)), *convolutions, *head])
    folder = dashboard.settings.models_dir / "other" / "1"
    folder.mkdir(parents=True)
    recipe = replace(tiny.preprocessing, height=size[0], width=size[1])
    other = replace(tiny, name="other", folder=folder, preprocessing=recipe)
    model.save(other.file)
    (folder / "model.json").write_text(json.dumps(to_record(replace(other, sha256=sha256_of(other.file)))))


@pytest.mark.usefixtures("own_models")
def test_sizes_of_an_input_that_is_not_square_are_height_x_width(page: AppTest, dashboard: Services) -> None:
    add_other(dashboard, {"conv_a": 2}, (16, 24))
    click_sample(page, "frog")
    assert page.selectbox(key="fit").label == "If the picture is not square"
    page.selectbox(key="model").select("other@1").run()
    assert page.selectbox(key="fit").label == "If the picture has other proportions"
    assert "What the model sees, 16x24 pixels (height x width)" in captions(page)
    assert page.selectbox(key="layer").options == ["only layer (8x12)"]


@pytest.mark.usefixtures("own_models")
def test_the_default_layer_of_one_model_is_not_that_of_another(page: AppTest, dashboard: Services) -> None:
    add_other(dashboard, {"conv_b": 2, "conv_c": 2})
    click_sample(page, "frog")
    page.selectbox(key="model").select("tiny@1").run()
    assert page.selectbox(key="layer").value == "conv_b"
    page.selectbox(key="model").select("other@1").run()
    assert not page.exception and page.selectbox(key="layer").value == "conv_c"
    latest = list(page.session_state["answers"].values())[-1]
    assert latest.version.ref == "other@1" and latest.explanation.layer.name == "conv_c"


@pytest.mark.usefixtures("own_models")
def test_a_layer_that_the_selector_does_not_offer_is_not_drawn(page: AppTest, dashboard: Services) -> None:
    """The other model has a layer of the same name, but a later one of the same grid is offered in its place."""
    add_other(dashboard, {"conv_a": 2, "conv_c": 1})
    click_sample(page, "frog")
    page.selectbox(key="model").select("tiny@1").run()
    page.selectbox(key="layer").set_value("conv_a").run()
    page.selectbox(key="model").select("other@1").run()
    assert not page.exception and page.selectbox(key="layer").value == "conv_c"
    answers = [a for a in page.session_state["answers"].values() if a.version.ref == "other@1"]
    assert [a.explanation.layer.name for a in answers] == ["conv_c"]


@pytest.mark.usefixtures("own_models")
def test_a_model_without_a_convolution_says_why_there_is_no_map(page: AppTest, dashboard: Services) -> None:
    make_registry(dashboard.settings.models_dir)
    click_sample(page, "frog")
    page.selectbox(key="model").select("colour@1").run()
    assert not page.exception and metric(page) in CLASSES
    assert "no layer with a grid" in page.info[0].value.replace("\\", "")
    assert captions(page) == ["The picture", "What the model sees, 8x8 pixels"]
    assert [b.proto.label for b in page.get("download_button")] == ["Result (JSON)"]
    page.selectbox(key="model").select(OURS).run()
    assert metric(page) == "frog" and len(page.get("download_button")) == 2


@pytest.mark.parametrize("fit", ["center-crop", "pad"])
@pytest.mark.usefixtures("own_models")
def test_where_the_model_sees_a_part_only_the_map_says_so(page: AppTest, dashboard: Services, fit: str) -> None:
    file = dashboard.settings.models_dir / "tiny" / "1" / "model.json"
    record = json.loads(file.read_text())
    record["preprocessing"]["fit"] = fit
    file.write_text(json.dumps(record))
    page.selectbox(key="model").select("tiny@1").run()
    page.file_uploader(key="upload").upload("wide.png", encoded(picture(0, 60, 30))).run()
    assert not page.exception
    assert "The picture" in captions(page) and "What the model sees, 32x32 pixels" in captions(page)
    assert "in what the model sees" in map_caption(page)
    [answer] = page.session_state["answers"].values()
    assert answer.picture.shape == (30, 60, 3)


@pytest.mark.usefixtures("own_models")
def test_names_of_classes_are_never_markup(page: AppTest, dashboard: Services) -> None:
    names = [f"**{c}** ![x](http://example.org/{c}.png)" for c in "abcdefghij"]
    file = dashboard.settings.models_dir / "tiny" / "1" / "model.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "class_names": names}))
    page.selectbox(key="model").select("tiny@1").run()
    page.slider(key="threshold").set_value(100).run()
    page.file_uploader(key="upload").upload("a.png", encoded(picture(1))).run()
    assert not page.exception and page.header
    read_as_markdown = [
        page.header[0].value,
        map_caption(page),
        page.get("progress")[0].proto.text,
        *(m.value for m in page.markdown),
        *(c.value for c in page.caption),
    ]
    assert any("example" in text for text in read_as_markdown)
    assert not any("![x](" in text or "**" in text.replace("\\*", "") for text in read_as_markdown)


def test_a_sample_does_not_come_back_unasked(page: AppTest) -> None:
    click_sample(page, "frog")
    data = next((ROOT / "data" / "samples" / "truck").glob("*.png")).read_bytes()
    page.file_uploader[0].upload("my truck.png", data).run()
    page.file_uploader[0].clear().run()
    assert not page.exception and not page.metric


def test_a_damaged_sample_leaves_the_others(open_page: Open, dashboard: Services) -> None:
    broken = sorted((dashboard.settings.samples_dir / "cat").glob("*.png"))[0]
    broken.write_bytes(broken.read_bytes()[:300])
    at = open_page("predict")
    assert not at.exception and plain(f"Samples that cannot be read: {broken.name}") in text_of(at)
    assert samples_of(at) >= {"airplane", "truck"} and "cat" not in samples_of(at)


@pytest.mark.parametrize("name", ["predict", "explain"])
def test_a_clicked_sample_that_has_gone_or_cannot_be_read_any_more_is_told(
    open_page: Open, dashboard: Services, name: str
) -> None:
    samples = dashboard.settings.samples_dir
    at = open_page(name)
    first = sorted((samples / "airplane").glob("*.png"))[0]
    first.unlink()
    first.symlink_to(first.name)  # leads to itself, which nobody can read
    click_sample(at, "airplane")
    assert not at.exception and not at.metric and "truck" in samples_of(at)
    assert f"The sample airplane/{first.name} cannot be read: {os.strerror(errno.ELOOP)}." in at.error[0].value.replace(
        "\\", ""
    )
    last = sorted((samples / "truck").glob("*.png"))[0]
    for folder in ("ship", "truck"):
        shutil.rmtree(samples / folder)  # the places of the samples change
    click_sample(at, "truck")
    assert not at.exception and not at.metric
    assert f"The sample truck/{last.name} cannot be read: {os.strerror(errno.ENOENT)}." in at.error[0].value.replace(
        "\\", ""
    )
    click_sample(at, "frog")
    assert not at.exception and not at.error


@pytest.mark.usefixtures("own_models")
def test_only_samples_of_the_models_classes_are_offered(open_page: Open, dashboard: Services) -> None:
    make_registry(dashboard.settings.models_dir)
    make_registry(dashboard.settings.models_dir, class_names=("Cat", "plane", "red", "blue"), name="some")
    for page in ("predict", "explain"):
        at = open_page(page)
        at.selectbox(key="model").select("some@1").run()
        assert samples_of(at) == {"cat", "airplane"} and "Take a sample" in text_of(at)
        at.selectbox(key="model").select("colour@1").run()
        assert not at.exception and not samples_of(at) and "Take a sample" not in text_of(at)
    at = open_page("predict")
    at.selectbox(key="model").select("colour@1").run()
    at.file_uploader(key="upload").upload("my.png", encoded(picture(0))).run()
    assert not at.exception and "Samples" not in [box.label for box in at.expander]


@pytest.mark.parametrize(("stated", "shown"), [("94.75%", "not measured"), (0.9475, "94.8%")])
@pytest.mark.usefixtures("own_models")
def test_a_record_with_a_strange_accuracy_does_not_end_the_pages(
    open_page: Open, dashboard: Services, stated: object, shown: str
) -> None:
    record = dashboard.settings.models_dir / "tiny" / "1" / "model.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "metrics": {"accuracy": stated}}))
    at = open_page("predict")
    at.selectbox(key="model").select("tiny@1").run()
    assert not at.exception and shown in text_of(at)


@pytest.mark.usefixtures("own_models")
def test_a_long_class_name_is_shown_whole(page: AppTest, dashboard: Services) -> None:
    name = "American Staffordshire terrier, Staffordshire terrier, American pit bull terrier"
    record = dashboard.settings.models_dir / "tiny" / "1" / "model.json"
    changed = json.loads(record.read_text())
    changed["class_names"] = [f"{name} {i}" for i in range(len(changed["class_names"]))]
    record.write_text(json.dumps(changed))
    page.selectbox(key="model").select("tiny@1").run()
    page.file_uploader(key="upload").upload("a.png", encoded(picture(1))).run()
    assert not page.exception and not page.metric and [h for h in page.header if "American" in h.value]


def test_a_setting_that_cannot_be_used_is_told_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Services:
        raise DashboardError("DASHBOARD_WORKERS is '0'.", "Change it.", "settings")

    monkeypatch.setattr("dashboard.ui.resources.get_services", refuse)
    at = AppTest.from_file(ROOT / "dashboard" / "main.py", default_timeout=60).run()
    assert not at.exception and "DASHBOARD_WORKERS is '0'." in text_of(at)


def test_a_data_folder_that_can_no_longer_be_entered_is_told_on_the_page(page: AppTest, dashboard: Services) -> None:
    data = dashboard.settings.data_dir
    shutil.rmtree(data)
    data.touch()
    page.run()
    assert not page.exception and f"The data folder {data} cannot be entered: Not a directory." in text_of(page)
    data.unlink()
    page.run()
    assert not page.error


def test_an_address_can_name_a_picture_that_is_still_kept(page: AppTest, dashboard: Services) -> None:
    click_sample(page, "frog")
    page.button(key="explain-further").click().run()
    assert set(page.query_params) >= {"picture"}
    for _ in range(2):  # after the browser's Back from Explain, and in a new session
        page.switch_page("../pages/predict.py").run()
        assert not page.exception and metric(page) == "frog" and set(page.query_params) - {"threshold"} == {"picture"}
        key = page.query_params["picture"]
        page = AppTest.from_file(ROOT / "dashboard" / "main.py", default_timeout=60)
        page.query_params["picture"] = key
    click_sample(page.run(), "ship")
    assert metric(page) == "ship" and page.query_params["picture"] != key
    page.switch_page("../pages/explain.py").run()
    page.query_params["picture"] = "0" * 32
    page.switch_page("../pages/predict.py").run()
    assert not page.exception and "no longer stored" in text_of(page) and not page.query_params


def test_the_address_says_what_is_chosen_and_a_link_shows_it_again(page: AppTest) -> None:
    click_sample(page, "frog")
    page.selectbox(key="model").select("tiny@1").run()
    page.selectbox(key="fit").select("center-crop").run()
    page.slider(key="threshold").set_value(95).run()
    page.selectbox(key="target").select("dog").run()
    page.selectbox(key="layer").select("conv_a").run()
    chosen = {"model": "tiny@1", "fit": "center-crop", "threshold": "95", "class": "dog", "layer": "conv_a"}
    assert {name: value for name, value in page.query_params.items() if name != "picture"} == chosen
    opened = AppTest.from_file(ROOT / "dashboard" / "main.py", default_timeout=60)
    opened.query_params.update(page.query_params)
    opened.run()
    assert not opened.exception and opened.query_params == page.query_params
    assert [each.value for each in opened.header] == [each.value for each in page.header] != []
    assert map_caption(opened) == map_caption(page)
    assert {opened.selectbox(key=key).value for key in ("model", "fit", "target", "layer")} == {
        chosen[name] for name in ("model", "fit", "class", "layer")
    }
    opened.button(key="explain-further").click().run()
    told = "below your threshold of 95%, which is set in the sidebar of Predict"
    assert told in opened.get("progress")[0].proto.text and opened.query_params["threshold"] == "95"


def test_a_link_that_names_a_class_or_layer_that_the_model_lacks_says_so(page: AppTest) -> None:
    click_sample(page, "frog")
    opened = AppTest.from_file(ROOT / "dashboard" / "main.py", default_timeout=60)
    opened.query_params.update({**page.query_params, "class": "unicorn", "layer": "conv_z"})
    opened.run()
    assert not opened.exception and map_caption(opened) == map_caption(page)
    assert [each.value for each in opened.info] == [
        f"The model has no {what}. The default is shown." for what in ("class unicorn", plain("layer conv_z"))
    ]
    assert opened.query_params == page.query_params
    opened.run()
    assert not opened.info


@pytest.mark.parametrize("wrong", ["x", "101", "-5", "1e1"])
def test_a_threshold_that_is_none_is_not_taken_from_the_address(open_page: Open, wrong: str) -> None:
    at = open_page("explain")
    at.query_params["threshold"] = wrong
    at.switch_page("../pages/predict.py").run()
    assert not at.exception and at.slider(key="threshold").value == 60 and not at.query_params


def test_an_upload_is_shown_again_after_a_reload_and_after_another_page(page: AppTest) -> None:
    data = next((ROOT / "data" / "samples" / "truck").glob("*.png")).read_bytes()
    page.file_uploader[0].upload("my truck.png", data).run()
    assert metric(page) == "truck" and set(page.query_params) == {"picture", "threshold"}
    reloaded = AppTest.from_file(ROOT / "dashboard" / "main.py", default_timeout=60)
    reloaded.query_params.update(page.query_params)
    assert metric(reloaded.run()) == "truck" and reloaded.query_params == page.query_params
    address = dict(page.query_params)
    for other in ("explain", "compare"):
        page.query_params.clear()  # as a click in the sidebar does
        page.switch_page(f"../pages/{other}.py").run()
        page.query_params.clear()
        page.switch_page("../pages/predict.py").run()
        assert not page.exception and metric(page) == "truck" and page.query_params == address


def test_an_upload_that_was_removed_does_not_come_back(page: AppTest) -> None:
    data = next((ROOT / "data" / "samples" / "truck").glob("*.png")).read_bytes()
    page.file_uploader[0].upload("my truck.png", data).run()
    page.file_uploader[0].clear().run()
    assert not page.metric and set(page.query_params) == {"threshold"}
    page.switch_page("../pages/compare.py").run()
    page.switch_page("../pages/predict.py").run()
    assert not page.exception and not page.metric and "frog" in samples_of(page)
