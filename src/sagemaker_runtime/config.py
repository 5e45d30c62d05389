"""
`Config`: a machine's settings for AWS, read once by `load_config`, which does all the I/O.

botocore parses the shared files, but its session is not used: it reads a misspelt ``true`` as false, does not say where it
found a value, and takes 160 ms to import instead of 28. The tests compare the results with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from attr import field, fields, frozen

from sagemaker_runtime.asyncio_only import asyncio_only
from sagemaker_runtime.checks import is_str_dict
from sagemaker_runtime.credentials import CredentialsCache, CredentialsProvider, DefaultCredentialsProvider
from sagemaker_runtime.endpoints import EndpointResolverOptions
from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.operations.service import SAGEMAKER_RUNTIME, SAGEMAKER_RUNTIME_HTTP2
from sagemaker_runtime.option_rules import RetryMode, rules_of
from sagemaker_runtime.options import Configurable, Options
from sagemaker_runtime.settings import Setting, certificates, switch
from sagemaker_runtime.shared_files import SHARED_FILES, parse, shared_file
from sagemaker_runtime.threads import in_thread

if TYPE_CHECKING:
    from typing import Any

T = TypeVar("T")


@frozen(kw_only=True)  # pyright: ignore[reportGeneralTypeIssues] - a frozen class with a base that is not
class Config(Configurable):
    """
    The settings that the clients of a process share. `Client.from_config` creates a client from it.

    It has those `Options` that a machine's configuration can set. It is immutable.
    """

    ca_bundle: str | None = None
    """A file or a directory of certificates that the default transport trusts; None for the system's certificates."""

    sources: Mapping[str, str] = field(factory=dict[str, str], eq=False, repr=False)
    """Where `load_config` found each value: the attribute's name to, for example, ``"AWS_REGION"``. Without defaults."""

    def options(self) -> Options:
        """Return options with these values, except for ``ca_bundle``, which only the transport needs."""
        options = Options()
        for attribute in fields(Configurable):
            setattr(options, attribute.name, getattr(self, attribute.name))
        return options


@asyncio_only
async def load_config(
    *,
    region: str | None = None,
    profile: str | None = None,
    credentials: CredentialsProvider | None = None,
    endpoint_url: str | None = None,
    duplex_endpoint_url: str | None = None,
    s3_endpoint_url: str | None = None,
    use_fips_endpoint: bool | None = None,
    use_dual_stack_endpoint: bool | None = None,
    retry_mode: RetryMode | None = None,
    retry_max_attempts: int | None = None,
    app_id: str | None = None,
    ca_bundle: str | None = None,
    disable_clock_skew_correction: bool | None = None,
) -> Config:
    """
    Read the environment and the shared files, in a thread.

    Each value comes from the argument, else from the environment, else from the profile in the shared files. Below, the
    first source listed that has a value wins. An empty value counts as not set. An existing shared file is always read.
    ``docs/configuration.md`` lists all names.

    Args:
        region: None for ``AWS_REGION``, ``AWS_DEFAULT_REGION``, ``region``.

        profile: The profile in the shared files; None for ``AWS_DEFAULT_PROFILE``, ``AWS_PROFILE``, else ``default``.

        credentials: None for those in the environment, else from botocore's chain; with a *profile*, those of the profile.

        endpoint_url: The URL to send to; None for ``AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME``, ``AWS_ENDPOINT_URL``,
            ``endpoint_url`` of ``sagemaker_runtime`` in the profile's ``services``, ``endpoint_url``.

        duplex_endpoint_url: The same for duplex calls; None for ``AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME_HTTP2``,
            ``AWS_ENDPOINT_URL``, ``endpoint_url`` of ``sagemaker_runtime_http2`` in ``services``, ``endpoint_url``, or, if
            none is set, for *endpoint_url*.

        s3_endpoint_url: The same for S3, where the results of asynchronous inferences are; None for
            ``AWS_ENDPOINT_URL_S3``, ``AWS_ENDPOINT_URL``, ``endpoint_url`` of ``s3`` in ``services``, ``endpoint_url``.

        use_fips_endpoint: None for ``AWS_USE_FIPS_ENDPOINT``, ``use_fips_endpoint``.

        use_dual_stack_endpoint: None for ``AWS_USE_DUALSTACK_ENDPOINT``, ``use_dualstack_endpoint``.

        retry_mode: None for ``AWS_RETRY_MODE``, ``retry_mode``; ``legacy`` is read as ``standard``.

        retry_max_attempts: At least 1. None for ``AWS_MAX_ATTEMPTS``, ``max_attempts``.

        app_id: None for ``AWS_SDK_UA_APP_ID``, ``sdk_ua_app_id``.

        ca_bundle: A file or a directory. None for ``AWS_CA_BUNDLE``, ``ca_bundle``, ``REQUESTS_CA_BUNDLE``.

        disable_clock_skew_correction: None for ``AWS_DISABLE_CLOCK_SKEW_CORRECTION``, ``disable_clock_skew_correction``.

    Raises:
        ConfigError: A setting has an invalid value, two settings exclude each other, the profile does not exist, or a file
            cannot be read or parsed.
    """
    given: dict[str, object] = dict(locals())  # by name, as the settings have it

    def load() -> Config:
        machine = _read_machine(profile)
        settings = {name: rule.setting for name, rule in rules_of(Configurable).items() if rule.setting is not None}
        found: dict[str, _Found[Any] | None] = {
            name: machine.find_endpoint(settings[name], service, given[settings[name].argument])
            for name, service in _ENDPOINTS.items()
        }
        endpoint_options = _endpoint_options(machine, given, found["base_endpoint"])
        for name in settings.keys() - found.keys():
            found[name] = machine.find(settings[name], given.get(settings[name].argument))
        found["ca_bundle"] = machine.find(_CA_BUNDLE, ca_bundle) or machine.find(_REQUESTS_CA_BUNDLE)
        values: dict[str, Any] = {name: each.value for name, each in found.items() if each is not None}
        # The chain gets these values too, because STS and SSO have regional and FIPS endpoints.
        chain = DefaultCredentialsProvider(
            profile=profile,
            region=values.get("region"),
            endpoint_options=endpoint_options,
            ca_bundle=values.get("ca_bundle"),
        )
        return Config(
            credentials=CredentialsCache(chain) if credentials is None else credentials,
            endpoint_options=endpoint_options,
            sources={name: each.source for name, each in found.items() if each is not None},
            **values,
        )

    return await in_thread(load)


