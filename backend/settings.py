"""Every setting of the service, and the only place that reads the environment."""

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.domain.camera import HardwareDecoding, Transport
from backend.domain.errors import ConfigurationError

SETUP_HINT = (
    "Set AUTH_TOKEN in .env or the environment; make one with: "
    'python -c "import secrets; print(secrets.token_urlsafe(32))"'
)
_ORIGIN = re.compile(r"\*|https?://[^\s/?#@]+")
Loaded = TypeVar("Loaded", bound=BaseSettings)
_EXAMPLE_TOKENS = frozenset({"replace_with_a_strong_random_token", "PASTE_THE_OUTPUT_HERE"})


def is_usable_token(token: SecretStr) -> bool:
    """Whether a token may guard the API: there is one, and not one that the documentation shows to everybody."""
    return token.get_secret_value().strip() not in {"", *_EXAMPLE_TOKENS}


def _usable_token(token: SecretStr) -> SecretStr:
    if not is_usable_token(token):
        raise ValueError(SETUP_HINT)
    # A header cannot carry blanks at its ends.
    return SecretStr(token.get_secret_value().strip())


def parts_of(text: str) -> list[str]:
    """What stands between the commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _networks(text: str) -> str:
    for part in parts_of(text):
        try:
            ip_network(part)
        except ValueError:
            raise ValueError(f"'{part}' is no address and no network such as 172.16.0.0/12.") from None
    return text


def _origins(text: str) -> str:
    for part in parts_of(text):
        if not _ORIGIN.fullmatch(part):
            raise ValueError(f"'{part}' is no origin such as https://home.example:8443.")
    return text


def _server(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in text):
        # Not repeated: a login may be in it.
        raise ValueError("that is no address such as https://bots.example:8081.")
    return text


class LocalSettings(BaseSettings):
    """What recognition on this machine needs, from the environment first and `.env` second."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", extra="ignore", env_ignore_empty=True
    )

    secret_key: SecretStr | None = Field(
        default=None,
        description="Encrypts camera passwords and bot tokens at rest; without it a key file is made in `DATA_DIR`.",
    )
    data_dir: Path = Field(default=Path("data"), description="Where everything that must last is kept.")
    model_dir: Path | None = Field(
        default=None, description="A folder with the model files, for when the weights package is not installed."
    )
    model_file: str | None = Field(
        default=None,
        description="What makes the templates: the path of an ONNX file of your own, or the name of a model whose "
        "file is in `MODEL_DIR`; SFace without it.",
    )
    model_convention: Literal["raw", "arcface", "arcface-128", "adaface"] | None = Field(
        default=None,
        description="How a model file that is not in the catalogue is fed; read from its name and graph without it.",
    )
    detector_file: str | None = Field(
        default=None, description="What finds faces: the same for an SCRFD file with landmarks; YuNet without it."
    )
    host: str = Field(
        default="127.0.0.1", description="The address the API listens on; 0.0.0.0 opens it to the network."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="The port of the API.")
    ui_host: str = Field(
        default="127.0.0.1", description="The address the web UI listens on; whoever reaches it needs no token."
    )
    ui_port: int = Field(default=8501, ge=1, le=65535, description="The port of the web UI.")
    tls_certificate: Path | None = Field(
        default=None, description="A certificate with its chain, PEM: `face-server serve` then speaks HTTPS alone."
    )
    tls_key: Path | None = Field(default=None, description="The certificate's key, PEM, not encrypted.")
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = Field(
        default="",
        description="Addresses or networks of reverse proxies, with commas between; "
        "only their word is taken for where a request came from.",
    )
    cors_origins: Annotated[str, AfterValidator(_origins)] = Field(
        default="", description="Origins whose pages may call the API from a browser, with commas between."
    )
    request_seconds: float = Field(
        default=20.0,
        ge=1,
        le=3600,
        description="How many seconds a request's headers may take to come, and then its body "
        "beside what its bytes take at 16 KiB a second.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="How much is logged.")
    log_format: Literal["pretty", "json"] = Field(default="pretty", description="For people, or for programs.")
    threads: int = Field(
        default=0,
        ge=0,
        le=256,
        description="Processor threads for inference; 0 takes what the machine or container allows.",
    )
    device: Literal["auto", "cpu", "gpu", "npu", "cuda", "tensorrt", "coreml", "onnxruntime-cpu"] = Field(
        default="auto",
        description="What the models run on, or the start fails: Intel's `gpu` and `npu`, NVIDIA's `cuda` and "
        "`tensorrt`, Apple's `coreml`; `auto`: `cuda` where it is installed, else `cpu`.",
    )
    precision: Literal["auto", "f32", "bf16", "int8"] = Field(
        default="auto",
        description="What embeddings are computed in; `auto`: bf16 where the processor has it and it agrees with f32. "
        "int8 once `face-server optimise` has made it.",
    )
    max_image_bytes: int = Field(
        default=10 * 2**20, ge=1024, le=2**30, description="The largest image file that is accepted, in bytes."
    )
    max_image_pixels: int = Field(
        default=40_000_000, ge=4096, le=10**9, description="The largest image that is decoded, in pixels."
    )
    max_images: int = Field(default=50, ge=1, le=1000, description="How many images one request may carry.")
    max_recognitions: int = Field(
        default=32, ge=1, le=1000, description="How many requests may have images recognised at once; more get 503."
    )
    max_failed_attempts: int = Field(
        default=20,
        ge=0,
        le=10_000,
        description="How many wrong tokens an address may send in a minute before it gets 429; 0 for any number.",
    )
    metrics_open: bool = Field(default=False, description="Whether anybody may read `/metrics`, without a token.")
    min_free_mb: int = Field(
        default=500, ge=0, le=10**9, description="With less room than this on the disk, `/readyz` says so."
    )
    identify_threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="The similarity from which a face in a photo is taken for a person; the model's own without it, "
        "0.48 for SFace.",
    )
    identify_margin: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="How much more alike the best person must be than the second, or the answer is `ambiguous`; "
        "the model's own without it, 0.04 for SFace.",
    )
    verify_threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="The similarity from which two photos are taken for one person; the model's own without it, "
        "0.363 for SFace.",
    )
    mirror_enrol: bool = Field(
        default=True, description="Whether people are enrolled by the mean of each face and its mirror image."
    )
    mirror_search: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether faces are also searched by that mean, which takes twice as long; "
        "`auto`: in photos, where a first look leaves it close.",
    )
    cohort_adjustment: bool = Field(
        default=True,
        description="Whether it is left out of a similarity how much either face resembles people in general.",
    )
    exact_search_up_to: int = Field(
        default=0,
        ge=0,
        le=10**9,
        description="Up to how many templates each search compares with every one; above it, signs tell "
        "whom to compare with. 0 measures what this machine does in 2 ms.",
    )
    min_face_size: int = Field(
        default=40, ge=10, le=1000, description="The smallest face, in pixels, that a photo may enrol."
    )
    min_quality: float = Field(default=0.4, ge=0, le=1, description="The lowest quality that a photo may enrol.")
    keep_crops: bool = Field(
        default=True,
        description="Whether faces that are enrolled, or seen by a camera, are kept as small pictures, "
        "which another model can learn from later.",
    )
    analysis_fps: float = Field(
        default=5.0, gt=0, le=60, description="How many frames a second are looked at, for each camera."
    )
    rtsp_transport: Transport = Field(default=Transport.TCP, description="How RTSP carries the video.")
    hardware_decoding: HardwareDecoding = Field(
        default=HardwareDecoding.NONE,
        description="What decodes video beside the processor: `auto`, or a kind of device; without it the processor.",
    )
    frozen_after_seconds: float = Field(
        default=60.0,
        ge=5,
        le=86_400,
        description="A camera whose picture is the same in every pixel for this long is connected to anew.",
    )
    telegram_api_url: Annotated[str, AfterValidator(_server)] = Field(
        default="https://api.telegram.org", description="The Bot API server that messages go through."
    )
    give_up_after_hours: float = Field(
        default=24.0, gt=0, le=720, description="How long a message that no channel takes is tried again."
    )
    messages_per_minute: int = Field(
        default=20,
        ge=1,
        le=600,
        description="How many messages a minute a channel gets one by one; what comes beyond is told together.",
    )
    utilities_url: str = Field(
        default="http://localhost:8000/person", description="Where the web UI finds `POST /person`."
    )
    camera_scheduler_url: str = Field(
        default="http://localhost:8000/cameras/schedule", description="Where the web UI finds `POST /cameras/schedule`."
    )


