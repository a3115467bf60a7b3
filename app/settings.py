"""Every knob of the service, in one place. Each is an environment variable with the prefix TRIALWEAVE_."""

from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]


class Settings(BaseSettings):
    """What an operator can set, with the defaults that the documentation and the service description state."""

    model_config = SettingsConfigDict(env_prefix="TRIALWEAVE_", frozen=True)

    data: Path = Field(Path("data"), description="The data directory: generations, quarantine and the writer's lock.")
    query_timeout: float = Field(30.0, gt=0, description="Seconds a query may run before its worker is stopped.")
    query_bytes: int = Field(64 * 1024, gt=0, description="Bytes of query text accepted.")
    values_bytes: int = Field(
        1024 * 1024, ge=0, description="Bytes of rows of VALUES accepted in a query beside those."
    )
    query_depth: int = Field(60, gt=0, description="Levels of nested brackets accepted in a query.")
    query_branches: int = Field(
        400, gt=0, description="UNION, OPTIONAL, MINUS, || and && operators accepted in a query."
    )
    answer_bytes: int = Field(100 * 1024 * 1024, gt=0, description="Bytes an answer may have.")
    license: str | None = Field(
        None, pattern=r"^https?://[^\s<>\"]+$", description="The address of the licence that you serve the data under."
    )
    workers: int = Field(4, ge=1, description="Query worker processes.")
    worker_memory: int = Field(2 * 1024**3, ge=256 * 1024**2, description="Bytes of memory a query worker may use.")
    slow_queries: int = Field(
        2,
        ge=1,
        description="Queries of over a twentieth of a second that may run at a time in processes beside the workers.",
    )
    queue: int = Field(64, ge=1, description="Queries that may wait for a worker.")
    queue_wait: float = Field(10.0, gt=0, description="Seconds a query may wait for a worker.")
    validators: int = Field(1, ge=1, description="Processes that validate what clients send, started when needed.")
    validate_bytes: int = Field(16 * 1024 * 1024, gt=0, description="Bytes of a document sent to be validated.")
    shutdown_wait: float = Field(
        10.0, ge=0, description="Seconds that running requests have to end in when the service is stopped."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="How events are written to standard error; auto is text on a terminal, else JSON lines."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least event written.")
    log_queries: bool = Field(False, description="Whether the text of queries is written to the log.")
    client_seconds: float | None = Field(
        None,
        gt=0,
        description="Seconds of worker time a client may use a minute; unset, 60, and no limit on this machine itself.",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses and networks of proxies, with commas between, whose X-Forwarded-For names the client.",
    )
    cached_bytes: int = Field(
        64 * 1024 * 1024, ge=0, description="Bytes of memory for answers that are given again; 0 keeps none."
    )
    write: Literal["off", "keys", "open"] = Field(
        "off",
        description="Who may write over HTTP: nobody, who has a key, or everybody (on a loopback address only). "
        "Needs a store in the data directory.",
    )
    api_keys_file: Path | None = Field(
        None, description="Where keys are kept, as hashes; api-keys.json in the data directory if unset."
    )
    write_bytes: int = Field(16 * 1024 * 1024, gt=0, description="Bytes that an update or a graph sent here may have.")
    write_timeout: float = Field(60.0, gt=0, description="Seconds a write may take before it is stopped.")
    write_queue: int = Field(32, ge=1, description="Writes that may wait for their turn.")
    write_gate: bool = Field(False, description="Refuse a write after which a graph breaks the SHACL shapes.")
    ctgov_url: str = Field("https://clinicaltrials.gov/api/v2", description="Where studies are fetched from.")
    ctgov_rate: float = Field(1.0, gt=0, le=1000, description="Requests a second to ClinicalTrials.gov.")
    ncbi_url: str = Field(
        "https://eutils.ncbi.nlm.nih.gov/entrez/eutils", description="Where articles are fetched from."
    )
    ncbi_api_key: SecretStr | None = Field(None, description="Your NCBI key: ten requests a second instead of three.")
    contact: str | None = Field(
        None, pattern=r"^[^\s@<>()]+@[^\s@<>()]+$", description="Your e-mail address, told to the services asked."
    )
    cache: Path | None = Field(
        None, description="Where fetched answers are kept; cache in the data directory if unset."
    )

    @property
    def writing(self) -> Literal["off", "keys", "open"]:
        """Who may write over HTTP: nobody where the store is a server, as only a data directory can undo a write."""
        return self.write if self.store_url is None else "off"

    @property
    def keys_path(self) -> Path:
        """Where keys are kept."""
        return self.api_keys_file or self.data / "api-keys.json"

    store_url: str | None = Field(
        None, description="The query address of a SPARQL server that holds the quads instead of the data directory."
    )
    store_engine: Literal["sparql", "oxigraph", "fuseki", "virtuoso"] = Field(
        "sparql", description="What that server is; sparql for any other."
    )
    store_update_url: str | None = Field(
        None, description="Where it takes updates; known for oxigraph, fuseki and virtuoso."
    )
    store_graphs_url: str | None = Field(
        None, description="Where it takes graphs (Graph Store Protocol); known likewise. Unset: graphs go as updates."
    )
    store_auth: Literal["basic", "digest"] = Field("basic", description="How the user and password are told to it.")
    store_user: str | None = Field(None, description="The user that this service is to it.")
    store_password: SecretStr | None = Field(None, description="That user's password.")
    store_token: SecretStr | None = Field(None, description="A bearer token, instead of a user and password.")
    store_proxy: SecretStr | None = Field(None, description="The proxy it is reached through; none if unset.")
    store_timeout: float = Field(600.0, gt=0, description="Seconds without a byte after which a load gives it up.")
    store_connections: int = Field(8, ge=1, description="Queries sent to it at a time.")

    service_allow: str = Field(
        "", description="Endpoints that SERVICE may ask, whole addresses with commas between; none if empty."
    )
    service_allow_private: bool = Field(
        False, description="Whether those may have names with addresses that are not public."
    )
    service_credentials_file: Path | None = Field(
        None, description='A JSON file: endpoint to {"bearer": …} or {"user": …, "password": …}.'
    )
    service_proxy: SecretStr | None = Field(None, description="The proxy they are reached through; none if unset.")
    service_timeout: float = Field(30.0, gt=0, description="Seconds one request to an endpoint may take.")
    service_total: float = Field(60.0, gt=0, description="Seconds all requests of a query may take together.")
    service_caps: str = Field(
        "",
        description="The rows that endpoints give at most, each as an address, a space and a number, with commas "
        "between; found out where unsaid.",
    )
    service_requests: int = Field(500, ge=1, description="Requests a query may lead to.")
    service_parallel: int = Field(4, ge=1, description="Requests of a query at a time.")
    service_rows: int = Field(100_000, ge=1, description="Rows that an endpoint may answer a clause with.")
    service_bytes: int = Field(
        32 * 1024 * 1024, ge=1024, description="Bytes that endpoints may answer a query with, all together."
    )
    service_bindings: int = Field(
        50_000, ge=1, description="Bindings sent to an endpoint for a clause; with more, all of it is asked for."
    )
    service_cache_seconds: float = Field(60.0, ge=0, description="Seconds for which an endpoint's answer is kept.")
    service_cache_bytes: int = Field(32 * 1024 * 1024, ge=0, description="Bytes of memory for such answers.")

    harvest_batch: int = Field(
        100, ge=1, le=1000, description="Identifiers in one request of `trialweave link harvest`."
    )
    harvest_pause: float = Field(1.0, ge=0, description="Seconds between such requests.")
    harvest_timeout: float = Field(60.0, gt=0, description="Seconds that an endpoint may take to answer one of them.")

    @model_validator(mode="after")
    def _services(self) -> Self:
        from app.federation.policy import Policy  # reads these settings, and so imports them

        Policy(self)  # Its error says what is wrong.
        return self

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        for part in filter(None, map(str.strip, text.split(","))):
            ip_network(part, strict=False)  # Its error says what is wrong.
        return text
