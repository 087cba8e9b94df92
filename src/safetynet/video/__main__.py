"""``python -m safetynet.video``: the worker, without the colours that structlog takes where it finds rich."""

from safetynet.base.lean import without

if __name__ == "__main__":
    with without("rich"):
        from safetynet.video.worker import main

    main()
