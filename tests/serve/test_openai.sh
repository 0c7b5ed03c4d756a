#!/bin/sh
# openai_client.py, with the Python that $DM_PYTHON names (python3 unless it does). Skipped (77) where it lacks
# OpenAI's client.
#     test_openai.sh PROGRAM SOURCE_ROOT
set -u
python=${DM_PYTHON:-python3}
command -v "$python" > /dev/null || exit 77
exec "$python" "$(dirname "$0")/openai_client.py" "$1" "$2"
