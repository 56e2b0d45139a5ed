"""The sum of priors without a joint closed form: Dykstra's algorithm inside, or split by the solver."""

import itertools
import warnings

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.operators.base import LinearOperator
from foreknow.operators.identity import Identity
from foreknow.priors.base import Prior
from foreknow.priors.indicator import Indicator, rounding_tolerance
from foreknow.priors.inner_solver import InexactProxWarning
from foreknow.shapes import squared_norm


class Sum(Prior):
    """R_1(x) + R_2(x) + ...: made by ``prior_a & prior_b`` where there is no closed form.

    Solvers that split (PDHG, ADMM) take the parts one by one (`split`). The proximal map runs Dykstra's algorithm for proximal maps
    (Bauschke and Combettes 2008) in its cyclic form, which is exact block coordinate ascent on the dual, until the points of one
    sweep agree to 2e-13, relative (in float64); differentiation goes through the iterations. Where the sets of two or more
    indicators have no point in common it cannot end well, and warns. ``subgradient`` sums the parts' subgradients: of minimum norm
    only where no two parts are non-smooth at once. There is no closed-form conjugate: certify by splitting.

    Args:
        parts: two or more priors of the same event_dims.
        max_iterations: sweeps after which the proximal map warns.

    Raises:
        ParameterError: if the parts are fewer than two or have different event_dims.
    """

    weighted = False

    def __init__(self, *parts: Prior, max_iterations: int = 10_000) -> None:
        if len(parts) < 2 or len({part.event_dims for part in parts}) > 1:
            message = f"a sum needs two or more priors of the same event_dims, not {[part.event_dims for part in parts]}"
            raise ParameterError(message)
        super().__init__(1.0, parts[0].event_dims)
        # An indicator comes last: the last proximal map of a sweep gives the result, which is then in its set.
        self.parts = nn.ModuleList(sorted(parts, key=lambda part: isinstance(part, Indicator)))
        self.max_iterations = max_iterations
        self.convex = all(part.convex for part in parts)
        self.has_value = all(part.has_value for part in parts)
        self.has_prox = self.convex and all(part.has_prox for part in parts)
        self.elementwise = all(part.elementwise for part in parts)
        self.absolute = all(part.absolute for part in parts)
        self.homogeneity = _common_degree(parts)

    @property
    def summands(self) -> tuple[Prior, ...]:
        """R_1, R_2, ..."""
        return tuple(self.parts)  # type: ignore[arg-type]

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return torch.stack(torch.broadcast_tensors(*(part.value(x) for part in self.summands))).sum(0)

    def _subgradient(self, x: Tensor) -> Tensor:
        return torch.stack(torch.broadcast_tensors(*(part.subgradient(x) for part in self.summands))).sum(0)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        if not self.has_prox:
            names = ", ".join(type(part).__name__ for part in self.summands)
            message = f"the sum of {names} has no proximal map; PDHG() or ADMM() split it into its parts"
            raise UnsupportedError(message)
        point = self._dykstra(x.to(torch.promote_types(x.dtype, torch.float64)), threshold.to(torch.float64))
        return point.to(x.dtype)

    def _dykstra(self, x: Tensor, threshold: Tensor) -> Tensor:
        duals = [torch.zeros_like(x) for _ in self.summands]
        tolerance = 0.1 * rounding_tolerance(x)
        point = x
        for _ in range(self.max_iterations):
            points = [point]
            for index, part in enumerate(self.summands):
                shifted = points[-1] + duals[index]
                points.append(part.prox(shifted, threshold))
                duals[index] = shifted - points[-1]
            point = points[-1]
            if _agree([p.detach() for p in points], duals, tolerance, self.event_dims):
                return point
        message = (
            f"the proximal map of {self.formula} did not reach its tolerance in {self.max_iterations} sweeps; "
            "allow more (max_iterations), or check that one point can obey all parts"
        )
        warnings.warn(message, InexactProxWarning, stacklevel=4)
        return point

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        return self._conjugate(z, weight)  # raises

    def split(self) -> tuple[Prior | None, tuple[tuple[Prior, LinearOperator], ...]]:
        """One part as it is, the others behind an identity operator (or behind their own operators)."""
        direct, composed = zip(*(part.split() for part in self.summands), strict=True)
        proximal = [prior for prior in direct if prior is not None]
        behind = [(prior, Identity(domain_dims=self.event_dims)) for prior in proximal[1:]]
        return (proximal[0] if proximal else None), (*behind, *itertools.chain.from_iterable(composed))

    def _scaled(self, factor: float) -> Prior:
        return Sum(*(factor * part for part in self.summands), max_iterations=self.max_iterations)

    @property
    def formula(self) -> str:
        """The prior as `print(model)` writes it."""
        return " + ".join(part.formula for part in self.summands)


def _agree(points: list[Tensor], duals: list[Tensor], tolerance: float, event_dims: int) -> bool:
    """Whether all points of one sweep are the same, for all batch items, relative to the size of the point and the duals."""
    size = sum((squared_norm(dual.detach(), event_dims) for dual in duals), squared_norm(points[-1], event_dims))
    gaps = [squared_norm(point - points[-1], event_dims) for point in points[:-1]]
    return all(bool((gap <= tolerance**2 * size).all()) for gap in gaps)


def _common_degree(parts: tuple[Prior, ...]) -> float | None:
    """The homogeneity of a sum: cones have every degree, all others must have the same one."""
    degrees = {part.homogeneity for part in parts if not (isinstance(part, Indicator) and part.homogeneity == 0)}
    if not degrees:
        return 0.0
    return degrees.pop() if len(degrees) == 1 else None
