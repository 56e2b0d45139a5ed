"""Implicit differentiation: the gradient of what the steps converge to, whatever their number."""

import warnings
from typing import Any

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.problem import Coefficients, Problem
from foreknow.solve import Iterate
from foreknow.solve.blocks import add, dot, norm, scale_items, select
from foreknow.solve.forward_backward import proximal_gradient, require_smooth
from foreknow.solve.step_rule import norm_curvature
from foreknow.unroll.differentiation import Differentiation
from foreknow.unroll.unrolling import Unrolling


class ImplicitGradientWarning(UserWarning):
    """The steps had not converged, so that the implicit gradient was replaced by a truncated one."""


class Implicit(Differentiation):
    r"""Through the optimality condition of the last layer's problem: memory and time of the gradient do not depend on the steps.

    A solution is a fixed point of x = P(x - t grad D(A x)), P the proximal map of step t. With the symmetric Jacobian J of P,
    between 0 and the identity, and the Hessian H = A^* D'' A, a cotangent v becomes u = v + p - t H p, where p solves

        (J^-1 - I + t H) p = v,   p in the range of J.

    That is symmetric and positive semi-definite, and conjugate gradients preconditioned with J solve it without J^-1: with search
    directions p = J q, J^-1 p is q. For the L1 norm, whose J is the projection onto the support, these are the conjugate gradients
    on the support (Bertrand et al. 2020); groups, singular values and total variation are treated alike.

    Where the steps have not converged the supports are not those of the solution and the system may be close to singular. An item
    whose fixed-point residual is above ``gate`` gets a truncated Neumann series instead, with an `ImplicitGradientWarning`. The
    others are first brought nearer by semismooth Newton steps on the fixed-point equation, which solve the same kind of system
    (Li, Sun and Toh 2018), as long as the objective falls: the supports of an ill-conditioned problem are right only where the
    residual is far below the gate.

    The last layer must have a smooth data term and proximal maps; what the layers before it are does not matter.

    Args:
        gate: largest relative fixed-point residual that counts as converged.
        newton: steps of that method at most; 0 for none.
        iterations: of conjugate gradients at most.
        tolerance: relative residual at which they stop.
        fallback: terms of the Neumann series where the gate is closed.

    Raises:
        ParameterError: if an argument is not positive.
    """

    def __init__(
        self, gate: float = 1e-3, newton: int = 8, iterations: int = 100, tolerance: float = 1e-7, fallback: int = 5
    ) -> None:
        if min(gate, iterations, tolerance, fallback) <= 0 or newton < 0:
            message = "gate, iterations, tolerance and fallback of implicit differentiation must be positive, newton not negative"
            raise ParameterError(message)
        self.gate = gate
        self.newton = newton
        self.iterations = iterations
        self.tolerance = tolerance
        self.fallback = fallback

    def run(self, unrolling: Unrolling) -> Iterate:
        """What the steps return, after one more proximal gradient step, which is differentiated.

        Raises:
            UnsupportedError: if the last layer's data term is not smooth or a prior has no proximal map.
        """
        problem, y = unrolling.problem, unrolling.y
        require_smooth(problem, "Implicit()")
        with torch.no_grad():
            found = unrolling.iterate(unrolling.advance(unrolling.begin(), 0, len(unrolling)))
            step = 1 / norm_curvature(problem, y)
            step = step.expand(problem.batch_shape(y)) if step.ndim == 0 else step
            before = self._refined(problem, y, found.coefficients, step)
        x = proximal_gradient(problem, y, before, step)
        if torch.is_grad_enabled() and any(part.requires_grad for part in x):
            x = _Adjoint.apply(self, problem, y.detach(), step, before, *x)  # type: ignore[no-untyped-call]
        return Iterate(x)

    def _refined(self, problem: Problem, y: Tensor, x: Coefficients, step: Tensor) -> Coefficients:
        """X after Newton steps of the items near a solution, of the lengths that make the objective least, as long as it falls."""
        if not (self.newton and problem.has_value):
            return x
        after = proximal_gradient(problem, y, x, step)
        active = _residual(problem, x, after) <= self.gate
        value = problem.objective(after, y)
        for _ in range(self.newton):
            if not bool(active.any()):
                break
            linearised = _Linearised(problem, y, x, step)
            change = add(after, x, -1)
            further = self._solved(linearised, add(change, linearised.hessian(change), -1))
            del linearised, change
            chosen, best = torch.zeros_like(value), value
            for length in _LENGTHS:
                tried = problem.objective(proximal_gradient(problem, y, add(after, further, length), step), y)
                chosen = torch.where(tried < best, length, chosen)
                best = torch.minimum(best, tried)
            active = active & (best < value)
            further = add(after, scale_items(problem, chosen.to(step.dtype), further))
            x = select(problem, active, proximal_gradient(problem, y, further, step), x)
            after = proximal_gradient(problem, y, x, step)
            value = problem.objective(after, y)
        return x

    def cotangents(
        self, problem: Problem, y: Tensor, x: Coefficients, after: Coefficients, step: Tensor, v: Coefficients
    ) -> Coefficients:
        """U for the cotangents v, for each batch item by the way that its residual allows.

        Args:
            problem: bound, smooth, with proximal maps.
            y: the data.
            x: what the steps returned.
            after: the result of one more proximal gradient step.
            step: t, (*batch,).
            v: one tensor a component.
        """
        linearised = _Linearised(problem, y, x, step)
        residual = _residual(problem, x, after)
        converged = residual <= self.gate
        if bool(converged.all()):
            return self._implicit(linearised, v)
        truncated = self._truncated(linearised, v)
        message = (
            f"the fixed-point residual is up to {float(residual.max()):.1e} (gate {self.gate:.0e}) in {int((~converged).sum())} of "
            f"{converged.numel()} items, so that their gradient is a series of {self.fallback} terms; take more steps"
        )
        warnings.warn(message, ImplicitGradientWarning, stacklevel=2)
        return select(problem, converged, self._implicit(linearised, v), truncated) if bool(converged.any()) else truncated

    def _implicit(self, linearised: "_Linearised", v: Coefficients) -> Coefficients:
        """V + p - t H p."""
        solution = self._solved(linearised, v)
        return add(add(v, solution), linearised.hessian(solution), -1)

    def _solved(self, linearised: "_Linearised", v: Coefficients) -> Coefficients:
        """P by preconditioned conjugate gradients, all items at once; one stops where it has converged or loses definiteness."""
        problem = linearised.problem
        solution = tuple(torch.zeros_like(part) for part in v)
        remainder, image = tuple(part.clone() for part in v), linearised.jacobian(v)
        direction, origin = tuple(part.clone() for part in image), tuple(part.clone() for part in v)  # direction = J origin
        energy = dot(problem, remainder, image)
        first = energy
        tiny = torch.finfo(energy.dtype).tiny
        for count in range(self.iterations):
            active = energy > self.tolerance**2 * first
            if count % _LOOK_EVERY == 0 and not bool(active.any()):
                break
            product = linearised.hessian(direction)
            for image_part, one, other in zip(product, origin, direction, strict=True):
                image_part.add_(one).sub_(other)
            curvature = dot(problem, direction, product)
            active = active & (curvature > _SINGULAR * dot(problem, direction, direction))
            length = torch.where(active, energy / curvature.clamp_min(tiny), torch.zeros_like(energy))
            _add_items(problem, solution, length, direction)
            _add_items(problem, remainder, -length, product)
            image = linearised.jacobian(remainder)
            following = dot(problem, remainder, image)
            ratio = torch.where(active, following / energy.clamp_min(tiny), torch.zeros_like(energy))
            energy = torch.where(active, following, torch.zeros_like(energy))
            for index in range(len(v)):
                factor = problem.expand(ratio, index)
                direction[index].mul_(factor).add_(image[index])
                origin[index].mul_(factor).add_(remainder[index])
        return solution

    def _truncated(self, linearised: "_Linearised", v: Coefficients) -> Coefficients:
        """sum_j ((I - t H) J)^j v."""
        total = term = v
        for _ in range(self.fallback):
            moved = linearised.jacobian(term)
            term = add(moved, linearised.hessian(moved), -1)
            total = add(total, term)
        return total


