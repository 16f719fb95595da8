from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from dashboard.core.errors import ModelError
from dashboard.core.images.decoding import decode_image
from dashboard.core.images.model_input import read_model_input
from dashboard.core.images.preprocessing import SCALINGS, Preprocessing, Resample, as_seen, fit_image, normalize
from tests.conftest import encoded, picture


def plain(height: int, width: int, color: tuple[int, int, int]) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def test_a_picture_of_the_right_size_is_left_alone() -> None:
    image = picture(1)
    assert np.array_equal(fit_image(image, Preprocessing(32, 32)), image)


EACH_RESAMPLE = pytest.mark.parametrize("resample", get_args(Resample))


@EACH_RESAMPLE
@pytest.mark.parametrize("fit", ["stretch", "center-crop", "pad"])
@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (32, 64), (31, 33), (640, 480), (1, 40_000)])
def test_every_fit_gives_the_models_size(fit: Any, size: tuple[int, int], resample: Any) -> None:
    fitted = fit_image(picture(1, size[1], size[0]), Preprocessing(24, 32, fit, resample=resample))
    assert fitted.shape == (24, 32, 3) and fitted.dtype == np.uint8


def striped() -> np.ndarray:
    """An image of 40 x 120 pixels: a red, a green and a blue square side by side."""
    return np.concatenate([plain(40, 40, c) for c in ((255, 0, 0), (0, 255, 0), (0, 0, 255))], axis=1)


