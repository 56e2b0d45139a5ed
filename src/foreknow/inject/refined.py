"""Training of a network for what a few steps of the algorithm make of it."""

from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.inject.composite import Composite
from foreknow.inject.treatment import ForwardBackwardEnvelope, Treatment
from foreknow.problem import Coefficients, Problem


class Refined(Treatment):
    r"""A treatment not at what the network emits, but after proximal gradient steps from there, which it is trained through.

    A network that is followed by K steps (`ModelLoss.emit`) need not do what they do by themselves: trained through K - 1 of them
    it leaves to them what they are good at (the last is that of the forward-backward envelope). The first steps of an unrolled
    network whose start is learned.

    Args:
        steps: K - 1, positive; each costs a proximal map and its derivative in training.
        then: the treatment of the point that is reached; the forward-backward envelope if None.

    Raises:
        ParameterError: if there are no steps.
    """

    needs_smooth = True

    def __init__(self, steps: int, then: Treatment | None = None) -> None:
        if steps < 1:
            message = f"a refined loss needs one or more proximal steps, not {steps}"
            raise ParameterError(message)
        self.steps = steps
        self.then = ForwardBackwardEnvelope() if then is None else then

    def loss(self, composite: Composite, x: Coefficients) -> Tensor:
        """The loss after the steps."""
        step = composite.step(1.0)
        for _ in range(self.steps):
            x = composite.proximal_step(x, step)
        return self.then.loss(composite, x)

    def check(self, problem: Problem) -> None:
        """Raise UnsupportedError where the data term is not smooth, or the treatment that follows cannot be had."""
        super().check(problem)
        self.then.check(problem)
