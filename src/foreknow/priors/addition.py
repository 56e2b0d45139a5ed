"""What ``prior_a & prior_b`` becomes: the closed forms that are known, in one table, and the general sum for all else."""

from collections.abc import Callable

import torch

from foreknow.errors import ParameterError
from foreknow.priors.base import Prior
from foreknow.priors.box import Box
from foreknow.priors.clipped import Clipped
from foreknow.priors.elastic import Elastic
from foreknow.priors.group_l2 import GroupL2
from foreknow.priors.l1 import L1
from foreknow.priors.l2 import L2
from foreknow.priors.non_negative import NonNegative, NonPositive
from foreknow.priors.orthant import OnOrthant
from foreknow.priors.quadratic import Quadratic
from foreknow.priors.sparse_group import SparseGroup
from foreknow.priors.sum import Sum
from foreknow.shapes import event_axes


def add(first: Prior, second: Prior) -> Prior:
    """The sum of two priors; the one of fewer event axes is summed over the others.

    The first rule of `RULES` that applies to (first, second) or (second, first) decides; if none does, the result is a `Sum`.

    Raises:
        ParameterError: if both are boxes and have no point in common.
    """
    event_dims = max(first.event_dims, second.event_dims)
    first, second = first.fitted(event_dims), second.fitted(event_dims)
    for rule in RULES:
        for pair in ((first, second), (second, first)):
            closed_form = rule(*pair)
            if closed_form is not None:
                return closed_form
    return Sum(*_parts(first), *_parts(second))


def _intervals(first: Prior, second: Prior) -> Prior | None:
    """Two element-wise intervals: their intersection."""
    one, other = _interval(first), _interval(second)
    if one is None or other is None:
        return None
    if type(first) is type(second) and not isinstance(first, Box):
        return first
    low, high = torch.maximum(*_promoted(one.low, other.low)), torch.minimum(*_promoted(one.high, other.high))
    if bool((low > high).any()):
        message = "the two sets have no point in common"
        raise ParameterError(message)
    return Box(low, high, first.event_dims)


def _into_elastic(first: Prior, second: Prior) -> Prior | None:
    """(R + quadratic) + other = (R + other) + quadratic."""
    if not isinstance(first, Elastic):
        return None
    inner = add(first.prior, second)
    return Elastic(inner, first.quadratic) if _fits(inner, first.quadratic) else None


def _elastic(first: Prior, second: Prior) -> Prior | None:
    """Any prior and a quadratic: a rescaled proximal map."""
    return Elastic(second, first) if isinstance(first, Quadratic) and _fits(second, first) else None


def _orthant(first: Prior, second: Prior) -> Prior | None:
    """A function of the moduli, on non-negative or non-positive numbers."""
    if isinstance(first, (NonNegative, NonPositive)) and second.absolute and second.has_prox and not isinstance(second, Sum):
        return OnOrthant(second, first)
    return None


def _into_orthant(first: Prior, second: Prior) -> Prior | None:
    """(R on the orthant) + other function of the moduli = (R + other) on the orthant."""
    if not isinstance(first, OnOrthant):
        return None
    if isinstance(second, type(first.cone)):
        return first
    if second.absolute and not isinstance(second, OnOrthant):
        inner = add(first.prior, second)
        return OnOrthant(inner, first.cone) if inner.absolute and not isinstance(inner, Sum) else None
    return None


def _clipped(first: Prior, second: Prior) -> Prior | None:
    """A convex function of each element, on an interval: the proximal map is clipped."""
    box = _interval(second)
    if box is None or not (first.elementwise and first.convex and first.has_prox):
        return None
    if isinstance(first, (Clipped, OnOrthant)):
        merged = _intervals(first.box if isinstance(first, Clipped) else first.cone, box)
        return Clipped(first.prior, merged) if isinstance(merged, Box) else None
    return Clipped(first, box)


def _sparse_group(first: Prior, second: Prior) -> Prior | None:
    """Sparse elements in sparse groups, of which the whole event may be one."""
    if not isinstance(first, L1) or not isinstance(second, (GroupL2, L2)):
        return None
    groups = (
        GroupL2(second.weight_parameter, event_axes(second.event_dims), second.event_dims) if isinstance(second, L2) else second
    )
    return SparseGroup(first, groups)


RULES: tuple[Callable[[Prior, Prior], Prior | None], ...] = (
    _intervals,
    _into_elastic,
    _elastic,
    _into_orthant,
    _orthant,
    _clipped,
    _sparse_group,
)
"""Tried in this order, each on both orders of the two priors."""


def _interval(prior: Prior) -> Box | None:
    if isinstance(prior, Box):
        return prior
    if isinstance(prior, NonNegative):
        return Box(0.0, torch.inf, prior.event_dims)
    if isinstance(prior, NonPositive):
        return Box(-torch.inf, 0.0, prior.event_dims)
    return None


def _promoted(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both in the wider dtype, on the device of the one that has axes."""
    dtype = torch.promote_types(first.dtype, second.dtype)
    device = first.device if first.ndim else second.device
    return first.to(device, dtype), second.to(device, dtype)


def _fits(prior: Prior, quadratic: Quadratic) -> bool:
    return prior.has_prox and prior.has_value and (prior.elementwise or quadratic.uniform)


def _parts(prior: Prior) -> tuple[Prior, ...]:
    return prior.summands if isinstance(prior, Sum) else (prior,)
