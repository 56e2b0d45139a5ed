"""The loss that a declared model is for the training of any network."""

import copy

import torch
from torch import Tensor, nn

from foreknow.errors import DataError, ParameterError
from foreknow.inject.composite import Composite, require_elimination
from foreknow.inject.treatment import ForwardBackwardEnvelope, Subgradient, Treatment
from foreknow.problem import Problem
from foreknow.solve import Certificate, Iterate, duality_gap
from foreknow.solve.certificate import in_double
from foreknow.unroll import Estimate

_DUAL_STEPS = 5  # a certificate that is two to six times as tight, for the cost of about ten proximal steps


class ModelLoss(nn.Module):
    r"""The objective of a model at what a network emits, made trainable: no labels are needed.

    Norms that induce sparsity or low rank are not smooth: trained on as they are, a network stalls, and never gives exact zeros. So
    one component, best the one that is sparse, is eliminated exactly (the network does not emit it; `Composite`), the priors that
    remain are treated as ``treatment`` says, and `emit` ends with a proximal map, whose results have exact zeros and exact rank.

    Args:
        problem: as declared; its weights are those at the time when this object is made, and stay.
        eliminate: name of the component that the network does not emit; None to let it emit all.
        treatment: of the priors of what is emitted; the forward-backward envelope if None, with exact data the subgradient.

    Raises:
        ParameterError: if the component is unknown, or nothing would be left to emit.
        UnsupportedError: if a prior has no value or no proximal map, or the component cannot be eliminated.
    """

    def __init__(self, problem: Problem, eliminate: str | None = None, treatment: Treatment | None = None) -> None:
        super().__init__()
        if eliminate is not None and eliminate not in problem.names:
            message = f"the model has the components {list(problem.names)}, none called {eliminate!r}"
            raise ParameterError(message)
        self.eliminated = None if eliminate is None else problem.names.index(eliminate)
        require_elimination(problem, self.eliminated)
        self.problem = copy.deepcopy(problem).requires_grad_(requires_grad=False)
        default: Treatment = ForwardBackwardEnvelope() if problem.noise.smooth else Subgradient()
        self.treatment = default if treatment is None else treatment
        self.treatment.check(problem)

    @property
    def emitted(self) -> tuple[str, ...]:
        """The names of the components that the network has to emit."""
        return tuple(name for index, name in enumerate(self.problem.names) if index != self.eliminated)

    def forward(self, emitted: dict[str, Tensor], y: Tensor) -> Tensor:
        r"""The loss of each item, (\*batch,).

        Args:
            emitted: coefficients by component name, (\*batch, \*domain of A_i); an eliminated component is not looked at.
            y: the data, (\*batch, \*shape).

        Raises:
            DataError: if a component is missing.
        """
        composite, x = self._composite(emitted, y)
        return self.treatment.loss(composite, x)

    def emit(self, emitted: dict[str, Tensor], y: Tensor, *, steps: int = 1, certify: bool = False) -> Estimate:
        """All components after proximal gradient steps from what is emitted: exact zeros, exact rank, no higher objective.

        With exact data, which allow no such step, what is emitted stays as it is and the eliminated component is the rest.

        Args:
            emitted: as for the loss.
            y: the data.
            steps: how many, each at the cost of one iteration of a classical solver. With 0 what is emitted stays, and only the
                eliminated component, with its exact zeros, is added: for one frame, say, of which no rank is to be had.
            certify: whether to compute the duality gap of what is returned.

        Raises:
            ParameterError: if the number of steps is negative.
            DataError: if a component is missing.
        """
        if steps < 0:
            message = f"the number of proximal steps cannot be negative, but is {steps}"
            raise ParameterError(message)
        composite, x = self._composite(emitted, y)
        if composite.smooth:
            for _ in range(steps):
                x = composite.proximal_step(x, composite.step(1.0))
        coefficients = composite.completed(x)
        parts = composite.problem.parts(coefficients)
        certificate = self.gap(dict(zip(self.problem.names, coefficients, strict=True)), y) if certify else None
        names = self.problem.names
        return Estimate(dict(zip(names, coefficients, strict=True)), dict(zip(names, parts, strict=True)), certificate)

    def gap(self, coefficients: dict[str, Tensor], y: Tensor) -> Certificate | None:
        """How far all coefficients are from the optimum of the declared model, at most."""
        with torch.no_grad():
            problem = self.problem.for_data(y)
            x = tuple(coefficients[name].detach() for name in problem.names)
            dual = None
            if not problem.noise.smooth and self.eliminated is not None:
                # Optimality asks for -A_s^* u in the subdifferential of R_s; here A_s^* A_s = c I.
                operator, prior = problem.linear_operators()[self.eliminated], problem.declared_priors()[self.eliminated]
                assert operator.gram_scale is not None  # noqa: S101  (`require_elimination`)
                dual = -operator(prior.subgradient(x[self.eliminated])) / operator.gram_scale
            return duality_gap(problem, y, in_double(problem, y, Iterate(x, dual)), _DUAL_STEPS)

    def _composite(self, emitted: dict[str, Tensor], y: Tensor) -> tuple[Composite, tuple[Tensor, ...]]:
        missing = set(self.emitted) - set(emitted)
        if missing:
            message = f"the network must emit the components {list(self.emitted)}; {sorted(missing)} are missing"
            raise DataError(message)
        return Composite(self.problem.for_data(y), y, self.eliminated), tuple(emitted[name] for name in self.emitted)
