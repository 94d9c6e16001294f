"""What previews of lists and maps are held against; existing rows are sealed as they are."""

from common.db.replacement import add_held_against, drop_held_against

revision: str = "0043"
down_revision: str | None = "0034"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    add_held_against("import", "map_standing")


def downgrade() -> None:
    drop_held_against("import", "map_standing")
