"""Which digest tells of a message, where a burst was put together."""

import sqlalchemy as sa
from alembic import op

revision = "notifications_3"
down_revision = "notifications_2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("deliveries", sa.Column("digest_id", sa.String(length=26), nullable=True))
    op.create_index(op.f("ix_deliveries_digest_id"), "deliveries", ["digest_id"], unique=False)
