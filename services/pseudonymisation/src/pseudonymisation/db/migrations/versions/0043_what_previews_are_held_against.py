"""What previews of lists and editions are held against"""

from common.db.replacement import add_held_against, drop_held_against

revision: str = "0043"
down_revision: str | None = "0037"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    add_held_against("opt_out_list", "edition")


def downgrade() -> None:
    drop_held_against("opt_out_list", "edition")
