"""The light, its data term, and the background that they give."""

import math

import pytest
import torch

from foreknow.cytology import DetectSettings
from foreknow.cytology.above_glass import CellsAboveGlass
from foreknow.cytology.background import fit_background, lower_noise, noise_of_differences
from foreknow.cytology.density import light_of, optical_density_of
from foreknow.cytology.light import Cast, SmoothLight, smooth_basis
from foreknow.errors import DataError, ParameterError, ShapeError
from foreknow.priors import GroupL2, NonNegative, NonPositive


def data_term() -> CellsAboveGlass:
    cells = 0.5 + torch.rand(1, 1, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return CellsAboveGlass(cells, torch.tensor(3.0, dtype=torch.float64), torch.tensor(0.7, dtype=torch.float64))


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("made", ["light", "cast"])
def test_operators_are_orthonormal_and_have_their_adjoint(channels: int, made: str):
    operator = (SmoothLight(20, 24, channels, 4, 2) if made == "light" else Cast(480)).onto((2, channels, 480))
    x, y = random(*operator.domain), random(*operator.range, seed=1)
    assert float((operator(x) * y).sum()) == pytest.approx(float((x * operator.adjoint(y)).sum()), rel=1e-10)
    assert torch.allclose(operator.adjoint(operator(x)), x, atol=1e-10)


def test_light_is_orthogonal_to_the_cast_and_refuses_tiny_fields():
    light = SmoothLight(20, 24, 3, 4, 2).onto((1, 3, 480))
    assert float(light(random(*light.domain)).sum(dim=-1).abs().max()) < 1e-10
    with pytest.raises(ShapeError, match="too small"):
        smooth_basis(8, 8, 8)


def test_data_term_is_the_minimum_over_cells_and_glints():
    term, z, y = data_term(), random(2, 3, 6), random(2, 3, 6, seed=1)
    residual = y - z
    cells, glints = term.parts(residual)
    assert float(cells.min()) >= 0 >= float(glints.max())
    above = GroupL2(term.cells, axes=-2, event_dims=2) & NonNegative(event_dims=2)
    below = GroupL2(3.0, axes=-2, event_dims=2) & NonPositive(event_dims=2)

    def joint(s: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        fit = (residual - s - g).square().sum(dim=(-2, -1)) / (2 * 0.49)
        return fit + above.value(s) + below.value(g)

    best = joint(cells, glints)
    assert torch.allclose(term.value(z, y, 2), best)
    for seed in range(20):
        moved = joint(
            (cells + 0.1 * random(2, 3, 6, seed=seed)).clamp_min(0), (glints + 0.1 * random(2, 3, 6, seed=-seed)).clamp_max(0)
        )
        assert bool((moved >= best - 1e-12).all())


def test_gradient_prox_and_conjugate_of_the_data_term_agree():
    term, z, y = data_term(), random(2, 3, 6).requires_grad_(), random(2, 3, 6, seed=1)
    value = term.value(z, y, 2)
    (slope,) = torch.autograd.grad(value.sum(), z)
    assert torch.allclose(slope, term.gradient(z, y))
    fenchel = (slope * z).sum(dim=(-2, -1)) - term.value(z, y, 2)
    assert torch.allclose(term.conjugate(slope, y, 2), fenchel)
    point = term.prox(z, y, torch.tensor(0.4, dtype=torch.float64))
    assert torch.allclose(point + 0.4 * term.gradient(point, y), z, atol=1e-12)
    assert bool(torch.isinf(term.conjugate(10 * torch.ones_like(slope), y, 2)).all())
    scale = term.dual_scale(10 * slope, 2)[:, None, None]
    assert bool(torch.isfinite(term.conjugate(scale * 10 * slope, y, 2)).all())


def uneven_field(cover: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Density of a textured disc pattern that covers a share of a field, on a smooth light, and that light."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 160), torch.linspace(-1, 1, 160), indexing="ij")
    light = 0.15 + 0.05 * rows + 0.06 * torch.cos(2.2 * columns)
    glass = light.expand(3, -1, -1) + torch.tensor([0.0, 0.04, 0.09])[:, None, None]
    cells = torch.zeros(160, 160)
    while float((cells > 0).float().mean()) < cover:
        x, y = 2 * torch.rand(2, generator=generator) - 1
        disc = (((columns - x) ** 2 + (rows - y) ** 2).sqrt() < 0.16).float()
        cells = torch.maximum(cells, disc * (0.12 + 0.1 * torch.rand((), generator=generator)))
    texture = 1 + 0.25 * torch.randn(160, 160, generator=generator)
    colour = torch.tensor([1.0, 0.6, 0.5])[:, None, None]
    return glass + colour * cells * texture + 0.004 * torch.randn(3, 160, 160, generator=generator), glass


@pytest.mark.parametrize(("cover", "seed"), [(0.1, 0), (0.3, 0), (0.45, 1), (0.6, 0), (0.6, 1)])
def test_background_is_found_under_few_and_many_cells(cover: float, seed: int):
    density, glass = uneven_field(cover, seed)
    found = fit_background(density[None])
    error = (found.of(0) - glass).abs()
    assert float(error.mean()) < 0.006
    assert float(error.quantile(0.99)) < 0.03
    assert found.certificate < 0.02


def test_background_of_several_fields_at_once():
    fields = torch.stack([uneven_field(0.2, seed)[0] for seed in range(2)])
    found = fit_background(fields)
    for number in range(2):
        assert float((found.of(number) - uneven_field(0.2, number)[1]).abs().mean()) < 0.008
    with pytest.raises(ShapeError, match="fields have the axes"):
        fit_background(fields[0])


def test_noise_is_measured_where_no_cell_is():
    density, _ = uneven_field(0.1)
    assert float(noise_of_differences(density[None, 0])) == pytest.approx(0.004, rel=0.5)
    residual = 0.01 * random(1, 20_000)
    residual[:, :12_000] = residual[:, :12_000].abs() + 0.3  # cells over more than half
    assert float(lower_noise(residual)) == pytest.approx(0.01, rel=0.05)


def test_density_of_all_types_is_the_same_and_bad_images_are_told():
    image = (255 * torch.rand(40, 50, 3, generator=torch.Generator().manual_seed(0))).to(torch.uint8)
    density = optical_density_of(image)
    assert torch.allclose(density, optical_density_of((image.to(torch.int32) * 257).to(torch.uint16)), atol=2e-3)
    assert torch.allclose(density, optical_density_of(image.float() / 255), atol=2e-3)
    assert torch.equal(light_of(density), image) or float((light_of(density).int() - image.int()).abs().max()) <= 1
    for bad, words in (
        (torch.zeros(40, 50), "same value"),
        (torch.rand(10, 50), "pixels"),
        (torch.full((40, 50), math.nan), "not numbers"),
        (7 * torch.rand(40, 50), "above 1"),
    ):
        with pytest.raises(DataError, match=words):
            optical_density_of(bad)
    with pytest.raises(ShapeError, match="must be"):
        optical_density_of(torch.rand(40, 50, 4))


def test_settings_are_checked():
    with pytest.raises(ParameterError, match="above 0"):
        DetectSettings(level=0)
    with pytest.raises(ParameterError, match="32 pixels"):
        DetectSettings(side=4)


def test_a_solver_that_stops_says_what_to_do():
    from foreknow.cytology.finder import SolvedBackground
    from foreknow.cytology.simulate import SmearSettings, simulate_smear

    density = optical_density_of(simulate_smear(SmearSettings(height=96, width=96, cells=6), 3).image)
    stopped = SolvedBackground().find(density, DetectSettings(max_iterations=1, tolerance=1e-9))
    assert stopped.certificate is not None
    assert stopped.certificate > 1e-9
    assert "--model shipped" in stopped.notices[0]
    assert "background.png" in stopped.notices[0]
    assert not SolvedBackground().find(density, DetectSettings()).notices
