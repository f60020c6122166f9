"""Whose templates changed and when."""

import sqlalchemy as sa
from alembic import op

from backend.storage.ids import new_id

revision = "search_1"
down_revision = "api_3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    changes = op.create_table(
        "gallery_changes",
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mark", sa.String(length=26), nullable=False),
        sa.Column("people", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("generation", name=op.f("pk_gallery_changes")),
    )
    # The state that is there now: what an index is made of before the first change.
    generation = op.get_bind().execute(sa.text("SELECT generation FROM gallery_generation")).scalar_one()
    op.bulk_insert(changes, [{"generation": generation, "mark": new_id(), "people": None}])
