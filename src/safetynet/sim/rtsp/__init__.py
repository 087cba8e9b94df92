"""The cameras' RTSP server: one port, one encoder for each watched camera."""
