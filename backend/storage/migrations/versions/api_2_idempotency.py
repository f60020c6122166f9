"""Answers to requests that carried a key, so that the same request again is answered and not done again."""

import sqlalchemy as sa
from alembic import op

revision = "api_2"
down_revision = "api_1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "keyed_requests",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("content_type", sa.String(length=128), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_keyed_requests")),
    )
    op.create_index(op.f("ix_keyed_requests_claimed_at"), "keyed_requests", ["claimed_at"], unique=False)
