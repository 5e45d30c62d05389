"""Checks of `run_bulk`'s arguments before anything is created: a plan with invalid ones would block the corrected call."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from attrs import fields_dict

from sagemaker_runtime import Client, ConfigError, InvokeEndpointInput
from sagemaker_runtime.bulk.recipe import ClientRecipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENGINES = ("ray", "dask")


def check_arguments(
    client: object,
    endpoint: object,
    output: object,
    *,
    format: object,
    body: object,
    members: Mapping[str, object] | None,
    max_errors: object,
    drain: object,
) -> None:
    """
    Check arguments of `run_bulk`, under the same names.

    Raises:
        ConfigError: An argument has the wrong type or an invalid value.
    """
    if not isinstance(client, Client | ClientRecipe):
        raise ConfigError(
            f"client is a {type(client).__name__}, but run_bulk takes a Client: in synchronous code, make one in a coroutine "
            "and run that with asyncio.run()"
        )
    if not isinstance(endpoint, str) or not endpoint:
        raise ConfigError(f"endpoint is {endpoint!r}; it takes the name of an endpoint")
    if not output:
        raise ConfigError(f"output is {output!r}; it takes a folder, or 's3://bucket/prefix/'")
    _check_kind("format", format, "batches", "JSONLines(), CSV(), Parquet() or Files()")
    _check_kind("body", body, "encode", "JSONBody() or CSVBody()")
    _check_members(members)
    if max_errors is not None and not (_is_number(max_errors) and isinstance(max_errors, int) and max_errors >= 0):
        raise ConfigError(f"max_errors is {max_errors!r}; it takes a number, 0 or more, or None")
    if not (_is_number(drain) and drain >= 0):
        raise ConfigError(f"drain is {drain!r}; it takes seconds, 0 or more")


def check_engine(client: object, opt_fns: Sequence[object], engine: object, workers: object) -> None:
    """
    Check the arguments that are only for engines, and those that engines cannot use.

    Raises:
        ConfigError: An argument is invalid, or cannot be sent to other processes.
    """
    if engine is None:
        if workers is not None:
            raise ConfigError("workers needs an engine: run_bulk(..., engine='ray') or engine='dask'")
        return
    if engine not in ENGINES:
        raise ConfigError(f"engine is {engine!r}; it takes 'ray', 'dask' or None")
    if workers is not None and not (_is_number(workers) and isinstance(workers, int) and workers >= 1):
        raise ConfigError(f"workers is {workers!r}; it takes a number, 1 or more, or None")
    if not isinstance(client, ClientRecipe):
        raise ConfigError(
            "client is a Client, whose connections and credentials cannot be sent to the workers of an engine; pass a "
            "ClientRecipe, such as ClientRecipe(region='eu-west-1')"
        )
    if opt_fns:
        raise ConfigError(
            "opt_fns cannot be sent to the workers of an engine, because they may hold credentials or open connections; "
            "set these options in ClientRecipe(client_factory='module:function')"
        )


def _check_kind(name: str, value: object, method: str, examples: str) -> None:
    if isinstance(value, type):
        raise ConfigError(f"{name} is the class {value.__name__}; it takes an instance: {value.__name__}()")
    if value is not None and not callable(getattr(value, method, None)):
        raise ConfigError(f"{name} is a {type(value).__name__}; it takes {examples}, or None for the default")


def _check_members(members: Mapping[str, object] | None) -> None:
    known = fields_dict(InvokeEndpointInput).keys() - {"body", "endpoint_name"}
    for name, value in (members or {}).items():
        if name not in known:
            raise ConfigError(
                f"members has {name!r}; it takes members of InvokeEndpointInput, except endpoint_name and body"
            )
        if value is not None and not isinstance(value, str):
            raise ConfigError(f"members has {name!r} of type {type(value).__name__}; it takes str")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
