"""Freezing an operator changes nothing but the precision, what is learnable, and how often its parameters are prepared."""

import pytest
import torch
from operator_examples import EXAMPLES, Example
from torch import Tensor, nn

from foreknow.operators import Convolution, Dictionary, FFTConvolution, LinearOperator, Matrix
from foreknow.operators.frozen import frozen
from foreknow.operators.spectrum import Spectrum

EVERY = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())


def random(shape: tuple[int, ...], *, is_complex: bool, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    kind = dtype.to_complex() if is_complex else dtype
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=kind)


def pair(operator: LinearOperator, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """A batch of two elements of the domain, and of the range."""
    x = random((2, *operator.domain), is_complex=operator.complex_domain, seed=0, dtype=dtype)
    return x, random((2, *operator.range), is_complex=operator.complex_range, seed=1, dtype=dtype)


@EVERY
def test_the_same_values_again_and_again(example: Example) -> None:
    operator = example.make()
    copy = frozen(operator, torch.float64)
    assert (copy.domain, copy.range) == (operator.domain, operator.range)
    for _ in range(2):  # the second time, what was kept is used
        x, y = pair(operator, torch.float64)
        torch.testing.assert_close(copy(x), operator(x).detach(), atol=1e-12, rtol=1e-12)
        torch.testing.assert_close(copy.adjoint(y), operator.adjoint(y).detach(), atol=1e-12, rtol=1e-12)
    assert not list(copy.parameters())


@EVERY
def test_single_precision_stays_single_and_the_original_is_left_alone(example: Example) -> None:
    operator = example.make()
    before = {name: (value.dtype, value.clone()) for name, value in operator.state_dict().items()}
    copy = frozen(operator, torch.float32)
    x, y = pair(operator, torch.float32)
    assert copy(x).dtype == operator(x).dtype
    assert copy.adjoint(y).dtype == operator.adjoint(y).dtype
    torch.testing.assert_close(copy(x), operator(x).detach(), atol=2e-5, rtol=2e-5)
    for name, value in operator.state_dict().items():
        assert value.dtype == before[name][0]
        assert torch.equal(value, before[name][1])


def test_tensors_are_shared_where_they_fit() -> None:
    matrix = torch.randn(3, 4)
    copy = frozen(Matrix(matrix), torch.float32)
    assert isinstance(copy, Matrix)
    assert copy.matrix.data_ptr() == matrix.data_ptr()


@pytest.mark.parametrize(
    "operator",
    [
        Dictionary(torch.randn(2, 20), "circular", domain=(2, 40)),
        Convolution(torch.randn(2, 1, 20), "same", domain=(1, 40)),
        FFTConvolution(torch.randn(20), "full", domain=40),
    ],
    ids=lambda operator: type(operator).__name__,
)
def test_the_spectrum_is_computed_once(operator: LinearOperator, monkeypatch: pytest.MonkeyPatch) -> None:
    count, original = [], Spectrum.of_kernel.__func__

    def counted(cls: type[Spectrum], *arguments: object) -> Spectrum:
        count.append(1)
        return original(cls, *arguments)

    monkeypatch.setattr(Spectrum, "of_kernel", classmethod(counted))
    copy = frozen(operator, torch.float32)
    for _ in range(3):
        copy.adjoint(copy(torch.randn(operator.domain)))
    assert len(count) == 1


def test_a_kernel_may_change_between_two_uses_of_the_original() -> None:
    """Only the copy keeps a spectrum: the original, whose kernel a training step may change, never does."""
    operator = Dictionary(nn.Parameter(torch.randn(2, 20)), "circular", domain=(2, 40))
    frozen(operator, torch.float32)(torch.randn(2, 40))
    x = torch.randn(2, 40)
    first = operator(x)
    with torch.no_grad():
        operator.atoms.mul_(2.0)
    torch.testing.assert_close(operator(x), 2 * first)
    operator(x).sum().backward()
    assert operator.atoms.grad is not None
