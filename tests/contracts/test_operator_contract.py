"""What every linear operator must do, checked on small examples against dense matrices and automatic differentiation."""

import copy
import importlib
import inspect
import pkgutil

import pytest
import torch
from operator_examples import EXAMPLES, Example
from torch import Tensor, nn
from torch.func import functional_call

import foreknow.operators
from foreknow.errors import ShapeError, UnboundError
from foreknow.operators import LinearOperator

DOUBLE = {"atol": 1e-11, "rtol": 1e-9}
EVERY = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
LEARNABLE = {name: example for name, example in EXAMPLES.items() if any(p.requires_grad for p in example.make().parameters())}
DECLARED = {name: example for name, example in EXAMPLES.items() if example.declare is not None}
COMPLEX = {name: example for name, example in EXAMPLES.items() if example.complex_input}


def random(shape: tuple[int, ...], *, is_complex: bool, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    kind = dtype.to_complex() if is_complex else dtype
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=kind)


def domain_item(operator: LinearOperator, *batch: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return random((*batch, *operator.domain), is_complex=operator.complex_domain, seed=seed, dtype=dtype)


def range_item(operator: LinearOperator, *batch: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    return random((*batch, *operator.range), is_complex=operator.complex_range, seed=seed, dtype=dtype)


def real_inner(x: Tensor, y: Tensor) -> Tensor:
    """Re <x, y>, summed in float64 so that the sum adds no rounding of its own."""
    return (x.to(torch.complex128).conj() * y).real.sum()


def norm_of(operator: LinearOperator) -> float:
    return float(operator.norm().detach())


def real_vector(x: Tensor, dims: int) -> Tensor:
    x = x.flatten(x.ndim - dims)
    return torch.cat((x.real, x.imag), -1) if x.is_complex() else x


def dense(operator: LinearOperator) -> Tensor:
    """The matrix of the operator between real vector spaces, complex numbers being pairs."""
    size = torch.Size(operator.domain).numel()
    basis = torch.eye(size, dtype=torch.float64)
    if operator.complex_domain:
        basis = torch.cat((basis.to(torch.complex128), 1j * basis))
    with torch.no_grad():
        output = operator(basis.reshape(-1, *operator.domain))
    assert output.is_complex() == operator.complex_range
    return real_vector(output, len(operator.range)).T


def concrete_operators() -> set[type]:
    found = set()
    for module in pkgutil.iter_modules(foreknow.operators.__path__):
        members = vars(importlib.import_module(f"foreknow.operators.{module.name}")).values()
        found |= {
            member
            for member in members
            if inspect.isclass(member) and issubclass(member, LinearOperator) and not inspect.isabstract(member)
        }
    return found


def test_every_operator_has_an_example_and_is_exported():
    tested = {type(example.make()) for example in EXAMPLES.values()}
    missing = {kind.__name__ for kind in concrete_operators()} - {kind.__name__ for kind in tested}
    assert not missing, f"add examples of {sorted(missing)} to operator_examples.py"
    assert {kind.__name__ for kind in concrete_operators()} <= set(foreknow.operators.__all__)
    assert len(concrete_operators()) >= 25


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_adjoint_is_the_transpose(example: Example, dtype: torch.dtype):
    operator = example.make()
    x, y = domain_item(operator, 3, dtype=dtype), range_item(operator, 3, dtype=dtype)
    with torch.no_grad():
        forward, backward = operator(x), operator.adjoint(y)
    assert forward.dtype == y.dtype
    assert backward.dtype == x.dtype
    assert forward.shape == y.shape
    assert backward.shape == x.shape
    tolerance = 1e-12 if dtype == torch.float64 else 2e-5
    scale = float(x.norm() * y.norm()) * norm_of(operator)
    assert abs(float(real_inner(forward, y) - real_inner(x, backward))) <= tolerance * scale + 1e-300


@EVERY
def test_backward_of_forward_is_the_adjoint_and_the_reverse(example: Example):
    operator = example.make()
    x, y = domain_item(operator, 2).requires_grad_(), range_item(operator, 2).requires_grad_()
    (gradient,) = torch.autograd.grad(operator(x), x, y.detach())
    torch.testing.assert_close(gradient, operator.adjoint(y.detach()), **DOUBLE)
    (gradient,) = torch.autograd.grad(operator.adjoint(y), y, x.detach())
    torch.testing.assert_close(gradient, operator(x.detach()), **DOUBLE)


@EVERY
def test_it_is_linear_and_leaves_its_input_alone(example: Example):
    operator = example.make()
    x, other = domain_item(operator), domain_item(operator, seed=5)
    before = x.clone()
    torch.testing.assert_close(operator(x + 0.3 * other), operator(x) + 0.3 * operator(other), **DOUBLE)
    y = range_item(operator)
    kept = y.clone()
    operator.adjoint(y)
    assert torch.equal(x, before)
    assert torch.equal(y, kept)


@EVERY
def test_norm_bounds_the_largest_singular_value_tightly(example: Example):
    operator = example.make()
    largest = float(torch.linalg.matrix_norm(dense(operator), 2))
    assert operator.norm().ndim == 0
    assert largest * (1 - 1e-9) <= norm_of(operator) <= largest * example.tight + 1e-12


@EVERY
def test_claimed_gram_scales_hold(example: Example):
    operator = example.make()
    matrix = dense(operator)
    claims = [(operator.gram_scale, matrix.T @ matrix), (operator.cogram_scale, matrix @ matrix.T)]
    if example.declare is not None:
        free = example.declare()
        claims += [(free.gram_scale, matrix.T @ matrix), (free.cogram_scale, matrix @ matrix.T)]
    for scale, gram in claims:
        if scale is not None:
            torch.testing.assert_close(gram, scale * torch.eye(gram.shape[0], dtype=torch.float64), atol=1e-12, rtol=1e-12)


@EVERY
def test_algebra_equals_that_of_matrices(example: Example):
    operator = example.make()
    matrix = dense(operator)
    combined = {
        "A.T": (operator.T, matrix.T),
        "A.T.T": (operator.T.T, matrix),
        "A.T @ A": (operator.T @ operator, matrix.T @ matrix),
        "A @ A.T": (operator @ operator.T, matrix @ matrix.T),
        "A + 0.5 A": (operator + 0.5 * operator, 1.5 * matrix),
        "A - 3 A": (operator - operator * 3, -2 * matrix),
        "-A": (-operator, -matrix),
        "(2 A).T": ((2 * operator).T, 2 * matrix.T),
        "(A.T @ A).T": ((operator.T @ operator).T, matrix.T @ matrix),
    }
    for name, (combination, expected) in combined.items():
        torch.testing.assert_close(dense(combination), expected, **DOUBLE, msg=lambda text, name=name: f"{name}: {text}")
        assert norm_of(combination) >= float(torch.linalg.matrix_norm(expected, 2)) * (1 - 1e-9), name
        if combination.gram_scale is not None:
            gram = expected.T @ expected
            torch.testing.assert_close(gram, combination.gram_scale * torch.eye(gram.shape[0], dtype=torch.float64), **DOUBLE)


@EVERY
def test_batch_axes_equal_a_loop(example: Example):
    operator = example.make()
    x, y = domain_item(operator, 2, 3), range_item(operator, 2, 3)
    with torch.no_grad():
        forward, backward = operator(x), operator.adjoint(y)
        for i in range(2):
            torch.testing.assert_close(operator(x[i]), forward[i], **DOUBLE)
            for j in range(3):
                torch.testing.assert_close(operator(x[i, j]), forward[i, j], **DOUBLE)
                torch.testing.assert_close(operator.adjoint(y[i, j]), backward[i, j], **DOUBLE)


@EVERY
def test_float32_is_close_to_float64(example: Example):
    operator = example.make()
    x, y = domain_item(operator, 2), range_item(operator, 2)
    single = copy.deepcopy(operator).float()
    with torch.no_grad():
        for of in (operator, single):
            low, high = of(x.to(torch.complex64 if x.is_complex() else torch.float32)), operator(x)
            assert (low - high).norm() <= 1e-5 * max(norm_of(operator), 1e-30) * x.norm()
            low, high = of.adjoint(y.to(torch.complex64 if y.is_complex() else torch.float32)), operator.adjoint(y)
            assert (low - high).norm() <= 1e-5 * max(norm_of(operator), 1e-30) * y.norm()


@EVERY
def test_a_wrong_shape_is_refused_by_name(example: Example):
    operator = example.make()
    for verb, shape in ((operator.forward, operator.domain), (operator.adjoint, operator.range)):
        wrong = (2, *shape[:-1], shape[-1] + 1)
        with pytest.raises(ShapeError) as caught:
            verb(torch.zeros(wrong, dtype=torch.float64))
        assert str(wrong) in str(caught.value)
        assert str(shape) in str(caught.value)
    for verb in (operator.on, operator.onto):
        with pytest.raises(ShapeError):
            verb((2, 2, 2, 2, 2, 2, 2))


@EVERY
def test_copies_and_saved_states_are_complete(example: Example):
    operator = example.make()
    x = domain_item(operator)
    with torch.no_grad():
        expected = operator(x)
        twin = copy.deepcopy(operator)
        torch.testing.assert_close(twin(x), expected, atol=0, rtol=0)
        assert not {id(p) for p in twin.parameters()} & {id(p) for p in operator.parameters()}
        for parameter in twin.parameters():
            parameter.add_(1)
        torch.testing.assert_close(operator(x), expected, atol=0, rtol=0)
        twin.load_state_dict(operator.state_dict())
        torch.testing.assert_close(twin(x), expected, atol=0, rtol=0)
        torch.testing.assert_close(twin.adjoint(expected), operator.adjoint(expected), atol=0, rtol=0)
    assert type(operator).__name__ in repr(operator)


@EVERY
def test_inference_mode_and_vectorising_map(example: Example):
    operator = example.make()
    x, y = domain_item(operator, 3), range_item(operator, 3)
    with torch.no_grad():
        forward, backward = operator(x), operator.adjoint(y)
        torch.testing.assert_close(torch.func.vmap(operator)(x), forward, **DOUBLE)
        if "CumulativeSum" not in repr(operator):  # the default adjoint calls autograd, which vmap cannot see through
            torch.testing.assert_close(torch.func.vmap(operator.adjoint)(y), backward, **DOUBLE)


@pytest.mark.parametrize("example", DECLARED.values(), ids=DECLARED.keys())
def test_binding_shares_parameters_and_agrees_with_a_new_operator(example: Example):
    operator = example.make()
    free = example.declare()
    free.load_state_dict(operator.state_dict())
    assert not free.bound
    x, y = domain_item(operator, 2), range_item(operator, 2)
    with torch.no_grad():
        torch.testing.assert_close(free(x), operator(x), **DOUBLE)
        for unasked in (lambda: free.domain, lambda: free.adjoint(y), lambda: free.range):
            with pytest.raises(UnboundError):
                unasked()
        bound = free.on(operator.domain)
        assert bound.domain == operator.domain
        assert bound.range == operator.range
        assert [id(p) for p in bound.parameters()] == [id(p) for p in free.parameters()]
        torch.testing.assert_close(bound.adjoint(y), operator.adjoint(y), **DOUBLE)
        assert not free.bound
        if example.onto:
            onto = free.onto(operator.range)
            assert onto.range == operator.range
            assert [id(p) for p in onto.parameters()] == [id(p) for p in free.parameters()]
            assert onto.adjoint(y).shape == (2, *onto.domain)
            torch.testing.assert_close(free.T(y), onto.adjoint(y), **DOUBLE)
        else:
            with pytest.raises(ShapeError, match="bind it with"):
                free.onto((operator.range[0], *(size + 1 for size in operator.range[1:])))
        assert operator.onto(operator.range) is operator
        assert operator.on(operator.domain) is operator


@pytest.mark.parametrize("example", LEARNABLE.values(), ids=LEARNABLE.keys())
def test_gradients_of_parameters_are_right(example: Example):
    operator = example.make().double()
    x, y = domain_item(operator, 2), range_item(operator, 2)
    for module, item in ((operator, x), (operator.T, y)):
        names = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
        values = [parameter.detach().clone().requires_grad_() for parameter in module.parameters() if parameter.requires_grad]

        def apply(*values: Tensor, names=names, module: nn.Module = module, item: Tensor = item) -> Tensor:
            return functional_call(module, dict(zip(names, values, strict=True)), (item,))

        assert torch.autograd.gradcheck(apply, values, fast_mode=True)


@pytest.mark.parametrize("example", COMPLEX.values(), ids=COMPLEX.keys())
def test_complex_input_is_the_complex_extension(example: Example):
    operator = example.make()
    x = random((2, *operator.domain), is_complex=True)
    y = random((2, *operator.range), is_complex=True, seed=1)
    with torch.no_grad():
        torch.testing.assert_close(operator(x), operator(x.real + 0j) + 1j * operator(x.imag + 0j), **DOUBLE)
        if not operator.complex_domain:
            torch.testing.assert_close(operator(x.real + 0j), operator(x.real) + 0j, **DOUBLE)
        torch.testing.assert_close(real_inner(operator(x), y), real_inner(x, operator.adjoint(y)), **DOUBLE)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(operator(leaf), leaf, y)
    torch.testing.assert_close(gradient, operator.adjoint(y), **DOUBLE)
