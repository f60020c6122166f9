"""Which model the gallery is searched by, and templates that wait for another one to take over."""

import sqlalchemy as sa
from alembic import op

revision = "models_1"
down_revision = "notifications_4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "gallery_model",
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_gallery_model")),
    )
    op.create_table(
        "reembedded",
        sa.Column("template_id", sa.String(length=26), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["template_id"], ["templates.template_id"], name=op.f("fk_reembedded_template_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("template_id", name=op.f("pk_reembedded")),
    )
    op.create_index(op.f("ix_templates_model"), "templates", ["model"], unique=False)
    op.add_column("negatives", sa.Column("sighting_id", sa.String(length=26), nullable=True))
    # A look was denied as the sighting had it: whose embedding is the same is that sighting.
    op.execute(
        "UPDATE negatives SET sighting_id = (SELECT sighting_id FROM sightings"
        " WHERE sightings.model = negatives.model AND sightings.embedding = negatives.embedding LIMIT 1)"
    )
