"""Strategy 1, the likelihood: mathematical models as learnable simulators, with data assimilation.

- `Simulator`: the contract (initial, step, observe); `Integrated`: a differential equation with an integrator.
- `Dynamics`: the contract of an equation; `Residual`: known dynamics plus a network.
- `Euler`, `Heun`, `RungeKutta4`: fixed steps; `Adaptive`: those of torchdiffeq.
- `Lorenz63`, `Lorenz96`, `TwoScaleLorenz96`, `LotkaVolterra`, `AdvectionDiffusion`: classical models.
- `Grid` with `Periodic`, `Neumann`, `Dirichlet`: finite differences for others.
- `SimulatedOperator`: a simulator as an operator of a `foreknow.Model`; `InitialState`, `Kicks`, `Numbers` ...: what is unknown.
- `foreknow.simulate.assimilation`: what observations say of a simulated state.
"""

from foreknow.simulate.adaptive import Adaptive
from foreknow.simulate.advection_diffusion import AdvectionDiffusion
from foreknow.simulate.controls import Control, Drive, InitialState, InitialStateAndKicks, Kicks, Numbers
from foreknow.simulate.finite_differences import Boundary, Dirichlet, Grid, Neumann, Periodic
from foreknow.simulate.integrated import Integrated
from foreknow.simulate.integrators import Euler, Heun, Integrator, RungeKutta4
from foreknow.simulate.lorenz import Lorenz63, Lorenz96, TwoScaleLorenz96
from foreknow.simulate.lotka_volterra import LotkaVolterra
from foreknow.simulate.operator import SimulatedOperator
from foreknow.simulate.rates import Constant, Dynamics, Rate, Residual
from foreknow.simulate.ring_network import RingNetwork
from foreknow.simulate.simulator import Simulator
from foreknow.simulate.surrogate import Surrogate

__all__ = [
    "Adaptive",
    "AdvectionDiffusion",
    "Boundary",
    "Constant",
    "Control",
    "Dirichlet",
    "Drive",
    "Dynamics",
    "Euler",
    "Grid",
    "Heun",
    "InitialState",
    "InitialStateAndKicks",
    "Integrated",
    "Integrator",
    "Kicks",
    "Lorenz63",
    "Lorenz96",
    "LotkaVolterra",
    "Neumann",
    "Numbers",
    "Periodic",
    "Rate",
    "Residual",
    "RingNetwork",
    "RungeKutta4",
    "SimulatedOperator",
    "Simulator",
    "Surrogate",
    "TwoScaleLorenz96",
]
