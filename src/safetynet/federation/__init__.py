"""Hub and districts over NATS: subjects, messages, commands, catalogue, who is here."""