class _Found(NamedTuple, Generic[T]):
    value: T
    source: str


_Place = tuple[str, object]  # the name of the source, and its value, or None


class _Machine(NamedTuple):
    """One profile of the shared files; the environment is read on demand."""

    profile: str
    sections: tuple[tuple[str, Mapping[str, object]], ...]
    """The profile's keys by file. The credentials file is first and takes precedence, as in botocore."""

    services: Mapping[str, tuple[str, Mapping[str, object]]]
    """The sections ``[services name]`` by name, each with its file."""

    def value(self, setting: Setting[T], argument: object = None) -> T | None:
        """The value that takes precedence; None if there is none."""
        found = self.find(setting, argument)
        return None if found is None else found.value

    def find(self, setting: Setting[T], argument: object = None) -> _Found[T] | None:
        """The value that takes precedence, and its source; None if there is none."""
        return _nearest(setting, [_argument(setting, argument), *_environment(setting), *self._profile(setting)])

    def find_endpoint(self, setting: Setting[str], service: str, argument: object) -> _Found[str] | None:
        """
        The URL of *service*, as it is named in the files, and its source; None if there is none.

        The service's section comes before the profile's key. ``ignore_configured_endpoint_urls`` turns off every source
        except the argument.
        """

        def places() -> Iterator[_Place]:
            yield _argument(setting, argument)
            if not self.value(_IGNORE_ENDPOINTS):
                yield from _environment(setting)
                yield from self._service(service)
                yield from self._profile(setting)

        return _nearest(setting, places())

    def _profile(self, setting: Setting[T]) -> Iterator[_Place]:
        if setting.key is not None:
            for path, section in self.sections:
                yield f"{setting.key} of profile {self.profile!r} in {path}", section.get(setting.key)

    def _service(self, service: str) -> Iterator[_Place]:
        name = self.find(_SERVICES)
        if name is None:
            return
        if name.value not in self.services:
            raise ConfigError(f"{name.source}: there is no section [services {name.value}] in the config file")
        path, services = self.services[name.value]
        source = f"{service} of [services {name.value}] in {path}"
        section = services.get(service, {})
        if not is_str_dict(section):
            raise ConfigError(
                f"{source} is a single value; it takes indented lines, such as 'endpoint_url = https://host'"
            )
        yield f"endpoint_url of {source}", section.get("endpoint_url")


