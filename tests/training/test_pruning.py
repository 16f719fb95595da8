from __future__ import annotations

import numpy as np
import pytest

from dashboard.training.pruning import draw_epoch

LOSSES = np.concatenate([np.full(800, 0.1), np.full(200, 2.0)])  # mean 0.48: the first 800 are easy


def test_hard_images_all_stay_and_easy_ones_count_for_those_left_out() -> None:
    chosen, weight = draw_epoch(LOSSES, np.random.default_rng(0), easy_kept=0.25, batch_size=10)
    hard, easy = chosen[chosen >= 800], chosen[chosen < 800]
    assert (
        len(hard) >= 191 and len(set(chosen)) == len(chosen) and 150 < len(easy) < 250
    )  # an incomplete last batch is dropped
    assert weight.mean() == pytest.approx(1) and weight[chosen < 800][0] == pytest.approx(4 * weight[chosen >= 800][0])


def test_the_expected_share_of_each_image_is_that_of_an_epoch_of_all() -> None:
    total = np.zeros(1000)
    for seed in range(300):
        chosen, weight = draw_epoch(LOSSES, np.random.default_rng(seed), easy_kept=0.5, batch_size=1)
        total[chosen] += weight / weight.sum()
    assert total[:800].mean() == pytest.approx(total[800:].mean(), rel=0.02)


def test_nothing_is_left_out_where_all_are_kept() -> None:
    chosen, weight = draw_epoch(LOSSES, np.random.default_rng(0), easy_kept=1.0, batch_size=100)
    assert sorted(chosen) == list(range(1000)) and (weight == 1).all() and not np.array_equal(chosen, np.arange(1000))


def test_batches_are_full_unless_there_is_only_one() -> None:
    rng = np.random.default_rng(0)
    assert len(draw_epoch(LOSSES, rng, easy_kept=0.5, batch_size=64)[0]) % 64 == 0
    assert len(draw_epoch(np.ones(5), rng, easy_kept=0.5, batch_size=64)[0]) == 5


def test_an_epoch_may_show_only_a_share_of_the_images() -> None:
    draws = [
        draw_epoch(LOSSES, np.random.default_rng(seed), easy_kept=1.0, batch_size=10, shown_share=0.25)[0]
        for seed in range(2)
    ]
    assert [len(chosen) for chosen in draws] == [250, 250] and set(draws[0]) != set(draws[1])
