"""Many agreements at once: templates, bulk issue, and agreements that are in force already."""
