import csv

import pytest
import torch
from benchmarks.baselines.method import Extraction
from benchmarks.bench_lung_separation import FLOOR, judge
from benchmarks.lung_cases import (
    REAL_FOLDER,
    TEST_SEEDS,
    TRAINING_SEEDS,
    _normal_spans,
    real_cases,
    simulated_case,
    through_stethoscope,
)
from benchmarks.lung_methods import Contender

from foreknow.lung.simulate.spectrum import limit_band


@pytest.fixture(scope="module")
def case():
    return simulated_case(TEST_SEEDS[0], seconds=6.0)


def test_training_and_test_recordings_differ():
    assert not set(TRAINING_SEEDS) & set(TEST_SEEDS)
    assert len(TEST_SEEDS) >= 10


def test_the_ratio_is_that_of_the_crackles_to_the_breath_in_band(case):
    recording, crackles = case.mix(-5.0)
    breath = limit_band(case.breath, case.rate, 100.0, 1000.0)
    assert 10 * torch.log10(crackles.square().sum() / breath.square().sum()).item() == pytest.approx(-5.0)
    assert torch.allclose(recording, case.breath + crackles)


def test_true_times_are_at_largest_deflections(case):
    for time in case.times:
        index = round(time.item() * case.rate)
        around = case.crackles[max(0, index - 6) : index + 7].abs()
        assert case.crackles[index].abs() > 0.4 * around.max()


def test_crackles_pass_the_stethoscope_without_delay():
    pulse = torch.zeros(4000, dtype=torch.float64)
    pulse[2000] = 1.0
    heard = through_stethoscope(pulse, 4000)
    assert heard.abs().argmax() == 2000
    gain = torch.fft.rfft(heard).abs()
    assert gain[[100, 520, 1040]].tolist() == pytest.approx([1.0, 0.5, 1 / 65], abs=1e-3)


def test_the_truth_scores_best_and_nothing_scores_the_floor(case):
    _, crackles = case.mix(0.0)
    truth = judge(Extraction(crackles, case.times), case, crackles)
    assert (truth.si_sdr, truth.counts.f1) == (float("inf"), 1.0)
    nothing = judge(Extraction(torch.zeros_like(crackles), case.times[:0]), case, crackles)
    assert (nothing.si_sdr, nothing.counts.f1) == (FLOOR, 0.0)


def test_the_constant_offset_is_taken_off(case):
    late = Contender("late", lambda recording, _: Extraction(recording, case.times + 0.007), 0.007)
    assert torch.allclose(late(case.breath, case.rate).times, case.times)


def test_no_real_recordings_without_the_folder(tmp_path):
    assert list(real_cases(tmp_path)) == []


@pytest.mark.data
@pytest.mark.skipif(not REAL_FOLDER.is_dir(), reason="needs ../shared/data/lung")
def test_training_patients_are_no_test_patients():
    patient = {row["file"]: row["patient"] for row in csv.DictReader((REAL_FOLDER / "recordings.csv").read_text().splitlines())}
    training, test = (_normal_spans(REAL_FOLDER, training=training) for training in (True, False))
    assert len(training) >= 5
    assert not {patient[name] for name in training} & {patient[name] for name in test}


@pytest.mark.data
@pytest.mark.skipif(not REAL_FOLDER.is_dir(), reason="needs ../shared/data/lung")
def test_crackles_are_planted_inside_spans_of_normal_breath():
    cases = list(real_cases())
    assert len(cases) >= 10
    for case in cases:
        assert len(case.times) > 0
        assert len(case.inside(case.times)) == len(case.times)
        assert not case.crackles[~case.scored].any()
