"""Linear operators with exact adjoints.

- `LinearOperator`: the contract (forward, adjoint, norm, shapes) and the algebra ``A.T, A @ B, A + B, 2 * A``.
- `Identity`, `Diagonal`, `Matrix`: the identity, a number a sample, a dense matrix.
- `FFTConvolution`, `Convolution`: convolution with one kernel through the FFT; between channels, direct; 1 to 3 axes.
- `Dictionary`: synthesis from a convolutional dictionary, the sum over atoms.
- `FiniteDifference`: the gradient along 1 to 3 axes.
- `DCT`, `LocalCosine`: the orthonormal cosine transform; that of overlapping windows, a Parseval frame.
- `STFT`: the short-time Fourier transform as a Parseval frame.
- `Wavelet`, `WaveletPacket`, `StationaryWavelet`, `FilterBank`, `Band`: wavelets with (learnable) lattice angles.
- `Casorati`: the frames of a film as the columns of a matrix.
- `Mask`, `Sampling`: missing samples set to zero, or left out.
- `TimeShift`, `FractionalShift`: delays by whole samples, or by any learnable number.
- `Warp`: motion, linear interpolation at displaced positions.
- `Patches`: sliding patches, overlapping or not.
- `Batched`: one operator on each channel or frame of an event.
- `Stack`: operators of one domain and range, in one tensor.
- `NonlinearOperator`: a differentiable map, its derivatives and linearisations `Tangent` and `JacobianMatrix`.
- `BlockRow`, `BlockColumn`: operators side by side and one above the other, on tuples of tensors.
"""

from foreknow.operators.base import Adjoint, Composition, LinearOperator, Scaled, Sum
from foreknow.operators.batched import Batched
from foreknow.operators.block import BlockColumn, BlockRow
from foreknow.operators.casorati import Casorati
from foreknow.operators.convolution import Convolution, Dictionary
from foreknow.operators.cosine import DCT, LocalCosine
from foreknow.operators.diagonal import Diagonal
from foreknow.operators.difference import FiniteDifference
from foreknow.operators.fft_convolution import FFTConvolution
from foreknow.operators.filter_bank import FilterBank
from foreknow.operators.identity import Identity
from foreknow.operators.mask import Mask, Sampling
from foreknow.operators.matrix import Matrix
from foreknow.operators.nonlinear import JacobianMatrix, NonlinearOperator, Tangent
from foreknow.operators.patches import Patches
from foreknow.operators.shift import FractionalShift, TimeShift
from foreknow.operators.stack import Stack
from foreknow.operators.stationary_wavelet import StationaryWavelet
from foreknow.operators.stft import STFT
from foreknow.operators.warp import Warp
from foreknow.operators.wavelet import Wavelet
from foreknow.operators.wavelet_packet import WaveletPacket
from foreknow.operators.wavelet_steps import Band

__all__ = [
    "DCT",
    "STFT",
    "Adjoint",
    "Band",
    "Batched",
    "BlockColumn",
    "BlockRow",
    "Casorati",
    "Composition",
    "Convolution",
    "Diagonal",
    "Dictionary",
    "FFTConvolution",
    "FilterBank",
    "FiniteDifference",
    "FractionalShift",
    "Identity",
    "JacobianMatrix",
    "LinearOperator",
    "LocalCosine",
    "Mask",
    "Matrix",
    "NonlinearOperator",
    "Patches",
    "Sampling",
    "Scaled",
    "Stack",
    "StationaryWavelet",
    "Sum",
    "Tangent",
    "TimeShift",
    "Warp",
    "Wavelet",
    "WaveletPacket",
]
