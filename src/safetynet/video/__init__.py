"""Video at the owner: pull, live, still; ONVIF; the gateway that viewers connect to."""
