"""The aligned faces that templates were made of."""

import sqlalchemy as sa
from alembic import op

revision = "crops"
down_revision = "notifications_1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "crops",
        sa.Column("template_id", sa.String(length=26), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"], ["templates.template_id"], name=op.f("fk_crops_template_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("template_id", name=op.f("pk_crops")),
    )
