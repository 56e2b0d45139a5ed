import math

import numpy as np
import pytest
from benchmarks.metrics import (
    Counts,
    bootstrap,
    constant_offset,
    count_clicks,
    match_clicks,
    pooled_f1,
    si_sdr,
    snr,
    snr_improvement,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

TIMES = [0.1, 0.5, 0.52, 1.3]


def test_si_sdr_of_a_scaled_copy_is_infinite_whatever_the_sign_of_the_scale():
    reference = np.random.default_rng(0).standard_normal(100)
    assert si_sdr(3 * reference, reference) == math.inf
    assert si_sdr(-0.1 * reference, reference) == math.inf


def test_si_sdr_against_orthogonal_noise_is_the_energy_ratio():
    reference, noise = np.zeros(8), np.zeros(8)
    reference[0], noise[1] = 10.0, 1.0
    assert si_sdr(reference + noise, reference) == pytest.approx(20.0)
    assert si_sdr(5 * (reference + noise), reference) == pytest.approx(20.0)


def test_si_sdr_counts_a_constant_as_an_error():
    reference = np.array([1.0, -1.0, 1.0, -1.0])
    assert si_sdr(reference + 1.0, reference) == pytest.approx(0.0)


def test_si_sdr_of_nothing_is_minus_infinity():
    assert si_sdr(np.zeros(4), np.ones(4)) == -math.inf


def test_si_sdr_refuses_a_silent_reference_and_unequal_lengths():
    with pytest.raises(ValueError, match="silent"):
        si_sdr(np.ones(4), np.zeros(4))
    with pytest.raises(ValueError, match="one length"):
        si_sdr(np.ones(4), np.ones(5))


def test_snr_improvement():
    reference, noise = np.zeros(8), np.zeros(8)
    reference[0], noise[1] = 1.0, 1.0
    assert snr(np.zeros(8), reference) == pytest.approx(0.0)
    assert snr_improvement(reference + 0.1 * noise, reference, reference + noise) == pytest.approx(20.0)


def test_perfect_detection():
    assert count_clicks(TIMES, TIMES) == Counts(4, 0, 0)
    assert count_clicks(TIMES, TIMES).f1 == 1.0


def test_a_shift_of_4_ms_matches_and_one_of_6_ms_does_not():
    assert count_clicks(np.add(TIMES, 0.004), TIMES) == Counts(4, 0, 0)
    assert count_clicks(np.subtract(TIMES, 0.004), TIMES) == Counts(4, 0, 0)
    assert count_clicks(np.add(TIMES, 0.006), TIMES) == Counts(0, 4, 4)
    assert count_clicks(np.add(TIMES, 0.006), TIMES).f1 == 0.0


def test_a_click_detected_twice_is_once_found_and_once_false():
    counts = count_clicks([0.1, 0.101, 0.5], [0.1, 0.5])
    assert counts == Counts(2, 0, 1)
    assert (counts.precision, counts.recall) == (pytest.approx(2 / 3), 1.0)


def test_empty_sides():
    assert count_clicks([], []) == Counts(0, 0, 0)
    assert count_clicks([], []).f1 == 1.0
    assert count_clicks([], TIMES) == Counts(0, 4, 0)
    assert (count_clicks([], TIMES).precision, count_clicks([], TIMES).f1) == (1.0, 0.0)
    assert count_clicks(TIMES, []) == Counts(0, 0, 4)


def test_a_chain_is_matched_in_full():
    # nearest-first matching would pair 0.004 with 0.005 and lose one of the two
    assert count_clicks([0.0, 0.004], [0.005, 0.009]) == Counts(2, 0, 0)


def test_pairs_refer_to_the_order_given():
    assert match_clicks([0.5, 0.1], [0.101, 0.9, 0.501]) == [(1, 0), (0, 2)]


@given(*(st.lists(st.integers(0, 60), max_size=12) for _ in range(2)))
def test_greedy_matching_is_as_large_as_the_optimal_assignment(detected, true):
    fits = np.abs(np.subtract.outer(np.array(detected, float), np.array(true, float))) <= 5
    rows, columns = linear_sum_assignment(-fits.astype(float))
    pairs = match_clicks(detected, true, tolerance=5)
    assert len(pairs) == int(fits[rows, columns].sum())
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert all(fits[i, j] for i, j in pairs)


def test_the_constant_offset_is_the_median_lateness():
    assert constant_offset([np.add(TIMES, 0.007), np.add(TIMES, 0.007)], [TIMES, TIMES]) == pytest.approx(0.007)
    assert constant_offset([[]], [TIMES]) == 0.0


def test_bootstrap_encloses_the_value_and_is_the_same_every_time():
    counts = [Counts(8, 2, 1), Counts(5, 5, 0), Counts(9, 0, 3), Counts(7, 1, 1)]
    first, second = bootstrap(counts, pooled_f1, draws=300), bootstrap(counts, pooled_f1, draws=300)
    assert first == second
    assert first.low < first.value < first.high
    assert first.value == pytest.approx(Counts(29, 8, 5).f1)


def test_bootstrap_of_equal_recordings_has_no_width():
    counts = [Counts(3, 1, 1)] * 5
    estimate = bootstrap(counts, pooled_f1, draws=50)
    assert estimate.low == estimate.value == estimate.high


def test_bootstrap_interval_of_a_mean_has_the_known_width():
    values = np.random.default_rng(1).standard_normal(400).tolist()
    estimate = bootstrap(values, lambda drawn: float(np.mean(drawn)), draws=1000)
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 / math.sqrt(400), rel=0.15)
