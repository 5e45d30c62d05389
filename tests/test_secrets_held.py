"""What holds a secret does not show it, and what refuses one does not repeat it."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
from marked import told
from support import ManualClock, ScriptedBody, facts as facts_of

import sagemaker_runtime.redaction
from sagemaker_runtime import (
    REQUEST_ID,
    AdaptiveRetryer,
    AioHTTPClient,
    AsyncInferenceResult,
    AttemptRecord,
    BuildInput,
    Client,
    Config,
    Context,
    Credentials,
    CredentialsCache,
    DeserializeInput,
    DuplexMessage,
    Encoded,
    Endpoint,
    EnvironmentCredentialsProvider,
    FinalizeInput,
    Headers,
    HTTP2Client,
    InitializeInput,
    InvokeEndpointAsyncInput,
    InvokeEndpointAsyncOutput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    InvokeEndpointWithBidirectionalStreamOutput,
    InvokeEndpointWithResponseStreamInput,
    InvokeEndpointWithResponseStreamOutput,
    JSONCodec,
    JSONLinesParser,
    Key,
    LineParser,
    Metadata,
    Options,
    Output,
    PayloadPart,
    Prediction,
    Predictor,
    Request,
    RequestPayloadPart,
    Response,
    ResponsePayloadPart,
    ResponseStream,
    S3Client,
    S3Object,
    S3Response,
    SageMakerRuntimeError,
    SerializeInput,
    ServerSentEvent,
    ServerSentEventParser,
    ServiceError,
    StaticCredentialsProvider,
    SyncClient,
    SyncPredictor,
    SyncResponseStream,
    SyncResponseStreamOutput,
    TextParser,
    UnknownEvent,
    load_config,
    override,
)
from sagemaker_runtime.async_inference.s3 import S3Location
from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.redaction import Secrets
from sagemaker_runtime.streams.frames import Message

HUSH = "SECRET"
DATA = HUSH.encode()
TENANT = Key[str]("tenant")
PARAMS = InvokeEndpointInput(endpoint_name="iris", body=DATA, custom_attributes=HUSH)
HEADERS = Headers(
    dict.fromkeys(
        [
            "API-Key",
            "Authorization",
            "Cookie",
            "Proxy-Authorization",
            "Set-Cookie",
            "X-Access-Token",
            "X-Amz-S3Session-Token",
            "X-Amz-Security-Token",
            "X-Amzn-SageMaker-Custom-Attributes",
            "X-API-Key",
            "X-Auth-Token",
            "X-CSRF-Token",
            "X-XSRF-Token",
        ],
        HUSH,
    )
)
REQUEST = Request(headers=HEADERS, body=DATA)
RESPONSE = Response(200, HEADERS, ScriptedBody(DATA))
PROVIDER = StaticCredentialsProvider("AKID", HUSH, HUSH)
OPTIONS = Options(region="us-east-1", credentials=CredentialsCache(PROVIDER))


def facts(kind: type[Context | Metadata]) -> Context | Metadata:
    made = kind()
    made[TENANT] = HUSH
    return made


def stream() -> ResponseStream:
    return ResponseStream(ScriptedBody(DATA), lambda _: None, facts(Metadata), "InvokeEndpoint")


def fed(parser: object) -> object:
    """A parser in the middle of a secret."""
    parser.feed(DATA)  # type: ignore[attr-defined]
    return parser


def read_from_environment(monkeypatch: pytest.MonkeyPatch) -> EnvironmentCredentialsProvider:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", HUSH)
    return EnvironmentCredentialsProvider()


def predictor() -> Predictor[object, object]:
    return Predictor(Client(OPTIONS), "iris", codec=JSONCodec(), custom_attributes=HUSH)


def sync_predictor() -> SyncPredictor[object, object]:
    return SyncPredictor(SyncClient(OPTIONS), "iris", codec=JSONCodec(), custom_attributes=HUSH)


def service_error() -> ServiceError:
    error = ServiceError("No.")
    error.body, error.metadata = b'{"message": "No.", "detail": "SECRET"}', facts(Metadata)
    return error


HOLDERS: dict[str, Callable[[], object]] = {
    "AioHTTPClient": lambda: AioHTTPClient(proxies={"all": f"http://user:{HUSH}@proxy:1"}),
    "AsyncInferenceResult": lambda: AsyncInferenceResult(DATA, None, "s3://bucket/key"),
    "BuildInput": lambda: BuildInput(REQUEST),
    "Client": lambda: Client(OPTIONS),
    "Config": lambda: Config(credentials=PROVIDER),
    "Context": lambda: facts(Context),
    "DuplexMessage": lambda: DuplexMessage(DATA),
    "Encoded": lambda: Encoded(DATA, "text/plain"),
    "Prediction": lambda: Prediction(HUSH, InvokeEndpointOutput(body=DATA, custom_attributes=HUSH)),
    "PredictionStream": lambda: predictor().stream(HUSH),
    "Predictor": predictor,
    "SyncPredictionStream": lambda: sync_predictor().stream(HUSH),
    "SyncPredictor": sync_predictor,
    "Credentials": lambda: Credentials("AKID", HUSH, HUSH),
    "CredentialsCache": lambda: CredentialsCache(PROVIDER),
    "DeserializeInput": lambda: DeserializeInput(REQUEST),
    "FinalizeInput": lambda: FinalizeInput(REQUEST),
    "Headers": lambda: HEADERS,
    "HTTP2Client": lambda: HTTP2Client(proxies={"all": f"http://user:{HUSH}@proxy:1"}),
    "InitializeInput": lambda: InitializeInput(PARAMS),
    "InvokeEndpointAsyncInput": lambda: InvokeEndpointAsyncInput(
        endpoint_name="iris", body=DATA, custom_attributes=HUSH
    ),
    "InvokeEndpointAsyncOutput": lambda: InvokeEndpointAsyncOutput(result_metadata=facts(Metadata)),
    "InvokeEndpointInput": lambda: PARAMS,
    "InvokeEndpointOutput": lambda: InvokeEndpointOutput(
        body=DATA, custom_attributes=HUSH, result_metadata=facts(Metadata)
    ),
    "InvokeEndpointWithResponseStreamInput": lambda: InvokeEndpointWithResponseStreamInput(
        endpoint_name="iris", body=DATA, custom_attributes=HUSH
    ),
    "InvokeEndpointWithResponseStreamOutput": lambda: InvokeEndpointWithResponseStreamOutput(
        body=stream(), custom_attributes=HUSH
    ),
    "InvokeEndpointWithBidirectionalStreamOutput": lambda: InvokeEndpointWithBidirectionalStreamOutput(
        body=stream(), result_metadata=facts(Metadata)
    ),
    "JSONLinesParser": lambda: fed(JSONLinesParser()),
    "LineParser": lambda: fed(LineParser()),
    "Metadata": lambda: facts(Metadata),
    "Options": lambda: OPTIONS,
    "Output": lambda: Output(InvokeEndpointOutput(body=DATA, custom_attributes=HUSH), facts(Metadata), RESPONSE),
    "PayloadPart": lambda: PayloadPart(DATA),
    "Request": lambda: REQUEST,
    "RequestPayloadPart": lambda: RequestPayloadPart(DATA, p=HUSH),
    "Response": lambda: RESPONSE,
    "ResponsePayloadPart": lambda: ResponsePayloadPart(DATA, p=HUSH),
    "ResponseStream": stream,
    "S3Object": lambda: S3Object(DATA),
    "S3Response": lambda: S3Response(200, HEADERS, DATA, Secrets(HEADERS, others=(HUSH,))),
    "S3Client": lambda: S3Client(http_client=AioHTTPClient(), credentials=PROVIDER, region="us-east-1"),
    "SerializeInput": lambda: SerializeInput(PARAMS, REQUEST),
    "ServerSentEvent": lambda: ServerSentEvent(data=HUSH),
    "ServerSentEventParser": lambda: fed(ServerSentEventParser()),
    "ServiceError": service_error,
    "StaticCredentialsProvider": lambda: PROVIDER,
    "SyncClient": lambda: SyncClient(OPTIONS),
    "SyncResponseStreamOutput": lambda: SyncResponseStreamOutput(
        body=SyncResponseStream(stream(), None, facts(Metadata), "X"),
        custom_attributes=HUSH,
        result_metadata=facts(Metadata),
    ),  # type: ignore[arg-type]
    "SyncResponseStream": lambda: SyncResponseStream(stream(), None, facts(Metadata), "InvokeEndpoint"),  # type: ignore[arg-type]
    "TextParser": lambda: fed(TextParser()),
    "UnknownEvent": lambda: UnknownEvent("Tag", DATA),
}
HARMLESS = """
    ArrowCodec CSVCodec JSONCodec JSONLinesCodec NumPyCodec ParquetCodec TritonCodec
    AdaptiveRetryer AnonymousCredentialsProvider AttemptRecord BotocoreCredentialsProvider ClientLogMode
    DefaultCredentialsProvider DefaultEndpointResolver Endpoint EndpointResolverFunc EndpointResolverOptions
    DuplexStream EnvironmentCredentialsProvider InvokeEndpointWithBidirectionalStreamInput Key NopRetryer Operation OperationInput OperationOutput ResolveEndpoint ResponseTiming RetryQuota Service SigV4Signer Stack
    StandardRetryer Step SyncDuplexStream SystemClock Timeout
