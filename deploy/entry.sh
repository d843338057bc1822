#!/bin/sh
# In the image, `switchboard` is this; the process is replaced, so that it gets the container's signals itself.
exec python -m app.cli "$@"
