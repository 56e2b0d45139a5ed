"""One or more small examples of every linear operator, for the contract that all of them are tested against."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foreknow.operators import (
    DCT,
    STFT,
    Batched,
    Casorati,
    Convolution,
    Diagonal,
    Dictionary,
    FFTConvolution,
    FilterBank,
    FiniteDifference,
    FractionalShift,
    Identity,
    JacobianMatrix,
    LinearOperator,
    LocalCosine,
    Mask,
    Matrix,
    NonlinearOperator,
    Patches,
    Sampling,
    Stack,
    StationaryWavelet,
    Tangent,
    TimeShift,
    Warp,
    Wavelet,
    WaveletPacket,
)

EXACT = 1 + 1e-6
LOOSE = 3.0


@dataclass(frozen=True)
class Example:
    """An operator and what to expect of it.

    Attributes:
        make: a new operator, bound to a domain.
        declare: the same operator declared for any shape, or None where it always has a shape.
        tight: what norm() may at most be, as a multiple of the true norm.
        onto: whether the range determines the domain.
        complex_input: whether complex input makes sense.
    """

    make: Callable[[], LinearOperator]
    declare: Callable[[], LinearOperator] | None = None
    tight: float = EXACT
    onto: bool = True
    complex_input: bool = True


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def learn(*shape: int, seed: int = 0) -> nn.Parameter:
    return nn.Parameter(draw(*shape, seed=seed))


def bank(taps: int = 6, *, zero_mean: bool = True) -> FilterBank:
    return FilterBank.random(taps, torch.Generator().manual_seed(taps), zero_mean=zero_mean, learnable=True)


class CumulativeSum(LinearOperator):
    """Writes only what a subclass must write, so that the default adjoint and the default norm are tested too."""

    def __init__(self, domain: int | None) -> None:
        super().__init__(domain, 1)

    def _forward(self, x: Tensor) -> Tensor:
        return x.cumsum(-1)

    def _range_shape(self, domain: tuple[int, ...]) -> tuple[int, ...]:
        return domain


def declared(build: Callable[[object], LinearOperator], domain: object, **expected: object) -> Example:
    """An operator that is built with its domain, or with None for any."""
    return Example(lambda: build(domain), lambda: build(None), **expected)


mask = draw(4, 5, seed=3) > 0
flow = 0.9 * draw(2, 4, 5, seed=4)


class Bent(NonlinearOperator):
    """Products of neighbours, from 4 numbers to 2 x 3."""

    def __init__(self) -> None:
        super().__init__(4, (2, 3))

    def _forward(self, x: Tensor) -> Tensor:
        products = x[..., 1:] * x[..., :-1]
        return torch.stack((products, x[..., 1:].sin()), dim=-2)


EXAMPLES: dict[str, Example] = {
    "default": declared(CumulativeSum, 7, tight=1.02),
    "identity": declared(lambda domain: Identity(domain, 2), (3, 4)),
    "diagonal": Example(lambda: Diagonal(learn(3, 4))),
    "diagonal-broadcast": Example(lambda: Diagonal(learn(3, 1), domain=(3, 4))),
    "diagonal-complex": Example(lambda: Diagonal(draw(5, dtype=torch.complex128))),
    "matrix": Example(lambda: Matrix(learn(4, 6))),
    "matrix-complex": Example(lambda: Matrix(draw(4, 3, dtype=torch.complex128))),
    "fft-circular-1d": declared(lambda domain: FFTConvolution(learn(3), domain=domain), 8),
    "fft-circular-2d": declared(lambda domain: FFTConvolution(learn(3, 2), origin=(0, 1), domain=domain), (5, 4)),
    "fft-same-1d": declared(lambda domain: FFTConvolution(learn(4), "same", domain=domain), 9, tight=LOOSE),
    "fft-same-longer-kernel": declared(lambda domain: FFTConvolution(learn(9), "same", origin=0, domain=domain), 5, tight=LOOSE),
    "fft-same-3d": declared(lambda domain: FFTConvolution(learn(2, 3, 2), "same", domain=domain), (3, 4, 2), tight=LOOSE),
    "fft-full-2d": declared(lambda domain: FFTConvolution(learn(3, 2), "full", domain=domain), (4, 5), tight=LOOSE),
    "fft-complex": declared(lambda domain: FFTConvolution(draw(3, dtype=torch.complex128), domain=domain), 7),
    "convolution-circular": declared(lambda domain: Convolution(learn(2, 3, 3), "circular", domain=domain), (3, 6)),
    "convolution-same-2d": declared(lambda domain: Convolution(learn(3, 2, 3, 2), domain=domain), (2, 4, 3), tight=LOOSE),
    "convolution-full-3d": declared(
        lambda domain: Convolution(learn(1, 2, 2, 2, 1), "full", domain=domain), (2, 2, 3, 2), tight=LOOSE
    ),
    "convolution-long-kernel": declared(lambda domain: Convolution(learn(2, 1, 17), domain=domain), (1, 20), tight=LOOSE),
    "convolution-long-kernel-circular": declared(
        lambda domain: Convolution(learn(1, 2, 4, 4), "circular", domain=domain), (2, 4, 5)
    ),
    "dictionary-long-atoms": declared(lambda domain: Dictionary(learn(2, 16), "full", domain=domain), (2, 6), tight=LOOSE),
    "dictionary-circular": declared(lambda domain: Dictionary(learn(3, 4), "circular", domain=domain), (3, 7)),
    "dictionary-same": declared(lambda domain: Dictionary(learn(2, 5), origin=0, domain=domain), (2, 9), tight=LOOSE),
    "dictionary-full-2d": declared(lambda domain: Dictionary(learn(2, 2, 3), "full", domain=domain), (2, 4, 3), tight=LOOSE),
    "difference-1d": declared(lambda domain: FiniteDifference(domain, 1), 7),
    "difference-2d": declared(lambda domain: FiniteDifference(domain, 2), (4, 5)),
    "difference-3d-periodic": declared(lambda domain: FiniteDifference(domain, 3, "periodic"), (2, 3, 4)),
    "difference-one-axis": declared(lambda domain: FiniteDifference(domain, 2, axes=(-2,)), (3, 4)),
    "difference-single-sample": declared(lambda domain: FiniteDifference(domain, 2), (1, 5)),
    "dct-even": declared(lambda domain: DCT(domain, 1), 8),
    "dct-2d-odd": declared(lambda domain: DCT(domain, 2), (3, 5)),
    "dct-one": declared(lambda domain: DCT(domain, 1), 1),
    "local-cosine": declared(lambda domain: LocalCosine(8, 3, domain), 17, onto=False),
    "stft-even": declared(lambda domain: STFT(8, 2, domain), 19, onto=False, complex_input=False),
    "stft-odd": declared(lambda domain: STFT(7, 5, domain), 16, onto=False, complex_input=False),
    "stft-window": declared(lambda domain: STFT(draw(6).abs() + 0.1, 6, domain), 4, onto=False, complex_input=False),
    "wavelet-1d": declared(lambda domain: Wavelet(bank(), 2, domain), 16),
    "wavelet-padded": declared(lambda domain: Wavelet(bank(zero_mean=False), 3, domain), 13),
    "wavelet-longer-than-signal": declared(lambda domain: Wavelet(bank(12), 2, domain), 4),
    "wavelet-haar": declared(lambda domain: Wavelet("haar", 1, domain), 6),
    "wavelet-symmetric": declared(lambda domain: Wavelet(bank(), 2, domain, boundary="symmetric"), 10),
    "wavelet-symmetric-padded": declared(lambda domain: Wavelet(bank(), 2, domain, boundary="symmetric"), 7),
    "wavelet-2d": declared(lambda domain: Wavelet(bank(4), 2, domain, 2), (8, 4)),
    "wavelet-3d": declared(lambda domain: Wavelet(bank(4), 1, domain, 3), (2, 4, 2)),
    "wavelet-2d-symmetric": declared(lambda domain: Wavelet(bank(4), 1, domain, 2, boundary="symmetric"), (3, 4)),
    "packet-1d": declared(lambda domain: WaveletPacket(bank(), 3, domain), 16),
    "packet-2d-padded": declared(lambda domain: WaveletPacket(bank(4), 1, domain, 2), (3, 4)),
    "packet-symmetric": declared(lambda domain: WaveletPacket(bank(4), 2, domain, boundary="symmetric"), 6),
    "stationary-1d": declared(lambda domain: StationaryWavelet(bank(), 2, domain), 7),
    "stationary-2d": declared(lambda domain: StationaryWavelet(bank(4), 1, domain, 2), (4, 3)),
    "casorati": declared(Casorati, (3, 2, 4), onto=False),
    "casorati-signals": declared(lambda domain: Casorati(domain, 2), (3, 5)),
    "mask": Example(lambda: Mask(mask)),
    "mask-broadcast": Example(lambda: Mask(mask[0], domain=(2, 5))),
    "mask-empty": Example(lambda: Mask(torch.zeros(3))),
    "sampling": Example(lambda: Sampling(mask)),
    "shift-periodic": declared(lambda domain: TimeShift(3, domain=domain), 7),
    "shift-zero": declared(lambda domain: TimeShift(-2, "zero", domain), 7),
    "shift-all-out": Example(lambda: TimeShift(9, "zero", 4)),
    "shift-fractional-odd": declared(lambda domain: FractionalShift(nn.Parameter(torch.tensor(1.3)), domain), 7),
    "shift-fractional-even": declared(lambda domain: FractionalShift(nn.Parameter(torch.tensor(-0.4)), domain), 6),
    "warp-1d": Example(lambda: Warp(learn(1, 7)), tight=LOOSE),
    "warp-2d": Example(lambda: Warp(flow), tight=LOOSE),
    "warp-2d-edge": Example(lambda: Warp(nn.Parameter(flow), "edge"), tight=LOOSE),
    "warp-far": Example(lambda: Warp(100 * draw(1, 5)), tight=LOOSE),
    "patches-1d": declared(lambda domain: Patches(3, 2, domain=domain), 8, onto=False),
    "patches-2d": declared(lambda domain: Patches((2, 3), 1, domain=domain), (4, 5), onto=False),
    "patches-3d-gaps": declared(lambda domain: Patches((2, 1, 2), (1, 2, 3), domain=domain), (3, 3, 5), onto=False),
    "patches-periodic": declared(lambda domain: Patches((4, 2), (2, 1), "periodic", domain), (6, 3), onto=False),
    "batched": Example(lambda: Batched(Matrix(learn(4, 3)), 2), lambda: Batched(Matrix(learn(4, 3)))),
    "batched-stft": Example(
        lambda: Batched(STFT(4, 2, 6), (1, 2)), lambda: Batched(STFT(4, 2), item_dims=2), onto=False, complex_input=False
    ),
    "stack": declared(lambda domain: Stack(FFTConvolution(learn(2), domain=domain), TimeShift(1, domain=domain)), 6, tight=LOOSE),
    "stack-parseval": declared(lambda domain: Stack(DCT(domain, 1), 2.0 * Identity(domain, 1)), 5),
    "adjoint": declared(lambda domain: FiniteDifference(domain, 1).T if domain else FiniteDifference().T, 6),
    "adjoint-stft": Example(lambda: STFT(4, 2, 6).T, complex_input=False),
    "composition": declared(lambda domain: FiniteDifference(domain, 2) @ DCT(domain, 2), (3, 4)),
    "composition-through-spectrum": Example(
        lambda: STFT(4, 2, 6).T @ Diagonal(draw(3, 4).abs()) @ STFT(4, 2, 6), tight=LOOSE, complex_input=False
    ),
    "composition-weighted-spectrum": Example(
        lambda: Diagonal(draw(3, 4).abs()) @ STFT(4, 2, 6), tight=LOOSE, onto=False, complex_input=False
    ),
    "sum": declared(lambda domain: TimeShift(1, domain=domain) + Wavelet(bank(), 1, domain), 6, tight=LOOSE),
    "scaled": declared(lambda domain: -1.5 * FiniteDifference(domain, 1), 5),
    "Jacobian matrix": Example(lambda: JacobianMatrix(draw(6, 4), (4,), (2, 3)), onto=False),
    "Tangent": Example(lambda: Tangent(Bent(), draw(4)), tight=LOOSE, onto=False, complex_input=False),
}
