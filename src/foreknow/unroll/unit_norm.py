"""Atoms that keep their norms while they are learned."""

from torch import Tensor, nn
from torch.nn.utils import parametrize

from foreknow.shapes import event_axes


class KeptNorms(nn.Module):
    """Maps any atoms (K, *size) to atoms of the same directions with the norms of the first ones.

    Without it a sparse coding could be made cheaper by longer atoms and smaller coefficients, and learning would only do that.

    Args:
        atoms: (K, *size), those to start from.
    """

    def __init__(self, atoms: Tensor) -> None:
        super().__init__()
        self.axes = event_axes(atoms.ndim - 1)
        self.norms: Tensor
        self.register_buffer("norms", _norms(atoms.detach(), self.axes))

    def forward(self, raw: Tensor) -> Tensor:
        """The atoms."""
        size = _norms(raw, self.axes)
        return raw * (self.norms / size.clamp_min(_TINY))

    def right_inverse(self, atoms: Tensor) -> Tensor:
        """A tensor that `forward` maps to ``atoms``: themselves."""
        return atoms


_TINY = 1e-30


def keep_norms(module: nn.Module, name: str) -> None:
    """Let the parameter ``name`` of a module keep the norms that it has now."""
    parametrize.register_parametrization(module, name, KeptNorms(module.get_parameter(name)))


def _norms(atoms: Tensor, axes: tuple[int, ...]) -> Tensor:
    return atoms.square().sum(dim=axes, keepdim=True).sqrt()
