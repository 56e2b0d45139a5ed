"""Composition, translation, plug-ins, smoothness, overlapping groups."""

import pytest
import torch
from torch import nn

from foreknow.errors import ParameterError, ShapeError, UnsupportedError
from foreknow.operators.cosine import DCT
from foreknow.operators.difference import FiniteDifference
from foreknow.priors import L1, L2, GroupL2, InexactProxWarning, L2Ball, OverlappingGroupL2, PlugIn, Separable, Smoothness


def points(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_composition_with_an_orthogonal_operator():
    x = points(3, 8)
    transform = DCT(8)
    prior = L1(0.3) @ transform
    torch.testing.assert_close(prior.prox(x, 0.5), transform.adjoint(L1(0.3).prox(transform(x), 0.5)))
    assert prior.split() == (prior, ())


def test_composition_twice():
    prior = (L1(0.3) @ FiniteDifference()) @ DCT()
    assert not prior.has_prox
    x = points(3, 8)
    ((part, operator),) = prior.split()[1]
    torch.testing.assert_close(part.value(operator.on(8)(x)), prior.value(x))
    with pytest.raises(UnsupportedError):
        prior.conjugate(x)


def test_composition_needs_axes_that_fit():
    with pytest.raises(ShapeError, match="3 axes"):
        _ = L1(event_dims=3) @ FiniteDifference()


def test_translation_of_a_prior_that_splits():
    center = points(6)
    prior = (L1(0.3) @ FiniteDifference()).at(center)
    x = points(6, seed=1)
    ((part, operator),) = prior.split()[1]
    torch.testing.assert_close(part.value(operator.on(6)(x)), prior.value(x))


def test_a_noise_level_as_constraint():
    data = points(4)
    prior = L2Ball(0.5).at(data)
    p = prior.prox(points(4, seed=1) * 10)
    assert float((p - data).norm()) == pytest.approx(0.5)


def test_one_weight_a_slice():
    weights = torch.tensor([0.1, 5.0], dtype=torch.float64).reshape(2, 1)
    prior = L2(weights).over(2)
    assert isinstance(prior, Separable)
    p = prior.prox(torch.ones(3, 2, 4, dtype=torch.float64))
    assert bool((p[:, 0] > 0).all())
    assert bool((p[:, 1] == 0).all())
    with pytest.raises(ShapeError):
        prior.over(1)
    with pytest.raises(ParameterError):
        Separable(L2(), 1)


class Blur(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gain * x


def test_plug_ins():
    seen = []

    def denoise(x, sigma):
        seen.append(sigma)
        return x

    x = points(3, 2, 4, 4)
    PlugIn(denoise, 0.25, event_dims=3).prox(x, 4.0)
    PlugIn(denoise, torch.full((3, 1, 1, 1), 0.25), event_dims=3).prox(x, 4.0)
    assert float(seen[0]) == 1.0
    assert seen[1].shape == (3,)
    network = PlugIn(Blur())
    assert not network.takes_sigma
    assert [name for name, _ in network.named_parameters()] == ["denoiser.gain"]
    network.prox(torch.ones(2, 3)).sum().backward()
    assert not PlugIn(lambda x, gain=1.0: gain * x).takes_sigma
    assert PlugIn(lambda x, sigma=None: x * sigma).takes_sigma
    with pytest.raises(UnsupportedError):
        network.value(x)
    with pytest.raises(UnsupportedError):
        network.envelope(x)


def test_a_signature_that_cannot_be_read():
    class Hidden:
        __signature__ = 3

        def __call__(self, x):
            return x

    with pytest.raises(ParameterError, match="takes_sigma"):
        PlugIn(Hidden())
    assert PlugIn(Hidden(), takes_sigma=False).prox(torch.ones(2)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("boundary", ["neumann", "periodic"])
@pytest.mark.parametrize("shape", [(1,), (2,), (9,), (4, 5), (3, 2, 4)], ids=str)
def test_smoothness_solves_its_normal_equations(boundary, shape):
    prior = Smoothness(0.7, boundary=boundary, event_dims=len(shape))
    operator = FiniteDifference(shape, boundary=boundary)
    x = points(2, *shape)
    p = prior.prox(x, 1.3)
    torch.testing.assert_close(p + 1.3 * 0.7 * operator.adjoint(operator(p)), x)
    torch.testing.assert_close(prior.prox(x.to(torch.complex128) * 1j, 1.3), 1j * p.to(torch.complex128))


def test_overlapping_groups():
    x = points(40, 8)
    apart = OverlappingGroupL2(((0, 1, 2, 3), (4, 5, 6, 7)), 8, 0.9)
    torch.testing.assert_close(apart.prox(x), GroupL2(0.9).prox(x.reshape(40, 2, 4)).reshape(40, 8), atol=1e-9, rtol=0)
    nested = OverlappingGroupL2((range(8), range(4), (0,)), 8, 0.5)
    # Nested groups: the composition of the group maps from the smallest to the largest (Jenatton et al. 2011, theorem 1).
    expected = x.clone()
    for size in (1, 4, 8):
        expected[:, :size] = L2(0.5).prox(expected[:, :size])
    torch.testing.assert_close(nested.prox(x), expected, atol=1e-9, rtol=0)
    assert bool((nested.prox(x)[expected == 0] == 0).all())


def test_overlapping_groups_that_need_more_iterations_say_so():
    prior = OverlappingGroupL2(((0, 1), (1, 2), (2, 3)), 4, 0.5, max_iterations=2)
    with pytest.warns(InexactProxWarning, match="2 iterations"):
        prior.prox(points(5, 4))
    with pytest.raises(ParameterError):
        OverlappingGroupL2(((0, 9),), 4)
    with pytest.raises(ParameterError):
        OverlappingGroupL2(((0, 1),), 4, group_weights=torch.ones(3))
    with pytest.raises(ShapeError, match="4 elements"):
        prior.prox(points(5))


def test_import_is_light(tmp_path):
    import subprocess
    import sys

    code = "import sys, foreknow.priors; print([m for m in ('scipy', 'matplotlib', 'rich', 'typer', 'pywt') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)  # noqa: S603
    assert result.stdout.strip() == "[]"