@EACH_RESAMPLE
def test_stretch_shows_everything(resample: Any) -> None:
    fitted = fit_image(striped(), Preprocessing(30, 30, resample=resample))
    assert fitted[15, [4, 15, 25]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


@EACH_RESAMPLE
def test_center_crop_shows_the_middle_square(resample: Any) -> None:
    inner = fit_image(striped(), Preprocessing(20, 20, "center-crop", resample=resample))[:, 4:-4].astype(int)
    assert np.abs(inner - (0, 255, 0)).max() <= 2  # Lanczos mixes in a little from across the border


@EACH_RESAMPLE
def test_pad_keeps_the_proportions_between_black_bars(resample: Any) -> None:
    fitted = fit_image(striped(), Preprocessing(30, 30, "pad", resample=resample))
    assert (fitted[:10] == 0).all() and (fitted[20:] == 0).all()
    assert fitted[15, [4, 15, 25]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


@pytest.mark.parametrize("side", [8, 60])
def test_resizing_is_pillows_lanczos(side: int) -> None:
    image = picture(1, side, side)
    resized = Image.fromarray(image).resize((32, 32), Image.Resampling.LANCZOS)
    assert np.array_equal(fit_image(image, Preprocessing(32, 32)), np.asarray(resized))


def test_shrinking_is_antialiased() -> None:
    """A fine chessboard becomes gray, not a coarser chessboard."""
    board = np.indices((512, 512)).sum(0) % 2 * 255
    fitted = fit_image(np.repeat(board[..., None], 3, 2).astype(np.uint8), Preprocessing(32, 32))
    assert abs(fitted.astype(int) - 127.5).max() < 20


@pytest.mark.parametrize("size", [(8, 8), (31, 33), (60, 45), (45, 60), (64, 64), (481, 640), (700, 50)])
@pytest.mark.parametrize("fit", ["stretch", "center-crop"])
def test_bilinear_and_nearest_are_those_of_keras_loaders(fit: Any, size: tuple[int, int], tmp_path: Path) -> None:
    import keras

    (tmp_path / "cat").mkdir()
    file = tmp_path / "cat" / "0.png"
    file.write_bytes(encoded(picture(1, *size)))
    options = {"image_size": (32, 48), "crop_to_aspect_ratio": fit == "center-crop", "labels": None, "verbose": False}
    [wanted] = next(iter(keras.utils.image_dataset_from_directory(tmp_path, **options))).numpy()
    found = read_model_input(file.read_bytes(), Preprocessing(32, 48, fit, resample="bilinear"))
    assert np.abs(found - wanted).max() < 1  # of 255 gray levels: ours are whole numbers
    if fit == "stretch":
        nearest = read_model_input(file.read_bytes(), Preprocessing(32, 48, resample="nearest"))
        assert np.array_equal(nearest, keras.utils.load_img(file, target_size=(32, 48)))


@pytest.mark.parametrize("resample", ["bilinear", "nearest"])
def test_without_antialiasing_a_jpeg_is_decoded_whole(resample: Any) -> None:
    data = encoded(picture(1, 900, 900), "JPEG")
    recipe = Preprocessing(32, 32, resample=resample)
    assert np.array_equal(read_model_input(data, recipe), fit_image(decode_image(data).pixels, recipe))
    assert not np.array_equal(read_model_input(data, Preprocessing(32, 32)), read_model_input(data, recipe))


@EACH_RESAMPLE
def test_a_jpeg_beyond_the_limit_is_decoded_smaller(resample: Any) -> None:
    large = encoded(Image.new("L", (6000, 5000), 128), "JPEG", quality=30)
    assert (read_model_input(large, Preprocessing(8, 8, resample=resample)) == 128).all()


def test_normalize_by_hand() -> None:
    images = np.array([[[[255, 0, 51]]]], np.uint8)
    recipe = Preprocessing(1, 1, scale=1 / 255, mean=(0.5, 0.25, 0.1), std=(0.5, 0.25, 0.2))
    assert normalize(images, recipe).ravel().tolist() == pytest.approx([1.0, -1.0, 0.5])
    assert normalize(images, recipe).dtype == np.float32


def test_bgr_turns_the_channels_round_before_mean_and_std() -> None:
    recipe = Preprocessing(1, 1, color="bgr", scale=1.0, mean=(103.939, 116.779, 123.68))
    assert normalize(np.array([[[[255, 0, 51]]]], np.uint8), recipe).ravel().tolist() == pytest.approx(
        [51 - 103.939, -116.779, 255 - 123.68]
    )


def test_grayscale_agrees_with_pillow() -> None:
    from PIL import Image

    image = picture(3)
    gray = normalize(image[None], Preprocessing(32, 32, color="grayscale", scale=1.0))
    assert gray.shape == (1, 32, 32, 1)
    assert np.abs(gray[0, ..., 0] - np.asarray(Image.fromarray(image).convert("L"))).max() <= 1


def test_a_gray_model_is_shown_what_it_sees_and_another_one_the_picture() -> None:
    image = picture(3)
    gray = normalize(image[None], recipe := Preprocessing(32, 32, color="grayscale", scale=1.0))[0]
    seen = as_seen(image, recipe)
    assert seen.dtype == np.uint8 and np.abs(seen - gray).max() <= 0.5
    assert as_seen(image, Preprocessing(32, 32, color="bgr")) is image


@pytest.mark.parametrize("name", SCALINGS)
def test_named_scalings_are_recognised(name: str) -> None:
    known = SCALINGS[name]
    recipe = Preprocessing(8, 8, scale=known.scale, mean=known.mean, std=known.std, color=known.color or "rgb")
    assert recipe.scaling_name == name
    ends = normalize(np.array([plain(8, 8, (0, 0, 0)), plain(8, 8, (255, 255, 255))]), recipe)
    wanted = {
        "1/255": (0, 1), "raw": (0, 255), "-1..1": (-1, 1), "imagenet": (-0.485 / 0.229, 0.515 / 0.229),
        "caffe": (-103.939, 255 - 103.939),
    }[name]  # fmt: skip
    assert (ends[0, 0, 0, 0], ends[1, 0, 0, 0]) == pytest.approx(wanted, abs=1e-5)
    assert Preprocessing(8, 8, scale=2.0).scaling_name == "custom"


@pytest.mark.parametrize(
    "images", [np.zeros((1, 8, 9, 3), np.uint8), np.zeros((8, 8, 3), np.uint8), np.zeros((1, 8, 8, 3))]
)
def test_normalize_takes_nothing_but_fitted_images(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        normalize(images, Preprocessing(8, 8))


RECORDS = TypeAdapter(Preprocessing)


def test_a_record_survives_the_round_trip() -> None:
    recipe = Preprocessing(8, 9, "pad", "bgr", 1.0, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), "bilinear")
    assert RECORDS.validate_json(RECORDS.dump_json(recipe)) == recipe


def test_a_record_of_an_earlier_build_means_lanczos() -> None:
    assert RECORDS.validate_python({"height": 8, "width": 9}).resample == "lanczos"


@pytest.mark.parametrize(
    "changes",
    [
        {"height": 0}, {"width": 100_000}, {"height": "32"}, {"fit": "zoom"}, {"resample": "area"}, {"color": "cmyk"}, {"std": [0.0]},
        {"mean": [1, 2]}, {"mean": ["x"]}, {"mean": None}, {"extra": 1}, {"scale": "big"}, {"scale": None},
        {"std": [float("nan")]}, {"scale": float("inf")}, {"height": 32.5},
        {"scale": 0}, {"scale": -1},
    ],
)  # fmt: skip
def test_records_that_make_no_sense_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((ModelError, ValidationError)):
        RECORDS.validate_python({**RECORDS.dump_python(Preprocessing(32, 32)), **changes})


@pytest.mark.parametrize(("side", "shorter"), [(224, 450), (224, 900), (299, 900), (240, 500), (380, 1000), (448, 450)])
def test_rounding_does_not_make_a_crop_larger_than_the_picture(side: int, shorter: int) -> None:
    recipe = Preprocessing(side, side, "center-crop")
    for size in ((shorter, shorter + 150), (shorter + 150, shorter)):
        assert fit_image(np.full((*size, 3), 9, np.uint8), recipe).tolist() == np.full((side, side, 3), 9).tolist()
