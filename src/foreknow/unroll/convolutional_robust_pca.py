"""Low-rank plus sparse image sequences by few learned convolutional steps."""

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError, ShapeError
from foreknow.parameters import Bounded, Positive
from foreknow.priors.gram import spectral_norm
from foreknow.priors.singular_value import singular_value_threshold
from foreknow.priors.soft_threshold import soft_threshold
from foreknow.unroll.network import Estimate


class ConvolutionalRobustPCA(nn.Module):
    r"""Unrolled robust PCA of image sequences whose matrix products are learned convolutions (CORONA, Solomon et al. 2020).

    Step k is L <- SVT(P_1 * D + P_2 * L + P_3 * S; a_k s_1) and S <- soft(P_4 * D + P_5 * L + P_6 * S; b_k m): the first threshold
    relative to the largest singular value s_1 of the frames as columns, the second to the mean modulus m, so that the network
    does not depend on the scale of the data. Before training the kernels are those of the proximal gradient method for
    1/2 |D - L - S|^2, and the thresholds as given.

    Args:
        steps: their number K.
        kernel: size in time, height and width; odd numbers.
        low_rank: a to begin with, in (0, 1).
        sparse: b to begin with, positive.

    Raises:
        ParameterError: if an argument is outside its range.
    """

    def __init__(
        self, steps: int = 10, kernel: tuple[int, int, int] = (1, 5, 5), low_rank: float = 0.1, sparse: float = 1.0
    ) -> None:
        super().__init__()
        if steps < 1 or any(size < 1 or size % 2 == 0 for size in kernel) or not 0 < low_rank < 1 or not sparse > 0:
            message = "needs one step or more, odd kernel sizes, a low-rank threshold in (0, 1) and a positive sparse threshold"
            raise ParameterError(message)
        self.steps = steps
        self.convolutions = nn.ModuleList(
            nn.Conv3d(3, 2, kernel, padding="same", padding_mode="replicate", bias=False) for _ in range(steps)
        )
        gradient_step = torch.tensor([[0.5, 0.5, -0.5], [0.5, -0.5, 0.5]])  # rows L and S, columns D, L and S; step 1/2
        with torch.no_grad():
            for convolution in self.convolutions:
                weight = convolution.get_parameter("weight").zero_()
                weight[:, :, kernel[0] // 2, kernel[1] // 2, kernel[2] // 2] = gradient_step
        self.low_rank_thresholds = Bounded(torch.full((steps,), low_rank, dtype=torch.float64), 0.0, 1.0)
        self.sparse_thresholds = Positive(torch.full((steps,), sparse, dtype=torch.float64))

    def forward(self, data: Tensor) -> Estimate:
        r"""Separate frames.

        Args:
            data: D, (\*batch, frames, height, width), real.

        Returns:
            The components "low_rank" and "sparse", of the shape of D; they need not sum to D.

        Raises:
            ShapeError: if D has fewer than three axes.
        """
        if data.ndim < 3 or data.is_complex():
            message = f"data must be real image sequences (*batch, frames, height, width), not of shape {tuple(data.shape)}"
            raise ShapeError(message)
        low_rank = sparse = torch.zeros_like(data)
        first, second = self.low_rank_thresholds().to(data), self.sparse_thresholds().to(data)
        scale = data.abs().mean(dim=(-3, -2, -1), keepdim=True)
        for convolution, level, threshold in zip(self.convolutions, first, second, strict=True):
            stacked = torch.stack((data, low_rank, sparse), dim=-4)
            moved = convolution(stacked.flatten(0, -5) if stacked.ndim > 5 else stacked)
            moved = moved.reshape(*stacked.shape[:-4], 2, *stacked.shape[-3:])
            frames = moved.select(-4, 0).flatten(-2).mT
            low_rank = singular_value_threshold(frames, level * spectral_norm(frames)).mT.reshape(data.shape)
            sparse = soft_threshold(moved.select(-4, 1), threshold * scale)
        parts = {"low_rank": low_rank, "sparse": sparse}
        return Estimate(parts, parts)