def _endpoint_options(
    machine: _Machine, given: Mapping[str, object], endpoint: _Found[str] | None
) -> EndpointResolverOptions:
    """
    The settings of FIPS and dual stack.

    Raises:
        ConfigError: One of them is on and *endpoint* is set: nothing tells whether that URL supports it.
    """
    fips = machine.find(_FIPS, given[_FIPS.argument])
    dual_stack = machine.find(_DUAL_STACK, given[_DUAL_STACK.argument])
    for name, switched in (("FIPS", fips), ("dual stack", dual_stack)):
        if endpoint is not None and switched is not None and switched.value:
            raise ConfigError(
                f"{endpoint.source} sets an endpoint and {switched.source} turns on {name}, which exclude each other: "
                f"turn {name} off if that URL has it, or drop the URL (AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true)"
            )
    return EndpointResolverOptions(
        use_fips_endpoint=fips is not None and fips.value,
        use_dual_stack_endpoint=dual_stack is not None and dual_stack.value,
    )


def _argument(setting: Setting[T], argument: object) -> _Place:
    source = f"load_config({setting.argument}=...)"
    if argument is None or (isinstance(argument, str) and setting.kind is str):
        return source, argument
    if not isinstance(argument, setting.kind):
        raise ConfigError(f"{source} is of type {type(argument).__name__}; it takes {setting.kind.__name__}")
    return source, str(argument)  # as text, like the other sources


def _environment(setting: Setting[T]) -> Iterator[_Place]:
    for name in setting.variables:
        yield name, os.environ.get(name)


def _nearest(setting: Setting[T], places: Iterable[_Place]) -> _Found[T] | None:
    for source, there in places:
        if there is not None and not isinstance(there, str):
            raise ConfigError(f"{source} is a section; it takes a value on the same line")
        if text := (there or "").strip():
            try:
                return _Found(setting.read(text), source)
            except ConfigError as error:
                raise ConfigError(f"{source}: {error}") from None
    return None


def _read_machine(profile: str | None) -> _Machine:
    named = [("load_config(profile=...)", profile)]
    named += [(name, os.environ.get(name)) for name in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")]  # botocore's order
    source, name = next(((source, name) for source, name in named if name and name.strip()), (None, "default"))
    sections: list[tuple[str, Mapping[str, object]]] = []
    services: dict[str, tuple[str, Mapping[str, object]]] = {}
    paths: list[str] = []
    credentials_file, config_file = (shared_file(variable, default) for variable, default in SHARED_FILES.items())
    if (path := credentials_file) is not None:
        paths.append(path)
        sections += [(path, section) for title, section in parse(path, "raw_config_parse").items() if title == name]
    if (path := config_file) is not None:
        paths.append(path)
        config = parse(path, "load_config")
        sections += [(path, section) for title, section in config["profiles"].items() if title == name]
        services = {title: (path, section) for title, section in config["services"].items()}
    if source is not None and not sections:
        where = f"in {' or '.join(paths)}" if paths else "because there are no shared files"
        raise ConfigError(f"{source}: there is no profile {name!r} {where}")
    return _Machine(name, tuple(sections), services)


# The options for endpoints, and the services' names in the shared files.
_ENDPOINTS = {
    "base_endpoint": SAGEMAKER_RUNTIME.config_section,
    "duplex_base_endpoint": SAGEMAKER_RUNTIME_HTTP2.config_section,
    "s3_endpoint_url": "s3",
}

# Settings of the machine that are not options of a client.
_SERVICES = Setting(str, key="services")
_IGNORE_ENDPOINTS = Setting(switch, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",), "ignore_configured_endpoint_urls")
_FIPS = Setting(switch, ("AWS_USE_FIPS_ENDPOINT",), "use_fips_endpoint", "use_fips_endpoint", bool)
_DUAL_STACK = Setting(
    switch, ("AWS_USE_DUALSTACK_ENDPOINT",), "use_dualstack_endpoint", "use_dual_stack_endpoint", bool
)
_CA_BUNDLE = Setting(certificates, ("AWS_CA_BUNDLE",), "ca_bundle", "ca_bundle")
_REQUESTS_CA_BUNDLE = Setting(certificates, ("REQUESTS_CA_BUNDLE",))
