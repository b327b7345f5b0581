"""Keras' `train_on_batch` and `predict_on_batch`, with results that stay on the device until somebody looks at them.

Keras' own methods turn each result into a Python number or a NumPy array. To do so the program waits until the device
has computed it, and then a GPU waits until the program has prepared its next call. With these functions the program
prepares the next calls while the GPU computes, and pictures that go from one network to the next never leave it.

On JAX these functions also do less around a call: Keras' methods send each batch to the device twice, collect the
variables of all layers anew, and assign each one with checks that a model's own variables always pass. For networks of
almost no size a step of the game then takes 2 ms instead of 5.

`as_one_call` compiles a whole step, with the turns of both players, into one call. TensorFlow then also computes things
of two turns at the same time where they do not depend on each other.
"""

import contextlib
import weakref

import keras
import numpy as np

from support.system.several_devices import spread

BACKEND = keras.backend.backend()
if BACKEND == "tensorflow":
    import tensorflow

_variables = weakref.WeakKeyDictionary()  # from a model to its compiled function, and the variables that it changes


def train_on_batch(model, inputs, targets):
    """Let a compiled model learn from one batch, as `model.train_on_batch(inputs, targets, return_dict=True)` does.

    Args:
        model: A compiled `keras.Model` whose optimizer is built.
        inputs: The model's inputs: NumPy arrays, or arrays on the device.
        targets: What its loss takes as targets, likewise.

    Returns:
        A dictionary from a metric's name to its value over this batch. The values may still be being computed: adding
        or dividing them does not wait for that, `to_numbers` and `float` do.
    """
    batch = _batch(inputs, targets, None)  # None: all pictures weigh the same
    if _is_compiling():
        model.reset_metrics()
        return model.train_step(batch)
    if model.train_function is None:  # the first call makes the function, and the metrics' variables
        if not keras.distribution.distribution():
            return model.train_on_batch(*batch, return_dict=True)
        model._symbolic_build(data_batch=batch)  # Keras' train_on_batch would spread the batch once more
        model.make_train_function()
    if BACKEND != "jax":
        model.reset_metrics()
        return model.train_function([batch] if BACKEND == "torch" else iter([batch]))
    groups, zeros = _kept(model, model.train_function, lambda: (_groups(model, model.optimizer), _zeros(model)))
    results, state = model.train_function((*_values(groups), zeros), iter([batch]))  # zeros: the metrics start anew
    _put_back(groups, state[:3])
    return results


def predict_on_batch(model, inputs):
    """Compute a model's output for one batch, as `model.predict_on_batch(inputs)` does.

    Args:
        model: A `keras.Model`.
        inputs: Its inputs: NumPy arrays, or arrays on the device.

    Returns:
        The output, an array on the device. No gradient flows back through it.
    """
    batch = _batch(inputs)
    if _is_compiling():
        return model.predict_step(batch)
    if model.predict_function is None:
        if not keras.distribution.distribution():
            return model.predict_on_batch(*batch)
        with keras.StatelessScope():
            model(*batch)  # a call that changes nothing: a model of own code is only built in its first one
        model.make_predict_function()
    if BACKEND != "jax":
        return model.predict_function([batch])
    groups = _kept(model, model.predict_function, lambda: _groups(model))
    output, state = model.predict_function(_values(groups), iter([batch]))
    _put_back(groups, state)
    return output


def to_numbers(values):
    """Wait until values on the device are computed, and return them as Python numbers, in a list.

    Args:
        values: Arrays or tensors of one number each, or numbers.
    """
    if BACKEND == "jax":
        import jax

        return [float(value) for value in jax.device_get(list(values))]  # one transfer for all
    return [float(keras.ops.convert_to_numpy(value)) for value in values]


def to_array(value):
    """Wait until an array on the device is computed, and return it as NumPy array.

    If several processes train together, they share the array; then only this process' part is returned.
    """
    if BACKEND == "jax" and not getattr(value, "is_fully_addressable", True):
        return np.concatenate([np.asarray(shard.data) for shard in value.addressable_shards])
    return keras.ops.convert_to_numpy(value)


