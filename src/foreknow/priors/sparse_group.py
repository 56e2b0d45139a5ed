"""Sparse elements inside sparse groups."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.priors.base import Prior
from foreknow.priors.elementwise import ratio_scale, within, zero_or_infinite
from foreknow.priors.group_l2 import GroupL2, norm_along
from foreknow.priors.l1 import L1


class SparseGroup(Prior):
    r"""w_1 \|x\|_1 + w_2 \|x\|_{2,1}: few groups, and few elements in each; made by ``L1(w_1) & GroupL2(w_2)``.

    The proximal map is soft thresholding followed by block soft thresholding (Simon et al. 2013; Jenatton et al. 2011, theorem 1;
    Yu 2013); the dual ball is {z: the soft-thresholded z (by w_1) has group norms <= w_2}.

    Args:
        elements: the L1 norm.
        groups: the group norm, of the same event_dims.

    Raises:
        ParameterError: if the two have different numbers of event axes.
    """

    weighted = False
    homogeneity = 1.0
    absolute = True

    def __init__(self, elements: L1, groups: GroupL2) -> None:
        if elements.event_dims != groups.event_dims:
            message = f"both priors need the same event_dims, not {elements.event_dims} and {groups.event_dims}"
            raise ParameterError(message)
        super().__init__(1.0, groups.event_dims)
        self.elements = elements
        self.groups = groups

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self.elements.value(x) + self.groups.value(x)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        return self.groups.prox(self.elements.prox(x, threshold), threshold)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        excess = norm_along(self.elements.prox(z), self.groups.axes)
        # Rounding of |z| - w_1 is of the order of |z|, so it is what the group norm is compared at.
        slack = torch.finfo(excess.dtype).eps * 64 * norm_along(z, self.groups.axes)
        feasible = within(excess, self.groups.weight_like(z) + slack).flatten(-self.event_dims).all(-1)
        return zero_or_infinite(feasible, z)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        """Bisection on t, from below, to the last bit: the excess grows with t."""
        bound = self.groups.weight_like(z)
        with torch.no_grad():
            low = torch.zeros_like(norm_along(z, self.groups.axes))
            high = torch.ones_like(low)
            for _ in range(2 - int(torch.log2(torch.tensor(torch.finfo(low.dtype).eps)))):
                middle = (low + high) / 2
                feasible = norm_along(self.elements.prox(middle * z), self.groups.axes) <= bound
                low, high = torch.where(feasible, middle, low), torch.where(feasible, high, middle)
            whole = norm_along(self.elements.prox(z), self.groups.axes) <= bound
            scale = torch.where(whole, torch.ones_like(low), low)
            return ratio_scale(scale, torch.ones_like(scale), self.event_dims)

    def _scaled(self, factor: float) -> Prior:
        elements, groups = factor * self.elements, factor * self.groups
        assert isinstance(elements, L1)  # noqa: S101  (a scaled prior is of its own kind)
        assert isinstance(groups, GroupL2)  # noqa: S101
        return SparseGroup(elements, groups)

    @property
    def formula(self) -> str:
        """The prior as `print(model)` writes it."""
        return f"{self.elements.formula} + {self.groups.formula}"
