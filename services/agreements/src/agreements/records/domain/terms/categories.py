"""In which row of domain.md 4.2 a column stands, by its class, its identifier and its form."""

from enum import StrEnum


class Category(StrEnum):
    """What a released column is, in the rows of domain.md 4.2."""

    NHS_NUMBER = "nhs_number"
    DATE_OF_BIRTH = "date_of_birth"
    POSTCODE = "postcode"
    DIRECT = "direct"
    """Any other direct identifier: names, addresses, days of death."""
    LOCAL = "local"
    STAFF = "staff"
    PSEUDONYM = "pseudonym"
    DEMOGRAPHIC = "demographic"
    RESIDENCE = "residence"
    CLINICAL = "clinical"
    SENSITIVE = "sensitive"
    ORGANISATION = "organisation"
    ADMINISTRATIVE = "administrative"


PSEUDONYM = "pseudonym"
REVEALING = frozenset({"as_is", "month", "identified"})
"""Forms in which an identifier is still one: a month of birth counts as sensitive (8.3)."""

OF_CLASS = {
    "DI": Category.DEMOGRAPHIC,
    "QI": Category.DEMOGRAPHIC,
    "DER": Category.DEMOGRAPHIC,
    "CLIN": Category.CLINICAL,
    "SEN": Category.SENSITIVE,
    "ORG": Category.ORGANISATION,
    "ADM": Category.ADMINISTRATIVE,
}
"""Of what is no identifier, or no longer: a year of birth stands with the ages."""

OF_DIRECT_IDENTIFIER = {
    "nhs_number": Category.NHS_NUMBER,
    "date_of_birth": Category.DATE_OF_BIRTH,
    "postcode": Category.POSTCODE,
}
PLACES = frozenset({"QI", "DER"})


def category(
    *, field_class: str, treatment: str, identifier: str | None, derived_from: str | None
) -> Category:
    """Return the row. `derived_from`: the type of identifier that a derived column is made of."""
    if treatment == PSEUDONYM:
        return Category.PSEUDONYM
    if field_class == "LI":
        return Category.LOCAL
    if field_class == "STAFF":
        return Category.STAFF
    if identifier is not None and treatment in REVEALING:
        return OF_DIRECT_IDENTIFIER.get(identifier, Category.DIRECT)
    if derived_from == "postcode" and field_class in PLACES:
        return Category.RESIDENCE
    return OF_CLASS.get(field_class, Category.DIRECT)