""".split()  # noqa: SIM905 - words on a page  # they are given none; an AttemptRecord has the text of an error, which has none either


def test_every_public_class_is_known_to_hold_a_secret_or_to_hold_none() -> None:
    """A class that is added without a word here may be the one whose repr tells."""
    public = {
        name
        for name in sagemaker_runtime.__all__
        if isinstance(kind := getattr(sagemaker_runtime, name), type)
        and not issubclass(kind, Exception)
        and not getattr(kind, "_is_protocol", False)
    }

    assert public == {*HOLDERS, *HARMLESS} - {"ServiceError"}


@pytest.mark.parametrize("name", HOLDERS)
async def test_what_holds_a_secret_does_not_show_it(name: str) -> None:
    """A repr is what a debugger, a failed assertion and a log of somebody else's print."""
    made = HOLDERS[name]()

    shown = f"{made!r} {made!s} {[made]!r}"
    for each in (made, getattr(made, "body", None)):
        if isinstance(each, SyncResponseStream):
            each._released = True
            each = each._stream  # noqa: PLW2901 - which is what is open
        if isinstance(each, ResponseStream):
            await each.aclose()

    assert type(made).__name__ == name
    assert HUSH not in shown


def test_the_headers_here_are_all_that_are_sensitive() -> None:
    """The table above is only as good as its headers."""
    assert sagemaker_runtime.redaction.SENSITIVE_HEADERS == HEADERS.keys()


