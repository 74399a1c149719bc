"""Keeping XLA from joining products of matrices with what follows them."""

from collections.abc import Callable

_CALLS = ("jit", "pjit", "closed_call", "core_call", "custom_jvp_call")


def apart(function: Callable) -> Callable:
    """Return a function of JAX arrays whose products stand apart from other operations.

    On a CPU, XLA joins the product of one row and a matrix with the addition of a bias.
    Where the matrix is a transposed one, it then writes that out anew each time, which
    takes ten times as long as the product. A barrier between the two prevents it.

    Args:
        function: Of arrays and nested containers of them, traced by JAX.

    Returns:
        A function of the same values, to be compiled.
    """
    import jax

    def changed(*args):
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*args)
        flat = _evaluated(closed.jaxpr, closed.consts, jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(shape), flat)

    return changed


def _bound(equation, values):
    """Return what an equation's primitive gives for its operands' values."""
    params = equation.primitive.get_bind_params(equation.params)
    # Older versions of JAX return functions apart from the other parameters.
    functions, params = params if isinstance(params, tuple) else ((), params)
    return equation.primitive.bind(*functions, *values, **params)


def _evaluated(jaxpr, consts, args) -> list:
    """Return the results of a jaxpr, a barrier behind each product with a matrix."""
    import jax
    from jax.extend.core import Literal

    known: dict = {}

    def read(variable):
        return variable.val if isinstance(variable, Literal) else known[variable]

    known.update(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *args), strict=True))
    for equation in jaxpr.eqns:
        values = [read(variable) for variable in equation.invars]
        inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
        if equation.primitive.name in _CALLS and inner is not None:
            results = _evaluated(inner.jaxpr, inner.consts, values)
        else:
            results = _bound(equation, values)
            if not equation.primitive.multiple_results:
                results = [results]
        if equation.primitive.name == "dot_general" and values[1].ndim == 2:
            results = jax.lax.optimization_barrier(results)
        known.update(zip(equation.outvars, results, strict=True))
    return [read(variable) for variable in jaxpr.outvars]
