"""Every prior against the contract: classes are found by inspection, and a class without an example fails."""

import importlib
import importlib.util
import inspect
import pkgutil
import zlib
from collections.abc import Callable

import pytest
import torch
from prior_example import PriorExample, Weight
from prior_examples import EXAMPLES as OWN_EXAMPLES
from torch import Tensor

import foreknow.priors
from foreknow.errors import UnsupportedError
from foreknow.parameters import Parameter, Positive
from foreknow.priors.base import Prior
from foreknow.priors.indicator import Indicator
from foreknow.shapes import inner, squared_norm, sum_event

_STRUCTURED = importlib.util.find_spec("structured_prior_examples")
EXAMPLES: tuple[PriorExample, ...] = OWN_EXAMPLES + (
    tuple(importlib.import_module("structured_prior_examples").EXAMPLES) if _STRUCTURED else ()
)
WEIGHT = 0.5
STEP = 0.8


every_example = pytest.mark.parametrize("example", [pytest.param(e, id=e.name) for e in EXAMPLES])
Condition = Callable[[Prior, PriorExample], bool]


def each_case(condition: Condition = lambda _prior, _example: True, single: bool = True) -> pytest.MarkDecorator:
    """Every example that meets the condition, in double and (if wanted) single precision, real and (if it may be) complex."""
    cases = []
    for example in EXAMPLES:
        if condition(build(example), example):
            dtypes = [torch.float64, *([torch.float32] if single else [])]
            dtypes += [torch.complex128, *([torch.complex64] if single else [])] if example.complex else []
            cases += [pytest.param(example, dtype, id=f"{example.name}-{str(dtype)[6:]}") for dtype in dtypes]
    return pytest.mark.parametrize(("example", "dtype"), cases)


def evaluable(prior: Prior, _example: PriorExample) -> bool:
    return prior.has_value


def proximable(prior: Prior, _example: PriorExample) -> bool:
    return prior.has_prox


def both(prior: Prior, _example: PriorExample) -> bool:
    return prior.has_value and prior.has_prox


def build(example: PriorExample, weight: Weight = WEIGHT) -> Prior:
    return example.factory(weight)


