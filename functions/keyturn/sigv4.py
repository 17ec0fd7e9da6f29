"""Where the lean read goes, who signs it, and the signature: AWS Signature Version 4.

Only the body's hash and the time differ between two reads, so the canonical request is one template
and the signing key is kept for its day. Tests hold the signature equal to botocore's for generated
requests, and the endpoint for every region botocore knows.
"""

import time
from collections.abc import Mapping
from hashlib import sha256
from hmac import digest
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from keyturn.errors import Unavailable

_ALGORITHM = "AWS4-HMAC-SHA256"
_CONTENT_TYPE = "application/x-amz-json-1.0"
_TARGET = "DynamoDB_20120810.GetItem"
_LONGEST_LABEL = 63

# First part of a region's name -> DNS suffix, and that of dual-stack endpoints.
_SUFFIXES = {
    **dict.fromkeys(
        ("af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us", "us-gov"),
        ("amazonaws.com", "api.aws"),
    ),
    "cn": ("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    "eusc-de": ("amazonaws.eu", "api.amazonwebservices.eu"),
    "us-iso": ("c2s.ic.gov", "api.aws.ic.gov"),
    "us-isob": ("sc2s.sgov.gov", "api.aws.scloud"),
    "eu-isoe": ("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    "us-isof": ("csp.hci.ic.gov", "api.aws.hci.ic.gov"),
}


class Endpoint(NamedTuple):
    """Where requests go."""

    secure: bool
    name: str
    port: int
    region: str

    @property
    def host(self) -> str:
        """The Host header: with the port, where it is not the scheme's own."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port == (443 if self.secure else 80) else f"{name}:{self.port}"


def endpoint(environ: Mapping[str, str]) -> Endpoint:
    """Find DynamoDB as the SDKs do from the environment.

    Raises:
        ValueError: the environment names no region, or one of no known partition, or contradicts
            itself, or asks for what is not done here. The message names the variable.
    """
    regions = {environ[name] for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if environ.get(name)}
    if len(regions) != 1:
        raise ValueError("AWS_REGION and AWS_DEFAULT_REGION must name one region")
    region = regions.pop()
    if not (region.isascii() and region.replace("-", "").isalnum()):
        raise ValueError("AWS_REGION must be letters, digits and hyphens")
    fips = _switch(environ, "AWS_USE_FIPS_ENDPOINT")
    dual_stack = _switch(environ, "AWS_USE_DUALSTACK_ENDPOINT")
    ignore = _switch(environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
    if environ.get("AWS_ACCOUNT_ID_ENDPOINT_MODE", "").lower() == "required":
        raise ValueError("AWS_ACCOUNT_ID_ENDPOINT_MODE: only regional endpoints are called")
    url = environ.get("AWS_ENDPOINT_URL_DYNAMODB") or environ.get("AWS_ENDPOINT_URL")
    if not url or ignore:
        url = f"https://{_regional(region, fips=fips, dual_stack=dual_stack)}"
    elif fips or dual_stack:
        raise ValueError(
            "AWS_ENDPOINT_URL excludes AWS_USE_FIPS_ENDPOINT and ..._DUALSTACK_ENDPOINT"
        )
    parts = urlsplit(url)
    name = parts.hostname or ""
    labels = name.removesuffix(".").split(".")
    named = url.isascii() and all(0 < len(label) <= _LONGEST_LABEL for label in labels)
    bare = url.removesuffix("/") == f"{parts.scheme}://{parts.netloc}" and "@" not in url
    if parts.scheme not in ("http", "https") or not named or not bare:
        raise ValueError("AWS_ENDPOINT_URL must be http or https, a host, and at most a port")
    if _proxied(environ, parts.scheme, name):
        raise ValueError(
            "HTTP_PROXY, HTTPS_PROXY: DynamoDB is called directly, or NO_PROXY spares it"
        )
    secure = parts.scheme == "https"
    return Endpoint(secure, name, parts.port or (443 if secure else 80), region)


def _proxied(environ: Mapping[str, str], scheme: str, name: str) -> bool:
    proxy = f"{scheme}_proxy"
    if not (environ.get(proxy) or environ.get(proxy.upper())):
        return False
    spared = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    suffixes = [suffix.strip().lstrip(".") for suffix in spared.split(",")]
    return not any(suffix in ("*", name) or name.endswith(f".{suffix}") for suffix in suffixes)


def _regional(region: str, *, fips: bool, dual_stack: bool) -> str:
    prefix, area, number = ("", "", *region.rsplit("-", 2))[-3:]
    if prefix not in _SUFFIXES or not (area.isalpha() and number.isdigit()):
        raise ValueError("AWS_REGION is of no known partition: set AWS_ENDPOINT_URL_DYNAMODB")
    # GovCloud's ordinary endpoint is its FIPS endpoint; its dual-stack one is not.
    service = "dynamodb-fips" if fips and (dual_stack or prefix != "us-gov") else "dynamodb"
    return f"{service}.{region}.{_SUFFIXES[prefix][dual_stack]}"


def _switch(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "").lower()
    if value not in ("", "true", "false"):
        raise ValueError(f"{name} must be true or false")
    return value == "true"


class Credentials:
    """An access key, its secret, and the session token or `""`. Its `repr` shows nothing."""

    __slots__ = ("access_key", "secret_key", "token")

    def __init__(self, access_key: str, secret_key: str, token: str) -> None:
        """Hold the three.

        Raises:
            ValueError: a part is missing, or is no header's value. Refused here, because
                `http.client` would put the value into its error's text.
        """
        if not (access_key and secret_key):
            raise ValueError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together")
        for part in (access_key, secret_key, token):
            if not (part.isascii() and part.isprintable() and " " not in part):
                raise ValueError("AWS credentials hold a character that none can hold")
        self.access_key, self.secret_key, self.token = access_key, secret_key, token

    def __repr__(self) -> str:
        return "<Credentials>"


class Source(Protocol):
    """Where credentials come from."""

    def get(self) -> Credentials:
        """Return the credentials to sign with now; `Unavailable` where there are none."""

    def renew(self) -> bool:
        """AWS calls them expired: look again, and tell whether that can help."""


def source(environ: Mapping[str, str]) -> Source:
    """Return the environment's own credentials, as Lambda sets them, or else the provider chain.

    Raises:
        ValueError: the environment's are no credentials.
    """
    return _Environment(environ) if environ.get("AWS_ACCESS_KEY_ID") else _Chain()


class _Environment:
    """Read once: Lambda never changes them, and reading them costs as much as the signature."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._credentials = self._read()

    def get(self) -> Credentials:
        return self._credentials

    def renew(self) -> bool:
        before, self._credentials = self._credentials, self._read()
        return before.secret_key != self._credentials.secret_key

    def _read(self) -> Credentials:
        token = self._environ.get("AWS_SECURITY_TOKEN") or self._environ.get("AWS_SESSION_TOKEN")
        return Credentials(
            self._environ.get("AWS_ACCESS_KEY_ID", ""),
            self._environ.get("AWS_SECRET_ACCESS_KEY", ""),
            token or "",
        )


class _Chain:
    """botocore's providers: a container's credentials, as under SnapStart, a profile, a role.

    Imported when this is made, so that a snapshot holds the import. Asked at the first read and not
    before: credentials in a snapshot would be old when it is restored. It reads the process's own
    environment and files, and renews ahead of expiry by itself.
    """

    def __init__(self) -> None:
        # Not at the top: on Lambda, where nobody comes here, it would double the cold start.
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415, TID251
        from botocore.session import Session  # noqa: PLC0415, TID251

        self._new = Session
        self._failures = (BotoCoreError, OSError, ValueError)
        self._session = Session()

    def get(self) -> Credentials:
        try:
            found = self._session.get_credentials()
            if found is None:
                raise Unavailable("credentials: none found")
            key = found.get_frozen_credentials()
            return Credentials(key.access_key or "", key.secret_key or "", key.token or "")
        except self._failures as error:
            # `from None`: a provider's text may quote what it was given.
            raise Unavailable(f"credentials: {type(error).__name__}") from None

    def renew(self) -> bool:
        self._session = self._new()  # it forgets what the old one had found
        return True


class Signer:
    """Makes the headers of GetItem requests to one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Sign for the endpoint's host and region."""
        self._host = endpoint.host
        self._scope = f"{endpoint.region}/dynamodb/aws4_request"
        self._kept = ("", "", b"")

    def headers(self, body: bytes, credentials: Credentials, at: float) -> dict[str, str]:
        """Return the headers of the request with this `body`, signed as of `at`, epoch seconds."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
        day, token = stamp[:8], credentials.token
        signed = "content-type;host;x-amz-date;x-amz-target"
        lines = ""
        if token:
            signed = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
            lines = f"x-amz-security-token:{token}\n"
        request = (
            f"POST\n/\n\ncontent-type:{_CONTENT_TYPE}\nhost:{self._host}\nx-amz-date:{stamp}\n"
            f"{lines}x-amz-target:{_TARGET}\n\n{signed}\n{sha256(body).hexdigest()}"
        )
        scope = f"{day}/{self._scope}"
        to_sign = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        signature = digest(self._key(day, credentials.secret_key), to_sign.encode(), "sha256").hex()
        headers = {
            "Host": self._host,
            "Content-Type": _CONTENT_TYPE,
            "X-Amz-Date": stamp,
            "X-Amz-Target": _TARGET,
            "Authorization": f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={signed}, Signature={signature}",
        }
        if token:
            headers["X-Amz-Security-Token"] = token
        return headers

    def _key(self, day: str, secret: str) -> bytes:
        kept_day, kept_secret, key = self._kept  # one tuple: no thread sees half of a change
        if kept_day == day and kept_secret == secret:
            return key
        key = f"AWS4{secret}".encode()
        for part in (day, *self._scope.split("/")):
            key = digest(key, part.encode(), "sha256")
        self._kept = (day, secret, key)
        return key
