"""Rules, mutes, arming, groups, named channels; why each sighting was told or not, and every attempt to tell it."""

import sqlalchemy as sa
from alembic import op

revision = "notifications_1"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("people", sa.Column("display_name", sa.String(length=128), nullable=True))
    op.add_column("people", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("channels", sa.Column("name", sa.String(length=128), nullable=True))
    _create_rules()
    _create_records()
    # Until now each message was asked for by its camera, whose rule has its id.
    op.execute(
        "INSERT INTO firings (delivery_id, rule_id) SELECT d.delivery_id, s.camera_id FROM deliveries d "
        "JOIN sightings s ON s.sighting_id = d.sighting_id"
    )


def _create_rules() -> None:
    op.create_table(
        "person_groups",
        sa.Column("person_id", sa.String(length=128), nullable=False),
        sa.Column("group_name", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.person_id"], name=op.f("fk_person_groups_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", "group_name", name=op.f("pk_person_groups")),
    )
    op.create_table(
        "rules",
        sa.Column("rule_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("who", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=True),
        sa.Column("camera_id", sa.String(length=26), nullable=True),
        sa.Column("hours", sa.Text(), nullable=False),
        sa.Column("quiet_hours", sa.Text(), nullable=False),
        sa.Column("armed_only", sa.Boolean(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("cooldown_seconds", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_rules")),
    )
    op.create_table(
        "rule_channels",
        sa.Column("rule_id", sa.String(length=26), nullable=False),
        sa.Column("channel_id", sa.String(length=26), nullable=False),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["rules.rule_id"], name=op.f("fk_rule_channels_rule_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channels.channel_id"], name=op.f("fk_rule_channels_channel_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("rule_id", "channel_id", name=op.f("pk_rule_channels")),
    )
    op.create_table(
        "mutes",
        sa.Column("mute_id", sa.String(length=26), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rule_id", sa.String(length=26), nullable=True),
        sa.Column("camera_id", sa.String(length=26), nullable=True),
        sa.Column("person_id", sa.String(length=128), nullable=True),
        sa.Column("model", sa.String(length=64), nullable=True),
        sa.Column("embedding", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("mute_id", name=op.f("pk_mutes")),
    )
    arming = op.create_table(
        "arming",
        sa.Column("armed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("armed", name=op.f("pk_arming")),
    )
    op.bulk_insert(arming, [{"armed": True}])


def _create_records() -> None:
    op.create_table(
        "firings",
        sa.Column("delivery_id", sa.String(length=26), nullable=False),
        sa.Column("rule_id", sa.String(length=26), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.delivery_id"], name=op.f("fk_firings_delivery_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery_id", "rule_id", name=op.f("pk_firings")),
    )
    op.create_index(op.f("ix_firings_rule_id_delivery_id"), "firings", ["rule_id", "delivery_id"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("attempt_id", sa.String(length=26), nullable=False),
        sa.Column("delivery_id", sa.String(length=26), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.delivery_id"], name=op.f("fk_attempts_delivery_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempts")),
    )
    op.create_index(op.f("ix_attempts_delivery_id"), "attempts", ["delivery_id"], unique=False)
    op.create_table(
        "rulings",
        sa.Column("ruling_id", sa.String(length=26), nullable=False),
        sa.Column("sighting_id", sa.String(length=26), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sighting_id"], ["sightings.sighting_id"], name=op.f("fk_rulings_sighting_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ruling_id", name=op.f("pk_rulings")),
    )
    op.create_index(op.f("ix_rulings_sighting_id"), "rulings", ["sighting_id"], unique=False)
