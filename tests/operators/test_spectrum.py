"""Transfer matrices against dense matrices, and which operators have them."""

import pytest
import torch
from torch import Tensor

from foreknow.operators import Convolution, Diagonal, Dictionary, FFTConvolution, Identity, LinearOperator
from foreknow.operators.periodic import periodic_spectrum
from foreknow.operators.spectrum import Spectrum


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


DICTIONARY = Dictionary(draw(4, 3, 2), "circular", domain=(4, 5, 6))
MIXER = Convolution(draw(2, 3, 3, seed=1), "circular", domain=(3, 7))
BLUR = FFTConvolution(draw(3, seed=2), "circular", domain=7)
PERIODIC: dict[str, tuple[LinearOperator, tuple[int, ...]]] = {
    "dictionary": (DICTIONARY, (5, 6)),
    "channels": (MIXER, (7,)),
    "one kernel": (BLUR, (7,)),
    "complex kernel": (FFTConvolution(draw(3, dtype=torch.complex128), domain=8), (8,)),
    "identity": (Identity(7), (7,)),
    "identity of channels": (Identity((3, 7)), (7,)),
    "multiple": (2.5 * MIXER, (7,)),
    "sum": (BLUR + Identity(7), (7,)),
    "composition": (FFTConvolution(draw(2, 2, seed=3), domain=(5, 6)) @ FFTConvolution(draw(3, 3, seed=4), domain=(5, 6)), (5, 6)),
    "composition of channels": (Convolution(draw(2, 2, 2, seed=5), "circular", domain=(2, 7)) @ MIXER, (7,)),
}
every = pytest.mark.parametrize("name", PERIODIC)


def signal_of(operator: LinearOperator, *, adjoint: bool) -> Tensor:
    shape, is_complex = (operator.range, operator.complex_range) if adjoint else (operator.domain, operator.complex_domain)
    return draw(2, *shape, seed=9, dtype=torch.complex128 if is_complex else torch.float64)


def by_spectrum(spectrum: Spectrum, x: Tensor, *, adjoint: bool, channels_out: bool) -> Tensor:
    dims = len(spectrum.sizes)
    x = x if x.ndim == dims + 2 else x.unsqueeze(-dims - 1)
    transform = spectrum.transform(x)
    out = spectrum.inverse(spectrum.apply_adjoint(transform) if adjoint else spectrum.apply(transform))
    return out if channels_out else out.squeeze(-dims - 1)


@every
def test_the_spectrum_is_the_operator(name: str) -> None:
    operator, sizes = PERIODIC[name]
    for adjoint in (False, True):
        x = signal_of(operator, adjoint=adjoint)
        like = x if not operator.complex_range else x.to(torch.complex128)
        spectrum = periodic_spectrum(operator, sizes, like)
        assert spectrum is not None
        target = operator.domain if adjoint else operator.range
        found = by_spectrum(spectrum, x, adjoint=adjoint, channels_out=len(target) > len(sizes))
        torch.testing.assert_close(found, operator.adjoint(x) if adjoint else operator(x), atol=1e-12, rtol=1e-12)


@every
def test_norm_and_cogram_are_those_of_the_dense_matrix(name: str) -> None:
    operator, sizes = PERIODIC[name]
    dtype = torch.complex128 if operator.complex_domain else torch.float64
    size = torch.Size(operator.domain).numel()
    dense = operator(torch.eye(size, dtype=dtype).reshape(size, *operator.domain)).reshape(size, -1).mT
    spectrum = periodic_spectrum(operator, sizes, torch.empty((), dtype=dtype))
    assert spectrum is not None
    torch.testing.assert_close(spectrum.norm(), torch.linalg.matrix_norm(dense, 2), atol=1e-10, rtol=1e-10)
    # the eigenvalues of A A^* are those of its blocks, one a frequency of the full transform
    full = periodic_spectrum(operator, sizes, torch.empty((), dtype=torch.complex128))
    assert full is not None
    blocks = full.cogram().to(torch.complex128).expand(-1, -1, *sizes).flatten(2).movedim(-1, 0)
    found = torch.linalg.eigvalsh(blocks).flatten().sort().values
    torch.testing.assert_close(found, torch.linalg.eigvalsh(dense @ dense.mH), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize(
    "operator",
    [
        Dictionary(draw(2, 3), "same", domain=(2, 7)),
        Convolution(draw(2, 3, 3), "full", domain=(3, 5)),
        FFTConvolution(draw(3), "same", domain=7),
        FFTConvolution(draw(3), "circular", domain=8),
        Diagonal(draw(7)),
        BLUR + Diagonal(draw(7)),
        BLUR @ Diagonal(draw(7)),
        Identity((2, 3, 7)),
    ],
    ids=repr,
)
def test_what_is_not_periodic_on_these_axes_has_none(operator: LinearOperator) -> None:
    assert periodic_spectrum(operator, (7,), draw(7)) is None
