"""`override` and `with_api_options`, and the options or the context that such functions make of a client's."""

from __future__ import annotations

from collections.abc import Callable, Collection
from types import BuiltinMethodType, MethodType
from typing import ParamSpec

from sagemaker_runtime.checks import is_list
from sagemaker_runtime.context import Context
from sagemaker_runtime.option_rules import settle_retryer
from sagemaker_runtime.options import OPTION_RULES, APIOption, OptFn, Options

P = ParamSpec("P")


class Override:
    """
    The result of `override` and `with_api_options`: an `OptFn` that assigns, and then appends. It never changes.

    It is hashable if its values are, and a client caches what it compiles for it. So an override that is created at module
    level makes a call hardly more expensive.
    """

    __slots__ = ("_appended", "_changes", "_hash")

    def __init__(self, changes: tuple[tuple[str, object], ...], appended: tuple[APIOption, ...] = ()) -> None:
        self._changes = changes
        self._appended = appended
        self._hash: int | None = None  # of values that cannot be hashed there is none

    def __reduce__(self) -> tuple[type[Override], tuple[tuple[tuple[str, object], ...], tuple[APIOption, ...]]]:
        return Override, (self._changes, self._appended)  # without the hash: that of a string is its process's

    @property
    def changes(self) -> tuple[tuple[str, object], ...]:
        """Names of options, and their new values."""
        return self._changes

    @property
    def appended(self) -> tuple[APIOption, ...]:
        """What is appended to the ``api_options``."""
        return self._appended

    def __eq__(self, other: object) -> bool:
        # And of the same types: True is equal to 1, and one of them may be no value of the option.
        return (
            isinstance(other, Override)
            and self._changes == other._changes
            and len(self._appended) == len(other._appended)
            and all(map(_are_one, self._appended, other._appended))
            and all(type(one) is type(two) for (_, one), (_, two) in zip(self._changes, other._changes, strict=True))
        )

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self._changes, self._appended))
        return self._hash

    def __call__(self, options: Options) -> None:
        values = options.__dict__
        values.update(self._changes)  # `override` has checked the names
        functions = values["api_options"]
        if self._appended or type(functions) is _Functions:
            values["api_options"] = [*functions, *self._appended]

    def __repr__(self) -> str:
        # Credentials by their type, because what was mistaken for a provider may hold a secret.
        shown = [
            f"{name}={type(value).__name__ if name == 'credentials' else repr(value)}" for name, value in self.changes
        ]
        if not self._appended:
            return f"override({', '.join(shown)})"
        return f"with_api_options({', '.join(map(repr, self._appended))})"


def _arguments_of(_: Callable[P, Options]) -> Callable[[Callable[..., Override]], Callable[P, Override]]:
    """Give a function the parameters of `Options`, so that each option is written, and typed, once."""
    return lambda function: function


@_arguments_of(Options)
def override(**changes: object) -> Override:
    """
    Options to assign, for a client or for one call: ``override(region="eu-west-1", retryer=NopRetryer())``.

    It takes the same arguments as `Options`. ``api_options=`` replaces the client's list; `with_api_options` appends to it.

    Raises:
        TypeError: There is no such option.
    """
    for name in changes:
        if name not in OPTION_RULES:
            raise TypeError(f"override() has no option {name!r}; it has {', '.join(OPTION_RULES)}")
    functions = changes.get("api_options")
    if is_list(functions):
        changes["api_options"] = _Functions(functions)
    return Override(tuple(changes.items()))


def _are_one(one: APIOption, other: APIOption) -> bool:
    """Whether two functions are the same: not those of two objects that are merely equal, of which one may know more."""
    if one is other:
        return True
    return isinstance(one, _BOUND) and isinstance(other, _BOUND) and one.__self__ is other.__self__ and one == other


_BOUND = (MethodType, BuiltinMethodType)


class _Functions(tuple[object, ...]):
    """The ``api_options`` that an override assigns: they can be hashed, and the caller's list may change."""

    __slots__ = ()


def with_api_options(*functions: APIOption) -> Override:
    """Functions that change the stack, appended to those of the client: ``with_api_options(lambda stack: ...)``."""
    return Override((), functions)


def changed_by(opt_fns: tuple[OptFn, ...], options: Options, *, settled: bool = True) -> Options:
    """
    A checked copy of *options*, changed by *opt_fns* in order.

    Args:
        opt_fns: What changes them.

        options: Stay as they are.

        settled: Whether they came from here, so that only what is changed needs a look.

    Raises:
        ConfigError: A function cannot be called, or the options are invalid.
    """
    options = options.copy()
    if not settled:
        settle_retryer(options)  # first, so that a retryer given in code is not at odds with what the machine says
    names: Collection[str] = [] if settled else OPTION_RULES
    for number, opt_fn in enumerate(opt_fns, start=1):
        if isinstance(opt_fn, Override) and type(opt_fn) is Override:
            opt_fn(options)
            if names is not OPTION_RULES:
                names = [*names, *(name for name, _ in opt_fn.changes), *(("api_options",) if opt_fn.appended else ())]
        else:
            from sagemaker_runtime.mistakes import call_option_function  # not every client has functions of its own

            call_option_function(opt_fn, options, number)
            names = OPTION_RULES
    for name in names:
        OPTION_RULES[name].check(name, getattr(options, name))
    for settle in dict.fromkeys(settle for name in names if (settle := OPTION_RULES[name].settle) is not None):
        settle(options)
    if names is OPTION_RULES:
        options.api_options = list(options.api_options)  # a function may have given somebody's
    return options


def context_with(opt_fns: tuple[OptFn, ...], context: Context) -> Context | None:
    """
    A copy of *context* with the facts that *opt_fns* assign; None where they do more than that, for `changed_by` to see to.

    Raises:
        ConfigError: A value cannot be that of its option.
    """
    values: dict[str, object] = {}
    for opt_fn in opt_fns:
        if not isinstance(opt_fn, Override) or type(opt_fn) is not Override or opt_fn.appended:
            return None
        values.update(opt_fn.changes)
    changed = Context(context)
    for name, value in values.items():
        check, settle, fact, _ = OPTION_RULES[name]
        if fact is None or settle is not None:
            return None
        check(name, value)
        changed[fact] = value
    return changed