def as_one_call(play_step, variables):
    """Compile a whole step of the game into one call. Needs JAX or TensorFlow.

    On a GPU a step is over sooner than the program has prepared its four calls. On a CPU some of a turn's work keeps
    only one core busy, and only within one call can another turn use the other cores. The step is the same code: the
    backend runs it once with placeholders in place of the values, notes what is computed, and compiles that.

    Args:
        play_step: Function of players, real pictures, classes, noise and a check, such as `train.play_step`, in which
            all is computed by the functions of this module or of `keras.ops`.
        variables: All variables that it reads or changes.

    Returns:
        A function with the same arguments and results. Its first call, and each call with a check, is not compiled:
        Keras makes what it needs in the first call, and a check looks at the variables between two turns. If a step
        cannot be compiled, since it asks for the value of a placeholder, the function says so once and plays it in
        several calls.
    """
    if BACKEND == "jax":
        compiled = _compiled_by_jax(play_step, variables)
    else:
        compiled = tensorflow.function(play_step, autograph=False)  # no loop in it depends on a tensor
    began = compiles = False

    def play(players, real, classes, noise, check=None):
        nonlocal began, compiles, compiled
        if check or not began:
            with _uncompiled():
                results = play_step(players, real, classes, noise, check)
            began = True
            return results
        try:
            results = compiled(players, real, classes, noise)
        except (AttributeError, TypeError, NotImplementedError) as error:  # what JAX and TensorFlow raise then
            if compiles:
                raise
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            print(f"step      in several calls, slower: it does not compile into one ({reason})")
            results, compiled = play_step(players, real, classes, noise), play_step
        compiles = True
        return results

    return play


def _compiled_by_jax(play_step, variables):
    """Compile a step with JAX, which knows no variables: their values are given to the step, and come back from it."""
    import jax

    def with_values(values, players, real, classes, noise):
        _put_back([variables], [values])
        results = play_step(players, real, classes, noise)
        return results, [variable.value for variable in variables]

    compiled = jax.jit(with_values, donate_argnums=0, static_argnums=1)

    def play(players, real, classes, noise):
        values = [variable.value for variable in variables]
        try:
            results, values = compiled(values, players, real, classes, noise)
        finally:
            _put_back([variables], [values])  # also after an error, which would leave placeholders in them
        return results

    return play


def _is_compiling():
    """Say whether TensorFlow is noting a step for `as_one_call`: then a turn is a part of it, not a call of its own."""
    return BACKEND == "tensorflow" and not tensorflow.executing_eagerly()


@contextlib.contextmanager
def _uncompiled():
    """On TensorFlow compute each operation at once: to compile each turn for a single step would take seconds."""
    if BACKEND != "tensorflow":
        yield
        return
    tensorflow.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tensorflow.config.run_functions_eagerly(False)


def _batch(*parts):
    """Return a batch as Keras takes it: on JAX spread over the devices; elsewhere as tensors: they take no mixture."""
    convert = spread if BACKEND == "jax" else keras.ops.convert_to_tensor
    return keras.tree.map_structure(lambda part: None if part is None else convert(part), parts)


def _kept(model, function, collect):
    """Return what `collect` gave for this compiled function of a model; compile() makes a new function."""
    kept = _variables.get(model)
    if kept is None or kept[0] is not function:
        kept = _variables[model] = (function, collect())
    return kept[1]


def _groups(model, *others):
    return (model.trainable_variables, model.non_trainable_variables, *(other.variables for other in others))


def _zeros(model):
    return [np.zeros(variable.shape, variable.dtype) for variable in model.metrics_variables]


def _values(groups):
    return tuple([variable.value for variable in group] for group in groups)


def _put_back(groups, state):
    """Give variables the values that a compiled call returned for them: their old ones no longer exist."""
    for variables, values in zip(groups, state, strict=True):
        for variable, value in zip(variables, values, strict=True):
            variable._direct_assign(value)  # assign() without its checks
