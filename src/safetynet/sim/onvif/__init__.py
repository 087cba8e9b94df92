"""The cameras' ONVIF services: device, media and PTZ for each."""
