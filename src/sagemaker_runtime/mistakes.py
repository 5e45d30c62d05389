"""Errors for wrong arguments of a client, a call or a stack, which say what to write instead."""

from __future__ import annotations

import inspect
from types import FunctionType, MethodType
from typing import TYPE_CHECKING

from sagemaker_runtime.bodies import is_bytes_like
from sagemaker_runtime.checks import is_list
from sagemaker_runtime.errors import ConfigError, SageMakerRuntimeError
from sagemaker_runtime.middleware.advice import STEPS
from sagemaker_runtime.middleware.stack import Stack
from sagemaker_runtime.operations import method_name
from sagemaker_runtime.options import OPTION_RULES, Options
from sagemaker_runtime.validation import as_input

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput


def not_options(given: object) -> ConfigError:
    """The error for a wrong first argument of `Client`."""
    from sagemaker_runtime.config import Config

    what = f"the first argument of Client is {_described(given)}; it takes Options"
    if isinstance(given, Config):
        return ConfigError(f"{what}: write Client.from_config(config)")
    if _discarded(given) or _is_load_config(given):
        return ConfigError(f"{what}: write Client.from_config(await load_config())")
    if isinstance(given, str):
        return ConfigError(f"{what}: write Client(Options(region=...))")
    if callable(given) and not isinstance(given, type):
        return ConfigError(f"{what} first, then functions that change them: Client(Options(...), *opt_fns)")
    return ConfigError(f"{what}, as in Client(Options(...), *opt_fns)")


def not_config(given: object) -> ConfigError:
    """The error for a wrong argument of `Client.from_config`."""
    what = f"the argument of from_config is {_described(given)}; it takes a Config"
    if _discarded(given):
        return ConfigError(f"{what}: await it, as in Client.from_config(await load_config())")
    if isinstance(given, Options):
        return ConfigError(f"{what}: write Client(options)")
    return ConfigError(f"{what}: write Client.from_config(await load_config())")


def call_option_function(function: object, options: Options, number: int) -> None:
    """
    Let an option function change *options*.

    Args:
        function: The argument passed as an option function.

        options: The options to change.

        number: Its position among the option functions, from 1.

    Raises:
        ConfigError: It is not a function of Options, or it is async, or it returned an object that would be ignored.
    """
    what = f"option function {number} is {_described(function)}"
    if not callable(function) or isinstance(function, type):
        raise ConfigError(f"{what}; {_in_place_of_option_function(function)}")
    of_stack = f"{what}, which changes a Stack, not Options; write with_api_options({_name(function)})"
    if _first_parameter(function) == Stack.__name__:
        raise ConfigError(of_stack)
    try:
        returned: object = function(options)
    except AttributeError as error:
        if error.obj is options and hasattr(Stack, error.name or ""):
            raise ConfigError(of_stack) from None
        raise
    if _discarded(returned):
        raise ConfigError(f"option function {number} is async, and would never run; make it a plain function")
    if returned is not options and (isinstance(returned, Options) or hasattr(returned, "appended")):
        raise ConfigError(
            f"the return value of option function {number} is {_described(returned)}, which is ignored; change the Options "
            "that the function gets"
        )


def apply_api_option(function: Callable[[Stack], object], stack: Stack) -> None:
    """
    Let one of the ``api_options`` change *stack*.

    Raises:
        ConfigError: It is a function of Options, or async.
    """
    of_options = (
        f"{function!r} in api_options changes Options, not a Stack; pass it to the client, or to the call, itself"
    )
    if _first_parameter(function) == Options.__name__:
        raise ConfigError(of_options)
    try:
        returned = function(stack)
    except AttributeError as error:
        # By its text, because an AttributeError of an assignment has no `name`; Python 3.13 appends to the text.
        if str(error).startswith(tuple(f"'Stack' object has no attribute {name!r}" for name in OPTION_RULES)):
            raise ConfigError(of_options) from None
        raise
    if _discarded(returned):
        raise ConfigError(f"{function!r} in api_options is async, and would never run; make it a plain function")


def members_given(operation: Operation[OperationInput, OperationOutput], given: dict[str, object]) -> TypeError:
    """The error for a call with keyword arguments, as in boto3, instead of an input object."""
    method, names = method_name(operation.name), ", ".join(given)
    what = f"{method}() takes an input object, but got the keyword arguments {names}"
    if set(given) <= OPTION_RULES.keys():
        return TypeError(f"{what}; pass override({', '.join(f'{name}=...' for name in given)}) after it")
    return TypeError(f"{what}; pass {as_input(operation.input_type, given)}")


def _in_place_of_option_function(given: object) -> str:
    if is_bytes_like(given):
        return "a body is part of the input: InvokeEndpointInput(endpoint_name=..., body=...)"
    if isinstance(given, type):
        return f"pass an object: with_api_options({given.__name__}(...)) for a plugin"
    if handles := [step for step in STEPS if hasattr(given, f"handle_{step}")]:
        return f"it is a middleware, so add it to the stack: with_api_options(lambda stack: stack.{handles[0]}.add(middleware))"
    if is_list(given) or isinstance(given, tuple):
        return "unpack it: *opt_fns"
    if isinstance(given, dict):
        return "pass override(...) with its values"
    if _discarded(given):
        return "await it first"
    if len(names := _options_that_take(given)) == 1:
        return f"pass override({names[0]}=...)"
    return "it cannot be called; pass override(...), with_api_options(...) or a function that takes Options"


def _options_that_take(value: object) -> list[str]:
    names: list[str] = []
    for name, rule in OPTION_RULES.items():
        try:
            rule.check(name, value)
        except SageMakerRuntimeError:
            continue
        names.append(name)
    return names


def _first_parameter(function: Callable[..., object]) -> str | None:
    """The name of the type that annotates the first parameter of a function or a callable object; None without one."""
    annotated = function if isinstance(function, FunctionType | MethodType) else type(function).__call__
    for name, annotation in getattr(annotated, "__annotations__", {}).items():
        if name != "return":
            text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
            return str(text).strip("'\"").rpartition(".")[2]
    return None


def _is_load_config(given: object) -> bool:
    from sagemaker_runtime.config import load_config

    return given is load_config


def _discarded(given: object) -> bool:
    """Whether *given* is awaitable. A coroutine is closed, so that Python does not also warn that it was never awaited."""
    if inspect.iscoroutine(given):
        given.close()
    return inspect.isawaitable(given)


def _described(given: object) -> str:
    """The type of *given*, never its value, which may be a secret in the wrong place."""
    return f"the class {given.__name__}" if isinstance(given, type) else f"of type {type(given).__name__}"


def _name(function: object) -> str:
    name = getattr(function, "__name__", "")
    return name if isinstance(name, str) and name.isidentifier() else "..."
