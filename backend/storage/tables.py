"""The tables, as the newest migration leaves them. Ids are ULIDs (or chosen by people); times are UTC."""

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.types import TypeDecorator

REVISION = "models_1"
"""The newest migration, whose schema these tables are."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, always with its zone in Python, always UTC in the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; a time without a zone is a mistake."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time stamp without a zone cannot be stored.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say again that it is UTC: SQLite keeps no zone."""
        return None if value is None else value.replace(tzinfo=UTC)


# Named constraints, so that a later migration can drop them on any database.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

people = Table(
    "people",
    metadata,
    Column("person_id", String(128), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("display_name", String(128), nullable=True),
    Column("note", Text, nullable=True),
)

person_groups = Table(
    "person_groups",
    metadata,
    Column("person_id", ForeignKey("people.person_id", ondelete="CASCADE"), primary_key=True),
    Column("group_name", String(64), primary_key=True),
)

templates = Table(
    "templates",
    metadata,
    Column("template_id", String(26), primary_key=True),
    Column("person_id", ForeignKey("people.person_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("model", String(64), nullable=False),
    Column("embedding", LargeBinary, nullable=False),
    Column("quality", Float, nullable=False),
    Column("source_name", Text, nullable=False),
    Column("source_sha256", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("person_id", "model", "source_sha256"),
    # Few are of another model than the gallery's, and they are looked for often.
    Index(None, "model"),
)

# Apart from the templates, so that reading all embeddings at start does not read the pictures too.
crops = Table(
    "crops",
    metadata,
    Column("template_id", ForeignKey("templates.template_id", ondelete="CASCADE"), primary_key=True),
    Column("png", LargeBinary, nullable=False),
)

# Looks that are said not to be a person, however alike they are.
negatives = Table(
    "negatives",
    metadata,
    Column("negative_id", String(26), primary_key=True),
    Column("person_id", ForeignKey("people.person_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("model", String(64), nullable=False),
    Column("embedding", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # Where the look was seen: from its picture another model can learn it. NULL where that is not known.
    Column("sighting_id", String(26), nullable=True),
)

# One row: the model that the gallery is searched by. None in a database that no server has used yet.
gallery_model = Table(
    "gallery_model",
    metadata,
    Column("model", String(64), primary_key=True),
)

# What another model makes of the kept faces, until it takes over. NULL where it can make nothing of one.
reembedded = Table(
    "reembedded",
    metadata,
    Column("template_id", ForeignKey("templates.template_id", ondelete="CASCADE"), primary_key=True),
    Column("model", String(64), nullable=False),
    Column("embedding", LargeBinary, nullable=True),
)

# One row: how often the templates have changed, so that an index elsewhere sees that it is behind.
gallery_generation = Table(
    "gallery_generation",
    metadata,
    Column("generation", Integer, primary_key=True),
)

# Whose templates led to each generation, as JSON: it is read and never searched. NULL: anybody's.
gallery_changes = Table(
    "gallery_changes",
    metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    # Drawn for each change: two histories of the same length are told apart.
    Column("mark", String(26), nullable=False),
    Column("people", Text, nullable=True),
)

channels = Table(
    "channels",
    metadata,
    Column("channel_id", String(26), primary_key=True),
    Column("kind", String(32), nullable=False),
    # A channel without a name is a camera's own and goes with it.
    Column("name", String(128), nullable=True),
    Column("encrypted_settings", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

cameras = Table(
    "cameras",
    metadata,
    Column("camera_id", String(26), primary_key=True),
    Column("nickname", String(128), nullable=False),
    Column("encrypted_link", Text, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("cooldown_seconds", Integer, nullable=False),
    Column("channel_id", ForeignKey("channels.channel_id"), nullable=True),
    Column("notify_unknown", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("encrypted_detail_link", Text, nullable=True),
    Column("analysis_fps", Float, nullable=True),
    # The corners of a polygon, as JSON: [[x, y], …] in shares of the picture's size.
    Column("region", Text, nullable=True),
    Column("min_face_size", Integer, nullable=False, server_default="0"),
)

ENCRYPTED = (cameras, channels)
"""Each row of these has a secret in it."""

# A sighting outlives its camera and its person: it names both without a foreign key.
sightings = Table(
    "sightings",
    metadata,
    Column("sighting_id", String(26), primary_key=True),
    Column("camera_id", String(26), nullable=False),
    Column("camera_nickname", String(128), nullable=False),
    Column("person_id", String(128), nullable=True),
    Column("similarity", Float, nullable=True),
    Column("threshold", Float, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=True),
    Column("looks", Integer, nullable=False),
    Column("picture", Text, nullable=True),
    Column("box_x", Float, nullable=False),
    Column("box_y", Float, nullable=False),
    Column("box_width", Float, nullable=False),
    Column("box_height", Float, nullable=False),
    Column("model", String(64), nullable=False),
    Column("embedding", LargeBinary, nullable=False),
    # Whether a person said who it is: a camera that still looks does not unsay it.
    Column("corrected", Boolean, nullable=False, default=False, server_default=false()),
    Index(None, "camera_id", "last_seen_at"),
    Index(None, "person_id", "sighting_id"),
)

# The best looks of a sighting, each alone: what a name that is given later is learned from.
sighting_looks = Table(
    "sighting_looks",
    metadata,
    Column("sighting_id", ForeignKey("sightings.sighting_id", ondelete="CASCADE"), primary_key=True),
    # From 0, the best first.
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("model", String(64), nullable=False),
    Column("embedding", LargeBinary, nullable=False),
    Column("quality", Float, nullable=False),
    Column("png", LargeBinary, nullable=True),
)

# What happened to sightings, in order. They outlive neither: an event of a sighting that is gone tells nothing.
events = Table(
    "events",
    metadata,
    Column("event_id", Integer, primary_key=True),
    Column("happened_at", UtcDateTime, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("sighting_id", String(26), nullable=False),
)

# Requests that carried an Idempotency-Key, by its hash; without a status while they are being done.
keyed_requests = Table(
    "keyed_requests",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("claimed_at", UtcDateTime, nullable=False, index=True),
    Column("status", Integer, nullable=True),
    Column("content_type", String(128), nullable=True),
    Column("body", LargeBinary, nullable=True),
)

# Work in the background. The report is JSON, of a form that belongs to the kind: it is shown and never searched.
jobs = Table(
    "jobs",
    metadata,
    Column("job_id", String(26), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=True),
    Column("report", Text, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", String(26), primary_key=True),
    Column("sighting_id", ForeignKey("sightings.sighting_id", ondelete="CASCADE"), nullable=False),
    Column("channel_id", String(26), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    # When the channel took it: from then on a rule's cooldown runs.
    Column("delivered_at", UtcDateTime, nullable=True, index=True),
    Column("last_error", Text, nullable=True),
    # By what the channel knows the message, where it can be changed, and which name and picture it shows.
    Column("reference", String(64), nullable=True),
    Column("shown", Text, nullable=True),
    # The one message that tells of this and others together, by an id of its own.
    Column("digest_id", String(26), nullable=True, index=True),
    UniqueConstraint("sighting_id", "channel_id"),
    Index(None, "state", "next_attempt_at"),
)

# Every attempt at a delivery: when, and what came back.
attempts = Table(
    "attempts",
    metadata,
    Column("attempt_id", String(26), primary_key=True),
    Column("delivery_id", ForeignKey("deliveries.delivery_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("answer", Text, nullable=False),
)

rules = Table(
    "rules",
    metadata,
    Column("rule_id", String(26), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("who", String(16), nullable=False),
    Column("subject", String(128), nullable=True),
    Column("camera_id", String(26), nullable=True),
    # Lists of {days, begins, ends}, as JSON: they are never searched.
    Column("hours", Text, nullable=False),
    Column("quiet_hours", Text, nullable=False),
    Column("armed_only", Boolean, nullable=False),
    Column("threshold", Float, nullable=True),
    Column("cooldown_seconds", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
)

rule_channels = Table(
    "rule_channels",
    metadata,
    Column("rule_id", ForeignKey("rules.rule_id", ondelete="CASCADE"), primary_key=True),
    Column("channel_id", ForeignKey("channels.channel_id", ondelete="CASCADE"), primary_key=True),
)

# Which rules asked for a delivery. A camera's own rule has the camera's id and no row in `rules`.
firings = Table(
    "firings",
    metadata,
    Column("delivery_id", ForeignKey("deliveries.delivery_id", ondelete="CASCADE"), primary_key=True),
    Column("rule_id", String(26), primary_key=True),
    Index(None, "rule_id", "delivery_id"),
)

mutes = Table(
    "mutes",
    metadata,
    Column("mute_id", String(26), primary_key=True),
    Column("until", UtcDateTime, nullable=False),
    Column("rule_id", String(26), nullable=True),
    Column("camera_id", String(26), nullable=True),
    Column("person_id", String(128), nullable=True),
    Column("model", String(64), nullable=True),
    Column("embedding", LargeBinary, nullable=True),
)

# One row: whether the house is armed.
arming = Table(
    "arming",
    metadata,
    Column("armed", Boolean, primary_key=True),
)

# What the rules made of a sighting, each time they were asked, as JSON: it is shown and never searched.
rulings = Table(
    "rulings",
    metadata,
    Column("ruling_id", String(26), primary_key=True),
    Column("sighting_id", ForeignKey("sightings.sighting_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("document", Text, nullable=False),
)

# The keys of the API, by their hashes alone: a stolen database lets nobody in.
api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(26), primary_key=True),
    Column("name", String(128), nullable=False),
    # SHA-256 of the key, in hexadecimal.
    Column("key_hash", String(64), nullable=False, unique=True),
    # Scopes with blanks between them: they are never searched.
    Column("scopes", String(128), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=True),
    Column("last_used_at", UtcDateTime, nullable=True),
    Column("revoked_at", UtcDateTime, nullable=True),
)

# Who did what. Triggers keep it from being changed. It outlives what it names, and so has no foreign keys.
audit = Table(
    "audit",
    metadata,
    Column("audit_id", String(26), primary_key=True),
    Column("done_at", UtcDateTime, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("key_id", String(26), nullable=True),
    Column("address", String(64), nullable=True),
    Column("request_id", String(128), nullable=True),
    Column("deed", String(32), nullable=False),
    Column("subject", String(128), nullable=False),
    # As JSON: shown and never searched.
    Column("facts", Text, nullable=False),
    Index(None, "deed", "audit_id"),
)
