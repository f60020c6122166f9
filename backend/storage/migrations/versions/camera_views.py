"""What a camera looks at, and how often."""

import sqlalchemy as sa
from alembic import op

revision = "camera_views"
down_revision = "crops"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("cameras", sa.Column("encrypted_detail_link", sa.Text(), nullable=True))
    op.add_column("cameras", sa.Column("analysis_fps", sa.Float(), nullable=True))
    op.add_column("cameras", sa.Column("region", sa.Text(), nullable=True))
    op.add_column("cameras", sa.Column("min_face_size", sa.Integer(), nullable=False, server_default="0"))
