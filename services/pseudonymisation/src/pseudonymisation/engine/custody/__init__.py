"""Who may make and destroy keys, and how they come back: orders, a ledger and split backups.

The key store is one directory on one disk. Beside it, on another, lies what is known of its keys
(`ledger`), and backups that nobody opens alone (`backups`). What two custodians signed (`orders`)
is carried out by a command. docs/key-custody.md says how; docs/adr/0102 says why.
"""
