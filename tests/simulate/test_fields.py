"""Random fields, blur and motion of pictures."""

import math

import pytest
import torch
from scipy.ndimage import gaussian_filter

from foreknow.errors import ParameterError
from foreknow.simulate.blur import gaussian_blur, moved
from foreknow.simulate.fields import power_law_field, smooth_field, smooth_series, uniform


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("slope", [0.0, 2.0, 3.0])
def test_a_field_has_its_slope_and_variance(slope):
    fields = power_law_field((128, 128), slope, seeded(), longest=64.0, batch=24, dtype=torch.float64)
    assert fields.shape == (24, 128, 128)
    assert float(fields.square().mean()) == pytest.approx(1, rel=0.1)
    window = torch.hann_window(128, dtype=torch.float64)
    power = torch.fft.fft2(fields * window * window[:, None]).abs().square().mean(dim=0)[0, :64]
    low, high = power[6:9].mean(), power[18:27].mean()
    assert float(torch.log(low / high)) / math.log(3) == pytest.approx(slope, abs=0.35)


def test_fields_are_smooth_reproducible_and_of_any_axes():
    field = smooth_field((100, 80), 8.0, seeded())
    assert field.shape == (100, 80)
    assert field.dtype is torch.float32
    assert float(field.diff(dim=0).abs().max()) < 0.7
    assert torch.equal(field, smooth_field((100, 80), 8.0, seeded()))
    assert power_law_field((20,), 1.0, seeded()).shape == (20,)
    assert power_law_field((5, 6, 7), 1.0, seeded(), batch=2).shape == (2, 5, 6, 7)
    with pytest.raises(ParameterError, match="wavelength"):
        power_law_field((10, 10), 1.0, longest=1.0)


def test_series_are_smooth_and_have_unit_variance():
    series = smooth_series(400, 10.0, seeded(), batch=200)
    assert float(series.var()) == pytest.approx(1, rel=0.1)
    lag = float((series[:, 10:] * series[:, :-10]).mean())
    assert lag == pytest.approx(math.exp(-0.25), abs=0.1)
    assert smooth_series(5, 1.0, seeded()).shape == (5,)
    assert 2 <= uniform((2, 3), seeded()) <= 3


@pytest.mark.parametrize("sigma", [0.4, 1.0, 3.0])
def test_narrow_blur_is_the_gaussian(sigma):
    images = torch.rand(2, 40, 50, generator=seeded(), dtype=torch.float64)
    expected = torch.as_tensor(gaussian_filter(images.numpy(), (0, sigma, sigma), mode="nearest", truncate=6))
    assert float((gaussian_blur(images, sigma) - expected).abs().max()) < 1e-3
    assert gaussian_blur(images, 0) is images


@pytest.mark.parametrize("sigma", [10.0, 35.0])
def test_wide_blur_of_smooth_images(sigma):
    image = torch.as_tensor(gaussian_filter(torch.rand(200, 230, generator=seeded(), dtype=torch.float64).numpy(), 6))
    image = (image - image.min()) / (image.max() - image.min())
    expected = torch.as_tensor(gaussian_filter(image.numpy(), sigma, mode="nearest"))
    error = (gaussian_blur(image, sigma) - expected).abs()
    assert float(error.max()) < 0.05
    assert float(error[50:150, 50:180].mean()) < 0.01


def test_blur_is_differentiable_and_keeps_constants():
    image = torch.rand(20, 20, dtype=torch.float64, generator=seeded(), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: gaussian_blur(x, 1.3), image)
    assert torch.allclose(gaussian_blur(torch.ones(30, 41), 12.0), torch.ones(30, 41), atol=1e-6)


def test_pictures_move():
    picture = smooth_field((60, 70), 4.0, seeded(), dtype=torch.float64)
    shifts = torch.tensor([[0.0, 0.0], [3.0, -2.0], [0.5, 0.0]], dtype=torch.float64)
    windows = moved(picture, shifts, (20, 30))
    assert windows.shape == (3, 20, 30)
    assert torch.allclose(windows[0], picture[20:40, 20:50], atol=1e-9)
    assert torch.allclose(windows[1], picture[17:37, 22:52], atol=1e-9)
    between = 0.5 * (picture[20:40, 20:50] + picture[19:39, 20:50])
    assert float((windows[2] - between).abs().max()) < 0.2