class Settings(LocalSettings):
    """The server's settings: all of them, and the token that guards it."""

    auth_token: Annotated[SecretStr, AfterValidator(_usable_token)] = Field(
        default=SecretStr(""), validate_default=True, description="The Bearer token of every request; required."
    )


class UiSettings(BaseSettings):
    """What the web UI reads of the same `.env`: it must start without a token, to ask for one."""

    model_config = LocalSettings.model_config

    auth_token: SecretStr = SecretStr("")
    utilities_url: str = Settings.model_fields["utilities_url"].default
    camera_scheduler_url: str = Settings.model_fields["camera_scheduler_url"].default


def load_settings() -> Settings:
    """The server's settings; raises ConfigurationError in one line that a person can act on."""
    return _loaded(Settings)


def load_local_settings() -> LocalSettings:
    """The settings without the server's token, which a command that serves nobody does not need; raises as above."""
    return _loaded(LocalSettings)


def load_ui_settings() -> UiSettings:
    """What the web UI reads, the token perhaps empty; raises as above."""
    return _loaded(UiSettings)


def is_in_environment(name: str) -> bool:
    """Whether the environment gives that setting: what `.env` says of it does not count then."""
    return any(value and given.casefold() == name.casefold() for given, value in os.environ.items())


def _loaded(kind: type[Loaded]) -> Loaded:
    try:
        return kind()
    except ValidationError as error:
        raise ConfigurationError("; ".join(_sentences(error))) from None
    except UnicodeDecodeError:
        raise ConfigurationError("The file .env is not UTF-8 text; save it as that.") from None
    except OSError as error:
        raise ConfigurationError(f"The file .env cannot be read: {error.strerror}.") from None


def _sentences(error: ValidationError) -> list[str]:
    # The offending value stays out of the sentence: it may be a secret.
    return [
        f"{'.'.join(map(str, fault['loc'])).upper()}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors()
    ]
