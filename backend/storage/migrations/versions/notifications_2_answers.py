"""What a person says to a message: who it is not, and names given by hand; which message shows what."""

import sqlalchemy as sa
from alembic import op

revision = "notifications_2"
down_revision = "camera_views"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("sightings", sa.Column("corrected", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("deliveries", sa.Column("reference", sa.String(length=64), nullable=True))
    op.add_column("deliveries", sa.Column("shown", sa.Text(), nullable=True))
    op.create_table(
        "negatives",
        sa.Column("negative_id", sa.String(length=26), nullable=False),
        sa.Column("person_id", sa.String(length=128), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.person_id"], name=op.f("fk_negatives_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("negative_id", name=op.f("pk_negatives")),
    )
    op.create_index(op.f("ix_negatives_person_id"), "negatives", ["person_id"], unique=False)
