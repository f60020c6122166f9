"""A sighting's best looks, each alone; when a channel took a message."""

import sqlalchemy as sa
from alembic import op

revision = "notifications_4"
down_revision = "search_1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "sighting_looks",
        sa.Column("sighting_id", sa.String(length=26), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.Column("quality", sa.Float(), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["sighting_id"], ["sightings.sighting_id"], name=op.f("fk_sighting_looks_sighting_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sighting_id", "place", name=op.f("pk_sighting_looks")),
    )
    op.add_column("deliveries", sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_deliveries_delivered_at"), "deliveries", ["delivered_at"], unique=False)
    # The attempt that succeeded knows; a message from before there were attempts was taken soon after it was written.
    taken = "SELECT max(ended_at) FROM attempts WHERE attempts.delivery_id = deliveries.delivery_id"
    op.execute(f"UPDATE deliveries SET delivered_at = coalesce(({taken}), created_at) WHERE state = 'delivered'")  # noqa: S608 - no value of anybody's
