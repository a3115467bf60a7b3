"""Every knob of the service, in one place. Each is an environment variable with the prefix TRIALWEAVE_."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]


class Settings(BaseSettings):
    """What an operator can set, with the defaults that the documentation and the service description state."""

    model_config = SettingsConfigDict(env_prefix="TRIALWEAVE_", frozen=True)

    data: Path = Field(Path("data"), description="The data directory: generations, quarantine and the writer's lock.")
    query_timeout: float = Field(30.0, gt=0, description="Seconds a query may run before its worker is stopped.")
    query_bytes: int = Field(64 * 1024, gt=0, description="Bytes of query text accepted.")
    query_depth: int = Field(60, gt=0, description="Levels of nested brackets accepted in a query.")
    query_branches: int = Field(
        400, gt=0, description="UNION, OPTIONAL, MINUS, || and && operators accepted in a query."
    )
    answer_bytes: int = Field(100 * 1024 * 1024, gt=0, description="Bytes an answer may have.")
    workers: int = Field(2, ge=1, description="Query worker processes.")
    worker_memory: int = Field(2 * 1024**3, ge=256 * 1024**2, description="Bytes of memory a query worker may use.")
    queue: int = Field(8, ge=1, description="Queries that may wait for a worker.")
    queue_wait: float = Field(10.0, gt=0, description="Seconds a query may wait for a worker.")
    write: Literal["off", "keys", "open"] = Field(
        "off",
        description="Who may write over HTTP: nobody, who has a key, or everybody (on a loopback address only).",
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
    def keys_path(self) -> Path:
        """Where keys are kept."""
        return self.api_keys_file or self.data / "api-keys.json"