def draw(example: PriorExample, dtype: torch.dtype, batch: tuple[int, ...] = (), salt: int = 0) -> Tensor:
    """Random points, the same in single as in double precision."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{example.name}{salt}".encode()))
    wide = torch.complex128 if dtype.is_complex else torch.float64
    x = example.scale * torch.randn((*batch, *example.event_shape), generator=generator, dtype=wide)
    return (x if example.real_points is None else example.real_points(x)).to(dtype)


def accuracy(example: PriorExample, dtype: torch.dtype) -> float:
    return max(2e-4 if dtype in {torch.float32, torch.complex64} else 1e-9, 10 * example.tolerance)


def finite_everywhere(prior: Prior, example: PriorExample) -> bool:
    return bool(torch.isfinite(prior.value(draw(example, torch.float64, (4,)))).all())


def vanishes_without_weight(example: PriorExample) -> bool:
    return example.weighted and not bool(build(example, 0.0).value(draw(example, torch.float64, (4,))).any())


def finite_points(prior: Prior, example: PriorExample, dtype: torch.dtype, batch: tuple[int, ...] = (), salt: int = 0) -> Tensor:
    """Random points at which the value is finite."""
    x = draw(example, dtype, batch, salt)
    return prior.prox(x, 0.05) if prior.has_prox and not bool(torch.isfinite(prior.value(x)).all()) else x


def kinks(example: PriorExample, dtype: torch.dtype) -> Tensor:
    """Zero, half-zero and constant points, and those of the example."""
    half = draw(example, torch.float64, salt=3).flatten()
    half[::2] = 0
    ones = torch.ones(example.event_shape, dtype=torch.float64)
    return torch.stack([0 * ones, half.reshape(example.event_shape), ones, -ones, *example.kinks]).to(dtype)


def energy(prior: Prior, z: Tensor, x: Tensor, step: float = STEP) -> Tensor:
    return squared_norm(z - x, prior.event_dims) / 2 + step * prior.value(z)


# ---------------------------------------------------------------------------------------------------------------- registration
def concrete_priors() -> list[type[Prior]]:
    classes = set()
    for module_info in pkgutil.iter_modules(foreknow.priors.__path__):
        module = importlib.import_module(f"foreknow.priors.{module_info.name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Prior) and not inspect.isabstract(kind) and not kind.__name__.startswith("_"):
                classes.add(kind)
    return sorted(classes, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", concrete_priors(), ids=lambda kind: kind.__name__)
def test_every_prior_has_an_example(kind):
    assert any(type(build(example)) is kind for example in EXAMPLES), f"register an example of {kind.__name__}"


def test_examples_are_distinct():
    names = [example.name for example in EXAMPLES]
    assert len(set(names)) == len(names)


# ------------------------------------------------------------------------------------------------------------- the proximal map
@each_case(both)
def test_prox_beats_its_neighbours(example, dtype):
    """F(y) >= F(p) + |y - p|^2 / 2 for convex priors (strong convexity), F(y) >= F(p) for all others."""
    prior = build(example)
    x = draw(example, dtype, (5,))
    p = prior.prox(x, STEP)
    best = energy(prior, p, x)
    assert p.dtype == dtype
    assert bool(torch.isfinite(best).all())
    others = [torch.zeros_like(x), x, *(prior.prox(x, step) for step in (0.1, 0.79, 0.81, 5.0))]
    for salt in range(1, 7):
        point = finite_points(prior, example, dtype, (5,), salt)
        others += [point, p + 0.3 * (point - p), p + 1e-2 * (point - p), p + 1e-2 * draw(example, dtype, (5,), salt)]
        others += [
            p + 1e-4 * draw(example, dtype, (5,), 10 + salt),
            p * (1 + 0.1 * torch.sign(draw(example, dtype, (5,), salt).real)),
        ]
    slack = accuracy(example, dtype) * (1 + best.abs())
    for other in others:
        growth = squared_norm(other - p, prior.event_dims) / 2 if prior.convex else 0.0
        assert bool((energy(prior, other, x) >= best + growth - slack).all())


@each_case(lambda prior, example: both(prior, example) and prior.convex and finite_everywhere(prior, example), single=False)
def test_prox_agrees_with_a_generic_minimiser(example, dtype):
    """Subgradient descent, which knows only the value, comes near the energy of the proximal point, and never below it."""
    prior = build(example)
    x = draw(example, dtype, (4,), salt=1)
    best = energy(prior, prior.prox(x, STEP), x)
    z, lowest = x.clone(), energy(prior, x, x)
    for count in range(250):
        leaf = z.detach().requires_grad_()
        total = energy(prior, leaf, x)
        (slope,) = torch.autograd.grad(total.sum(), leaf)
        lowest = torch.minimum(lowest, total.detach())
        z = z - 2.0 / (count + 10) * slope
    assert bool((lowest >= best - accuracy(example, dtype)).all())
    assert bool((lowest <= best + 2e-2 * (1 + best)).all())


@each_case(lambda prior, example: both(prior, example) and prior.elementwise, single=False)
def test_elementwise_prox_agrees_with_a_dense_grid(example, dtype):
    """No value of one coordinate, on a fine grid along the ray of x, has less energy: also right branch, also not convex."""
    prior = build(example)
    x = 1.5 * draw(example, dtype, (40,), salt=2)
    p = prior.prox(x, STEP)
    best = energy(prior, p, x)
    grid = torch.linspace(-6, 12, 3001, dtype=torch.float64)
    coordinate = (..., *(0 for _ in example.event_shape))
    direction = torch.sgn(x[coordinate])
    for values in (grid * direction.unsqueeze(-1), p[coordinate].unsqueeze(-1) * (1 + 1e-3 * grid)):
        moved = p.unsqueeze(1).repeat(1, 3001, *(1 for _ in example.event_shape))
        moved[coordinate] = values
        assert bool((energy(prior, moved, x.unsqueeze(1)) >= best.unsqueeze(1) - 1e-11).all())


@each_case(lambda prior, _: prior.has_prox and prior.convex)
def test_prox_of_convex_priors_is_firmly_non_expansive(example, dtype):
    prior = build(example)
    x, y = draw(example, dtype, (20,)), draw(example, dtype, (20,), salt=1)
    p, q = prior.prox(x, STEP), prior.prox(y, STEP)
    moved = inner(p - q, x - y, prior.event_dims)
    assert bool((moved >= squared_norm(p - q, prior.event_dims) - accuracy(example, dtype) * (1 + moved.abs())).all())


@each_case(lambda prior, example: both(prior, example) and vanishes_without_weight(example))
def test_prox_of_zero_weight_is_the_identity(example, dtype):
    prior = build(example, 0.0)
    x = draw(example, dtype, (4,))
    torch.testing.assert_close(prior.prox(x, STEP), x)


@every_example
def test_float32_is_close_to_float64(example):
    prior = build(example)
    x = draw(example, torch.float64, (6,))
    if prior.has_prox:
        torch.testing.assert_close(prior.prox(x.float(), STEP).double(), prior.prox(x, STEP), atol=2e-4, rtol=1e-4)
    if prior.has_value:
        y = finite_points(prior, example, torch.float64, (6,))
        single = prior.value(finite_points(prior, example, torch.float32, (6,))).double()
        torch.testing.assert_close(single, prior.value(y), atol=1e-4, rtol=1e-4)


# ------------------------------------------------------------------------------------------------------------ batches and weights
def quantities(prior: Prior, x: Tensor, example: PriorExample) -> dict[str, Tensor]:
    found = {}
    if prior.has_prox:
        found["prox"] = prior.prox(x, STEP)
    if prior.has_value:
        found["value"] = prior.value(x)
        found["subgradient"] = prior.subgradient(x)
    if prior.has_prox and prior.has_value:
        found["envelope"] = prior.envelope(x, STEP)
    if example.conjugate:
        found["conjugate"] = prior.conjugate(x)
        found["dual_scale"] = prior.dual_scale(x)
    return found


@each_case()
@pytest.mark.parametrize("batch", [(3,), (2, 1)], ids=str)
def test_a_batch_is_a_loop(example, dtype, batch):
    prior = build(example)
    x = draw(example, dtype, batch)
    together = quantities(prior, x, example)
    apart = [quantities(prior, item, example) for item in x.reshape(-1, *example.event_shape)]
    for name, tensor in together.items():
        assert tensor.shape[: len(batch)] == batch, name
        expected = torch.stack([item[name] for item in apart]).reshape(tensor.shape)
        torch.testing.assert_close(tensor, expected, atol=accuracy(example, dtype), rtol=1e-4, msg=name)
        per_item = name not in {"prox", "subgradient"}
        assert tensor.dtype == (dtype.to_real() if per_item and dtype.is_complex else dtype), name


@each_case(lambda _, example: example.weighted)
def test_one_weight_and_step_an_item_is_a_loop(example, dtype):
    weights, steps = (
        torch.tensor([0.2, 0.7, 1.3]),
        torch.tensor([0.5, 1.0, 2.0], dtype=dtype.to_real() if dtype.is_complex else dtype),
    )
    shape = (3, *(1 for _ in example.event_shape))
    x = draw(example, dtype, (3,))
    prior = build(example, weights.reshape(shape))
    together = quantities(prior, x, example)
    apart = [quantities(build(example, weight), item, example) for weight, item in zip(weights, x, strict=True)]
    for name, tensor in together.items():
        expected = torch.stack([item[name] for item in apart])
        torch.testing.assert_close(tensor, expected, atol=accuracy(example, dtype), rtol=1e-4, msg=name)
    if prior.has_prox:
        stepped = prior.prox(x, steps.reshape(shape))
        expected = torch.stack([build(example, w).prox(item, s) for w, s, item in zip(weights, steps, x, strict=True)])
        torch.testing.assert_close(stepped, expected, atol=accuracy(example, dtype), rtol=1e-4)
        if prior.has_value:
            envelopes = prior.envelope(x, steps.reshape(shape))
            expected = torch.stack([build(example, w).envelope(item, s) for w, s, item in zip(weights, steps, x, strict=True)])
            torch.testing.assert_close(envelopes, expected, atol=10 * accuracy(example, dtype), rtol=1e-4)


@each_case(lambda _, example: example.element_weights)
def test_one_weight_an_element(example, dtype):
    uniform = torch.full(example.event_shape, WEIGHT, dtype=torch.float64)
    x = draw(example, dtype, (4,))
    for name, tensor in quantities(build(example, uniform), x, example).items():
        torch.testing.assert_close(tensor, quantities(build(example), x, example)[name], msg=name)
    varied = torch.linspace(0.1, 1.4, uniform.numel(), dtype=torch.float64).reshape(example.event_shape)
    prior = build(example, varied)
    p = prior.prox(x, STEP)
    best = energy(prior, p, x)
    for salt in range(1, 5):
        for size in (1.0, 1e-2):
            other = p + size * (finite_points(prior, example, dtype, (4,), salt) - p)
            assert bool((energy(prior, other, x) >= best - accuracy(example, dtype)).all())


class Held(Parameter):
    """`Positive` with the logarithm given as a plain tensor, as gradcheck wants it."""

    def __init__(self, log_value: Tensor) -> None:
        super().__init__()
        self.log_value = log_value

    def forward(self) -> Tensor:
        return self.log_value.exp()


@each_case(lambda _, example: example.weighted, single=False)
def test_a_weight_learns(example, dtype):
    """Gradients reach a `Positive` weight through value, proximal map and envelope, and are right."""
    prior = build(example, Positive(WEIGHT))
    x = draw(example, dtype, (2,))

    def set_weight(log_value: Tensor) -> Prior:
        return build(example, Held(log_value))

    start = torch.tensor(WEIGHT, dtype=torch.float64).log().requires_grad_()
    if prior.has_prox and example.differentiable_prox:
        assert torch.autograd.gradcheck(lambda t: set_weight(t).prox(x, STEP), start, atol=1e-5, fast_mode=True)
    if prior.has_value:
        point = finite_points(build(example), example, dtype, (2,))
        assert torch.autograd.gradcheck(lambda t: set_weight(t).value(point), start, fast_mode=True)
    if prior.has_value and prior.has_prox:
        assert torch.autograd.gradcheck(lambda t: set_weight(t).envelope(x, STEP), start, atol=1e-5, fast_mode=True)


# -------------------------------------------------------------------------------------------------------------------- calculus
@each_case()
def test_a_multiple_is_a_longer_step(example, dtype):
    prior = build(example)
    twice = 2.0 * prior
    x = draw(example, dtype, (4,))
    if prior.has_prox:
        torch.testing.assert_close(twice.prox(x, STEP), prior.prox(x, 2 * STEP), atol=accuracy(example, dtype), rtol=1e-4)
    if prior.has_value:
        y = finite_points(prior, example, dtype, (4,))
        torch.testing.assert_close(twice.value(y), 2 * prior.value(y))
        torch.testing.assert_close(build(example).value(y), prior.value(y))  # the original keeps its weight


@each_case(lambda prior, _: prior.has_value and prior.homogeneity is not None, single=False)
def test_homogeneity(example, dtype):
    prior = build(example)
    x = finite_points(prior, example, dtype, (4,))
    for scale in (0.25, 3.0):
        torch.testing.assert_close(prior.value(scale * x), scale**prior.homogeneity * prior.value(x))
        if prior.has_prox:
            left = prior.prox(scale * x, STEP)
            right = scale * prior.prox(x, STEP * scale ** (prior.homogeneity - 2))
            torch.testing.assert_close(left, right, atol=10 * accuracy(example, dtype), rtol=1e-6)


@each_case(lambda prior, _: prior.has_value and (prior.elementwise or prior.absolute), single=False)
def test_flags_are_true(example, dtype):
    """``elementwise`` and ``absolute`` are what the closed forms of sums rely on."""
    prior = build(example)
    x = finite_points(prior, example, dtype, (4,))
    if prior.absolute:
        torch.testing.assert_close(prior.value(x.abs().to(dtype)), prior.value(x))
        shrink = torch.rand(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        assert bool((prior.value(shrink * x) <= prior.value(x) + 1e-12).all())
        if prior.has_prox:
            torch.testing.assert_close(prior.prox(-x, STEP), -prior.prox(x, STEP), atol=accuracy(example, dtype), rtol=1e-6)
    if prior.elementwise:
        first = torch.zeros(example.event_shape, dtype=torch.bool)
        first.view(-1)[::2] = True
        y = finite_points(prior, example, dtype, (4,), salt=1)
        mixed, rest = torch.where(first, x, y), torch.where(first, y, x)
        torch.testing.assert_close(prior.value(mixed) + prior.value(rest), prior.value(x) + prior.value(y))


@each_case(single=False)
def test_over_more_axes_is_a_sum(example, dtype):
    prior = build(example)
    wider = prior.over(prior.event_dims + 1)
    x = draw(example, dtype, (2, 3))
    if prior.has_prox:
        torch.testing.assert_close(wider.prox(x, STEP), prior.prox(x, STEP), atol=accuracy(example, dtype), rtol=1e-6)
    if prior.has_value:
        y = finite_points(prior, example, dtype, (2, 3))
        torch.testing.assert_close(wider.value(y), prior.value(y).sum(-1))
    if example.conjugate:
        torch.testing.assert_close(wider.dual_scale(x), prior.dual_scale(x).amin(-1))


@each_case(evaluable, single=False)
def test_a_split_is_the_same_function(example, dtype):
    prior = build(example)
    x = finite_points(prior, example, dtype, (3,))
    proximal, composed = prior.split()
    total = torch.zeros(3, dtype=torch.float64) if proximal is None else proximal.value(x)
    for part, operator in composed:
        assert part.has_prox
        image = operator.on(example.event_shape)(x)
        total = total + sum_event(part.value(image), operator.range_dims - part.event_dims)
    torch.testing.assert_close(total, prior.value(x))


# ---------------------------------------------------------------------------------------------------- envelopes and subgradients
@each_case(both, single=False)
def test_envelope(example, dtype):
    """Below the value, the energy of the proximal point, with the gradient (x - prox) / step."""
    prior = build(example)
    x = draw(example, dtype, (3,)).requires_grad_()
    value = prior.envelope(x, STEP)
    p = prior.prox(x.detach(), STEP)
    slack = accuracy(example, dtype)
    assert bool((value <= prior.value(x.detach()) + slack).all())
    torch.testing.assert_close(value.detach(), energy(prior, p, x.detach()) / STEP, atol=slack, rtol=1e-9)
    (gradient,) = torch.autograd.grad(value.sum(), x)
    torch.testing.assert_close(gradient, (x.detach() - p) / STEP, atol=slack, rtol=1e-9)
    assert torch.autograd.gradcheck(lambda t: prior.envelope(t, STEP), x, atol=1e-5, fast_mode=True)


@each_case(lambda prior, example: prior.has_prox and example.differentiable_prox, single=False)
def test_jacobian_of_prox(example, dtype):
    prior = build(example)
    x = draw(example, dtype, (2,), salt=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: prior.prox(t, STEP), x, atol=1e-5, fast_mode=True)


@each_case()
def test_gradients_are_finite_at_kinks(example, dtype):
    prior = build(example)
    for point in kinks(example, dtype):
        x = point.clone().requires_grad_()
        outputs = [prior.prox(x, STEP)] if prior.has_prox else []
        outputs += [prior.value(x)] if prior.has_value and bool(torch.isfinite(prior.value(point))) else []
        for output in outputs:
            (gradient,) = torch.autograd.grad(output.abs().sum() if output.is_complex() else output.sum(), x)
            assert bool(torch.isfinite(gradient).all())


@each_case(evaluable, single=False)
def test_subgradient_is_the_gradient_of_the_value(example, dtype):
    prior = build(example)
    points = torch.cat([finite_points(prior, example, dtype, (3,)), kinks(example, dtype)])
    points = points[torch.isfinite(prior.value(points))].requires_grad_()
    (gradient,) = torch.autograd.grad(prior.value(points).sum(), points)
    torch.testing.assert_close(prior.subgradient(points.detach()), gradient, atol=1e-12, rtol=1e-9)


@each_case(lambda prior, example: both(prior, example) and example.minimum_norm, single=False)
def test_subgradient_is_of_minimum_norm(example, dtype):
    """(x - prox(x, h)) / h tends to the subgradient of least norm as h falls to 0 (Brezis 1973), at kinks and elsewhere."""
    prior = build(example)
    points = torch.cat([finite_points(prior, example, dtype, (3,)), kinks(example, dtype)])
    points = points[torch.isfinite(prior.value(points))]
    step = max(1e-6, example.tolerance**0.5)
    expected = (points - prior.prox(points, step)) / step
    torch.testing.assert_close(prior.subgradient(points), expected, atol=1e-3, rtol=1e-3)


@each_case(lambda prior, _: prior.has_value and prior.convex, single=False)
def test_subgradient_inequality(example, dtype):
    prior = build(example)
    points = torch.cat([finite_points(prior, example, dtype, (3,)), kinks(example, dtype)])
    points = points[torch.isfinite(prior.value(points))]
    slope, value = prior.subgradient(points), prior.value(points)
    for salt in range(4):
        other = finite_points(prior, example, dtype, salt=20 + salt)
        assert bool((prior.value(other) >= value + inner(slope, other - points, prior.event_dims) - 1e-9).all())


# ------------------------------------------------------------------------------------------------------------------- conjugates
@each_case()
def test_fenchel_young(example, dtype):
    """conjugate(z) + value(x) >= <x, z>, with equality for z a subgradient at x: z = (x0 - p) / step at p = prox(x0, step)."""
    prior = build(example)
    if not example.conjugate:
        with pytest.raises(UnsupportedError):
            prior.conjugate(draw(example, dtype))
        with pytest.raises(UnsupportedError):
            prior.dual_scale(draw(example, dtype))
        return
    slack = accuracy(example, dtype)
    x = finite_points(prior, example, dtype, (8,))
    z = draw(example, dtype, (8,), salt=1)
    z = z * prior.dual_scale(z).reshape(8, *(1 for _ in example.event_shape))
    product = inner(x, z, prior.event_dims)
    assert bool((prior.conjugate(z) + prior.value(x) >= product - slack * (1 + product.abs())).all())
    x = draw(example, dtype, (8,), salt=2)
    p = prior.prox(x, STEP)
    u = (x - p) / STEP
    scale = prior.dual_scale(u)
    torch.testing.assert_close(scale, torch.ones_like(scale), atol=10 * slack, rtol=0)
    u = u * scale.reshape(8, *(1 for _ in example.event_shape))
    conjugate = prior.conjugate(u)
    assert bool(torch.isfinite(conjugate).all())
    torch.testing.assert_close(conjugate + prior.value(p), inner(p, u, prior.event_dims), atol=20 * slack, rtol=1e-4)


@each_case(lambda _, example: example.conjugate)
def test_dual_scale_is_the_largest(example, dtype):
    prior = build(example)
    z = torch.cat([draw(example, dtype, (10,)), 0.1 * draw(example, dtype, (4,), salt=1), kinks(example, dtype)])
    scale = prior.dual_scale(z)
    ones = [1 for _ in example.event_shape]
    assert bool(((scale >= 0) & (scale <= 1)).all())
    assert bool(torch.isfinite(prior.conjugate(scale.reshape(-1, *ones) * z)).all())
    beyond = torch.where(scale < 1, (1.001 * scale).clamp(1e-3, 1), 1.0)
    finite = torch.isfinite(prior.conjugate(beyond.reshape(-1, *ones) * z))
    assert bool((finite == (scale >= beyond)).all())


@each_case(lambda prior, _: prior.has_value and prior.convex)
def test_flat_part(example, dtype):
    """R never grows along it; it is a projection (Moreau: z = flat + rest, at right angles); without it `dual_scale` can help."""
    prior = build(example)
    z = draw(example, dtype, (20,), salt=4)
    flat = prior.flat_part(z)
    slack = accuracy(example, dtype)
    torch.testing.assert_close(prior.flat_part(flat), flat, atol=slack, rtol=1e-5)
    torch.testing.assert_close(prior.flat_part(z - flat), torch.zeros_like(z), atol=slack, rtol=0)
    product = inner(flat, z - flat, prior.event_dims)
    torch.testing.assert_close(product, torch.zeros_like(product), atol=20 * slack, rtol=0)
    x = finite_points(prior, example, dtype, (20,))
    assert bool((prior.value(x + 3.0 * flat) <= prior.value(x) + slack * (1 + prior.value(x))).all())
    if example.conjugate:
        assert bool((prior.dual_scale(z - flat) > 0).all())


# ------------------------------------------------------------------------------------------------------------------- the object
@each_case(lambda prior, _: isinstance(prior, Indicator))
def test_a_projection_is_idempotent(example, dtype):
    prior = build(example)
    x = draw(example, dtype, (6,))
    p = prior.prox(x, STEP)
    assert bool((prior.value(p) == 0).all())
    assert bool((torch.isinf(prior.value(x)) | (squared_norm(p - x, prior.event_dims) < 1e-8)).all())
    torch.testing.assert_close(prior.prox(p, 7 * STEP), p)


@every_example
def test_formula_and_state(example):
    prior = build(example, Positive(WEIGHT)) if example.weighted else build(example)
    assert "y" in prior.formula.format(x="y")
    assert prior.extra_repr()
    state = prior.state_dict()
    pointers = [tensor.data_ptr() for tensor in state.values()]
    assert len(set(pointers)) == len(pointers), "a tensor is saved twice"
    prior.load_state_dict(state)


@every_example
def test_too_few_axes_are_refused(example):
    prior = build(example)
    with pytest.raises(ValueError, match="axes"):
        prior.prox(torch.zeros(example.event_shape[1:], dtype=torch.float64))
