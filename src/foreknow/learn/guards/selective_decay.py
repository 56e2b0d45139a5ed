"""Selective projection decay: layers are pulled back where going on contradicts the gradient."""

import torch
from torch import Tensor

from foreknow.learn.guards.anchored import AnchoredGuard


class SelectiveDecay(AnchoredGuard):
    r"""SPD (Tian, Huang and Kira, NeurIPS 2024, arXiv 2411.01713), for each parameter tensor, after any optimiser.

    With gradient g, w before and w' after the step of the optimiser: only where <-g, w - w0> < 0, that is where the descent would
    lead back while momentum leads on, w' <- w' - a r (w' - w0) with r = max(0, \|w' - w0\| - \|w - w0\|) / \|w' - w0\|. For
    a = 1 that is the projection onto the ball in which the tensor was before the step.

    Args:
        strength: a.

    Raises:
        ParameterError: if the strength is negative.
    """

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__(strength)
        self._before: list[tuple[Tensor, Tensor]] = []

    @torch.no_grad()
    def before_step(self) -> None:
        """Note how far every tensor is, and whether descent leads back."""
        self._before = []
        for now, initial, gradient in self.anchor.gradients():
            difference = now - initial
            back = torch.zeros((), dtype=torch.bool, device=now.device)
            if gradient is not None:
                back = (gradient * difference).sum() > 0
            self._before.append((back, torch.linalg.vector_norm(difference)))

    @torch.no_grad()
    def after_step(self, learning_rate: float) -> None:  # noqa: ARG002
        """Take back the growth of the distance where descent leads back."""
        for (back, way), (now, initial) in zip(self._before, self.anchor.pairs(), strict=True):
            difference = now - initial
            new_way = torch.linalg.vector_norm(difference)
            growth = (new_way - way).clamp_min(0) / new_way.clamp_min(torch.finfo(new_way.dtype).tiny)
            pull = torch.where(back, self.strength * growth, torch.zeros_like(growth))
            now.sub_(pull * difference)
