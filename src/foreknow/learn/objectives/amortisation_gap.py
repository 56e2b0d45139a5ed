"""How much worse a network is than the best: the amortisation gap."""

import hashlib

import torch
from torch import Tensor

from foreknow.inject import ModelLoss
from foreknow.learn.data import Example
from foreknow.learn.emission import Emit
from foreknow.learn.objectives.base import Objective
from foreknow.solve import CertificateKind, choose_algorithm, minimize


class AmortisationGap(Objective):
    """(F(x) - F*) / F* of what is emitted for each item, F* being the certified minimum of the declared model for the same data.

    What a network gives at once costs accuracy against solving for each item: this says how much, so it is what to validate with
    and to stop on, ``Validation(data, AmortisationGap(loss), enough=0.01)``. The items are solved when they are first met, and
    remembered. F* is a lower bound where the model has a duality gap, so that the amortisation gap is never too small by the
    inaccuracy of the solver; else (non-convex models) it is the best that the solver found, and a network may be better than that.
    No gradient is to be had.

    Args:
        loss: that the network is trained on.
        steps: proximal gradient steps after the network (`ModelLoss.emit`).
        tolerance: relative duality gap to which the minimum is computed.
        max_iterations: of the solver.
    """

    def __init__(self, loss: ModelLoss, steps: int = 1, tolerance: float = 1e-4, max_iterations: int = 5000) -> None:
        super().__init__()
        self.loss = loss
        self.steps = steps
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self._minima: dict[str, float] = {}

    @torch.no_grad()
    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """The gap of each item.

        Raises:
            DataError: if the network does not give all coefficients that the loss asks for.
        """
        y = example.y
        found = self.loss.emit(emit(y).coefficients, y, steps=self.steps)
        problem = self.loss.problem.for_data(y)
        x = tuple(found.coefficients[name].to(torch.float64) for name in problem.names)
        value = problem.prior_value(x)
        if problem.noise.smooth:
            value = value + problem.noise.value(problem.synthesize(x), y.to(torch.float64), problem.event_dims)
        best = self.minima(y).to(value)
        return (value - best) / best.abs().clamp_min(torch.finfo(torch.float64).tiny)

    def minima(self, y: Tensor) -> Tensor:
        """F* of each item, (batch,), float64, on the CPU.

        Args:
            y: the data, (batch, *shape).
        """
        keys = [hashlib.sha256(item.detach().cpu().contiguous().numpy().tobytes()).hexdigest() for item in y]
        missing = [index for index, key in enumerate(keys) if key not in self._minima]
        if missing:
            problem = self.loss.problem.for_data(y)
            solution = minimize(
                problem, y[missing], choose_algorithm(problem), tolerance=self.tolerance, max_iterations=self.max_iterations
            )
            certificate = solution.certificate
            gapped = certificate.kind is CertificateKind.DUALITY_GAP
            values = solution.objective - certificate.absolute if gapped else solution.objective
            for index, value in zip(missing, values.tolist(), strict=True):
                self._minima[keys[index]] = value
        return torch.tensor([self._minima[key] for key in keys], dtype=torch.float64)
