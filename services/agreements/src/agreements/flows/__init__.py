"""Local flows: layouts that a DSCRO registers while the suite runs (docs/adr/0135)."""
