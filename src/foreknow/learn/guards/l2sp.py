"""Parameters held near where they started."""

import torch

from foreknow.learn.guards.anchored import AnchoredGuard


class L2SP(AnchoredGuard):
    r"""The proximal map of a/2 \|w - w0\|^2 after every step (penalty: Li, Grandvalet and Davoine 2018).

    w <- (w + eta a w0) / (1 + eta a) with the learning rate eta. Unlike the penalty in the loss it is not bent by the adaptive
    metric of the optimiser, and stable for any strength.

    Args:
        strength: a; 0 does nothing.

    Raises:
        ParameterError: if the strength is negative.
    """

    @torch.no_grad()
    def after_step(self, learning_rate: float) -> None:
        """Pull every parameter back."""
        pull = learning_rate * self.strength / (1 + learning_rate * self.strength)
        for now, initial in self.anchor.pairs():
            now.lerp_(initial, pull)


class GroupL2SP(AnchoredGuard):
    r"""The proximal map of a sqrt(n) \|w - w0\| of every tensor after every step: what need not change does not, to the last bit.

    The difference of a tensor of n values from where it started is shortened by eta a sqrt(n), to exactly 0 if it is no longer.
    The root makes the strength mean the same for tensors of all sizes (the group lasso of Yuan and Lin 2006, around w0).

    Args:
        strength: a. Adam moves every value by at most about eta a step, so that below 1 only tensors with a clear direction move,
            and from 1 on none does.

    Raises:
        ParameterError: if the strength is negative.
    """

    @torch.no_grad()
    def after_step(self, learning_rate: float) -> None:
        """Shorten the way of every parameter."""
        for now, initial in self.anchor.pairs():
            difference = now - initial
            way = torch.linalg.vector_norm(difference)
            threshold = learning_rate * self.strength * now.numel() ** 0.5
            factor = (1 - threshold / way.clamp_min(torch.finfo(way.dtype).tiny)).clamp_min(0)
            now.copy_(torch.where(factor > 0, initial + factor * difference, initial))