async def test_the_environments_provider_shows_nothing_before_it_is_asked_or_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It reads the secret from where everybody can, and must not add a place."""
    provider = read_from_environment(monkeypatch)

    credentials = await provider.retrieve()

    assert credentials.secret_access_key == HUSH
    assert HUSH not in f"{provider!r} {credentials!r}"


def test_a_messages_headers_and_payload_are_not_shown() -> None:
    """A model may put anything beside its answer."""
    assert HUSH not in repr(Message({":event-type": "PayloadPart", "x": HUSH}, DATA))


URLS = [
    f"https://user:{HUSH}@host",
    f"user:{HUSH}@host",
    f"https://user:{HUSH[:3]} {HUSH}@h",
    f"https://user:{HUSH}@[::1",
    f"https://user:{HUSH}#@host",
    f"https://user:{HUSH}/@host",
    f"https://user:{HUSH}?@host",
    f"https://{HUSH}@host:99999",
    f"//user:{HUSH}@host",
    f"https:\\\\user:{HUSH}@host",
    f"https://user:{HUSH}%40host",
]
TAKES_A_URL: dict[str, Callable[[str], object]] = {
    "options": lambda url: Client(Options(region="us-east-1", base_endpoint=url)),
    "call": lambda url: facts_of(Client(OPTIONS), "InvokeEndpoint", override(base_endpoint=url)),
    "endpoint": Endpoint,
    "request": lambda url: setattr(Request(), "url", url),
    "S3": lambda url: S3Client(http_client=AioHTTPClient(), credentials=PROVIDER, region="us-east-1", endpoint_url=url),
    "proxy": lambda url: AioHTTPClient(proxies={"https": f"{url}/path"}),
}
REFUSED: dict[str, Callable[[], object]] = {
    "key with a newline": lambda: Credentials("AKID", f"{HUSH}\n"),
    "token with a newline": lambda: StaticCredentialsProvider("AKID", "key", f"{HUSH}\n"),
    "key that is bytes": lambda: Credentials("AKID", DATA),  # type: ignore[arg-type]
    "credentials that are a text": lambda: Client(Options(credentials=HUSH)),  # type: ignore[arg-type]
    "credentials for a call": lambda: Client(OPTIONS, override(credentials=(HUSH, HUSH))),  # type: ignore[arg-type]
    "options that are a text": lambda: Client(HUSH),  # type: ignore[arg-type]
    "pickled provider": lambda: pickle.dumps(PROVIDER),
    "pickled cache": lambda: pickle.dumps(CredentialsCache(PROVIDER)),
    "header": lambda: Headers({"authorization": f"{HUSH}\n"}),
    "header that is bytes": lambda: Headers({"authorization": DATA}),  # type: ignore[dict-item]
    "presigned URL": lambda: S3Location.parse(f"https://bucket.s3.us-east-1.amazonaws.com/key?X-Amz-Signature={HUSH}"),
    "proxy of another kind": lambda: AioHTTPClient(proxies={"all": f"socks5://user:{HUSH}@proxy"}),
    "fact that is missing": lambda: facts(Context)[REQUEST_ID],
}
for _taker, _take in TAKES_A_URL.items():
    for _url in URLS:
        REFUSED[f"{_taker}: {_url}"] = lambda take=_take, url=_url: take(url)


@pytest.mark.parametrize("name", REFUSED)
async def test_what_refuses_a_secret_does_not_repeat_it(name: str) -> None:
    """The message of a mistake in the configuration is the first thing that is pasted into a ticket."""
    with pytest.raises((SageMakerRuntimeError, TypeError, KeyError)) as caught:
        REFUSED[name]()

    assert HUSH not in "".join(told(caught.value))


FILES = {
    "no section": f"aws_secret_access_key = {HUSH}\n",
    "no equals sign": f"[default]\naws_secret_access_key {HUSH}\n",
    "cut section": f"[default\naws_secret_access_key = {HUSH}\n",
}


@pytest.mark.parametrize("name", FILES)
async def test_a_credentials_file_that_cannot_be_read_is_not_quoted(name, tmp_path, monkeypatch) -> None:
    """A parser likes to show the line that it fails on, and that line may be the key."""
    path = tmp_path / "credentials"
    path.write_text(FILES[name])
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(ConfigError) as caught:
        await load_config(region="us-east-1")

    assert str(path) in str(caught.value)
    assert HUSH not in "".join(told(caught.value))


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("how", ["argument", "environment", "profile"])
async def test_a_configured_url_with_a_password_is_not_quoted(how, url, tmp_path, monkeypatch) -> None:
    """Wherever it stands: the error names the place instead."""
    path = tmp_path / "config"
    path.write_text(f"[default]\nendpoint_url = {url}\n" if how == "profile" else "")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    if how == "environment":
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)

    with pytest.raises(ConfigError) as caught:
        await load_config(region="us-east-1", endpoint_url=url if how == "argument" else None)

    assert HUSH not in "".join(told(caught.value))


def test_a_retryers_repr_and_a_record_hold_only_what_they_were_given() -> None:
    """Those that are called harmless above are printed with all they have."""
    record = AttemptRecord(1, 0.5, error=str(service_error()))

    assert HUSH not in f"{AdaptiveRetryer(clock=ManualClock())!r} {record!r}"
