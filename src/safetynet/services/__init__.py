"""The linked services, one file each: triggers, legal basis, plan, end."""
