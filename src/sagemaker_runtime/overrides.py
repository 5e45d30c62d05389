"""`override` and `with_api_options`, and how functions that change options are applied."""

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
    The result of `override` and `with_api_options`: an immutable `OptFn` that assigns options or appends to ``api_options``.

    It is hashable if its values are; a client then caches the stack that it compiles for it. So an override that is created
    once, at module level, costs a call almost nothing.
    """

    __slots__ = ("_appended", "_changes", "_facts", "_hash")

    def __init__(self, changes: tuple[tuple[str, object], ...], appended: tuple[APIOption, ...] = ()) -> None:
        self._changes = changes
        self._appended = appended
        self._facts: Context | None = None
        self._hash: int | None = None  # computed on demand, because values may not be hashable

    def __reduce__(self) -> tuple[type[Override], tuple[tuple[tuple[str, object], ...], tuple[APIOption, ...]]]:
        return Override, (self._changes, self._appended)  # without the hash, because string hashes differ by process

    @property
    def changes(self) -> tuple[tuple[str, object], ...]:
        """Names of options, and their new values."""
        return self._changes

    @property
    def appended(self) -> tuple[APIOption, ...]:
        """Functions that are appended to the ``api_options``."""
        return self._appended

    def __eq__(self, other: object) -> bool:
        # The types must be equal too: True == 1, and one of them may be an invalid value.
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

    def facts(self) -> Context | None:
        """
        What it assigns, as facts of a call. All calls get the same object; do not change it.

        Returns:
            None if it changes more than facts, so that a stack must be compiled, or if a value is invalid: `changed_by` raises
            that error, unless a later override replaces the value.
        """
        if self._appended:
            return None
        if self._facts is None:
            facts = Context()
            for name, value in self._changes:
                check, settle, fact, _ = OPTION_RULES[name]
                if fact is None or settle is not None:
                    return None
                try:
                    check(name, value)
                except Exception:  # noqa: BLE001 - also what a property of the value raises
                    return None
                facts[fact] = value
            self._facts = facts
        return self._facts

    def __repr__(self) -> str:
        # Credentials only by their type, because an object passed by mistake may contain a secret.
        shown = [
            f"{name}={type(value).__name__ if name == 'credentials' else repr(value)}" for name, value in self.changes
        ]
        if not self._appended:
            return f"override({', '.join(shown)})"
        return f"with_api_options({', '.join(map(repr, self._appended))})"


def _arguments_of(_: Callable[P, Options]) -> Callable[[Callable[..., Override]], Callable[P, Override]]:
    """Give a function the parameters of `Options`, so that each option is declared only once."""
    return lambda function: function


@_arguments_of(Options)
def override(**changes: object) -> Override:
    """
    Assign options, for a client or for one call: ``override(region="eu-west-1", retryer=NopRetryer())``.

    It takes the same arguments as `Options`. ``api_options=`` replaces the client's list; `with_api_options` appends to it.

    Raises:
        TypeError: There is no such option.
    """
    for name in changes:
        if name not in OPTION_RULES:
            raise TypeError(f"override() has no option {name!r}; it has {', '.join(OPTION_RULES)}")
    if "api_options" in changes and is_list(functions := changes["api_options"]):
        changes["api_options"] = _Functions(functions)
    return Override(tuple(changes.items()))


def _are_one(one: APIOption, other: APIOption) -> bool:
    """Whether two functions are the same. Methods of two equal objects are not: one may have more state."""
    if one is other:
        return True
    return isinstance(one, _BOUND) and isinstance(other, _BOUND) and one.__self__ is other.__self__ and one == other


_BOUND = (MethodType, BuiltinMethodType)


class _Functions(tuple[object, ...]):
    """The ``api_options`` that an override assigns, as a hashable copy of the caller's list."""

    __slots__ = ()


def with_api_options(*functions: APIOption) -> Override:
    """Append functions that change the stack to those of the client: ``with_api_options(lambda stack: ...)``."""
    return Override((), functions)


def changed_by(opt_fns: tuple[OptFn, ...], options: Options, *, settled: bool = True) -> Options:
    """
    A checked copy of *options*, changed by *opt_fns* in order.

    Args:
        opt_fns: The functions that change the copy.

        options: Remain unchanged.

        settled: Whether *options* are already checked, so that only the changed ones are checked here.

    Raises:
        ConfigError: A function is not callable, or the options are invalid.
    """
    options = options.copy()
    if not settled:
        settle_retryer(options)  # first, so that a retryer set in code does not conflict with a configured retry_mode
    names: Collection[str] = [] if settled else OPTION_RULES
    for number, opt_fn in enumerate(opt_fns, start=1):
        if isinstance(opt_fn, Override) and type(opt_fn) is Override:
            opt_fn(options)
            if names is not OPTION_RULES:
                names = [*names, *(name for name, _ in opt_fn.changes), *(("api_options",) if opt_fn.appended else ())]
        else:
            from sagemaker_runtime.mistakes import call_option_function  # not every client has such functions

            call_option_function(opt_fn, options, number)
            names = OPTION_RULES
    for name in names:
        OPTION_RULES[name].check(name, getattr(options, name))
    for settle in dict.fromkeys(settle for name in names if (settle := OPTION_RULES[name].settle) is not None):
        settle(options)
    if names is OPTION_RULES:
        options.api_options = list(options.api_options)  # a function may have assigned a list that is shared
    return options


def facts_of(opt_fns: tuple[OptFn, ...]) -> Context | None:
    """What *opt_fns* assign, as facts of a call; None if that is not all they do, as for `Override.facts`."""
    assigned = Context()
    for opt_fn in opt_fns:
        facts = opt_fn.facts() if isinstance(opt_fn, Override) and type(opt_fn) is Override else None
        if facts is None:
            return None
        assigned.update(facts)
    return assigned