def _add_items(problem: Problem, x: Coefficients, factor: Tensor, y: Coefficients) -> None:
    """Add factor * y to x in place, one factor a batch item: the vectors of an iteration are a large part of all memory here."""
    for index, (one, other) in enumerate(zip(x, y, strict=True)):
        one.addcmul_(other, problem.expand(factor, index).to(other.dtype))


def _residual(problem: Problem, x: Coefficients, after: Coefficients) -> Tensor:
    """How much one more proximal gradient step changes x, relative to its size, (*batch,)."""
    change = norm(problem, add(after, x, -1))
    return change / norm(problem, after).clamp_min(torch.finfo(change.dtype).tiny)


_LENGTHS = (1.0, 0.5, 0.25, 0.1)  # of a Newton step; whole ones are right near the solution
_LOOK_EVERY = 5  # steps of conjugate gradients between two questions that wait for the device
_SINGULAR = 1e-12  # curvature, relative to |p|^2, below which a direction counts as one that the solution does not depend on


class _Linearised:
    """The products J p and t H p at a point."""

    def __init__(self, problem: Problem, y: Tensor, x: Coefficients, step: Tensor) -> None:
        self.problem = problem
        self.step = step
        with torch.enable_grad():
            self.signal = problem.synthesize(x).detach().requires_grad_()
            self.slope = problem.noise.gradient(self.signal, y)
            moved = add(x, scale_items(problem, step, problem.adjoint(self.slope.detach())), -1)
            self.moved = tuple(part.detach().requires_grad_() for part in moved)
            self.image = problem.prox(self.moved, step)

    def jacobian(self, p: Coefficients) -> Coefficients:
        """J p: the vector-Jacobian product, J being symmetric."""
        tracked = [image.requires_grad for image in self.image]
        images = [image for image, wanted in zip(self.image, tracked, strict=True) if wanted]
        parts = [part for part, wanted in zip(p, tracked, strict=True) if wanted]
        found = torch.autograd.grad(images, self.moved, parts, retain_graph=True, allow_unused=True)
        return tuple(torch.zeros_like(part) if one is None else one for one, part in zip(found, p, strict=True))

    def hessian(self, p: Coefficients) -> Coefficients:
        """T H p."""
        (curved,) = torch.autograd.grad(self.slope, self.signal, self.problem.synthesize(p), retain_graph=True)
        return scale_items(self.problem, self.step, self.problem.adjoint(curved))


class _Adjoint(torch.autograd.Function):
    """The identity on the last coefficients, whose backward pass turns cotangents of a solution into those of one step."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  (autograd's own)
        mode: Implicit,
        problem: Problem,
        y: Tensor,
        step: Tensor,
        x: Coefficients,
        *after: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.mode, ctx.problem = mode, problem
        ctx.save_for_backward(y, step, *x, *after)
        return tuple(part.view_as(part) for part in after)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *v: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        y, step, *rest = ctx.saved_tensors
        x, after = tuple(rest[: len(v)]), tuple(rest[len(v) :])
        u = ctx.mode.cotangents(ctx.problem, y, x, after, step, v)
        return (None, None, None, None, None, *u)
