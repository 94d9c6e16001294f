"""What passes from one recipient to another: pseudonym domains."""

from agreements.records.api.routes.passing import domain_transfers

router = domain_transfers.router
removing = domain_transfers.removing
