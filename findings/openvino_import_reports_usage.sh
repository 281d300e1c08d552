#!/usr/bin/env bash
# Expected: "import openvino" loads a library and does nothing else, as the imports of numpy, jax or PyTorch.
# Seen (OpenVINO 2026.4.1 with openvino-telemetry 2025.2.0, which pip installs with it): the import alone makes a number
# for the user, which stays in ~/intel, and starts a thread that forks a process to report the import to a service in
# the internet. A fork of a program with threads, as any with jax is, may hang; Python warns of it. Without the package
# openvino-telemetry nothing of this happens. Nothing is sent here: the process is caught at its start.
# Who meets it: programs that use jax beside OpenVINO; whoever has to know what a program sends.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1 openvino-telemetry==2025.2.0 numpy==2.4.6
mkdir "$folder/home"
cat > "$folder/seen.py" <<'PYTHON'
import multiprocessing.process
import os
import sys
import time

started = []
multiprocessing.process.BaseProcess.start = lambda process: started.append(process._target.__module__)
multiprocessing.process.BaseProcess.join = lambda process, timeout=None: None
multiprocessing.process.BaseProcess.is_alive = lambda process: False
import openvino  # noqa: E402

for _ in range(100):
    if started:
        break
    time.sleep(0.1)
print(openvino.__version__.split("-")[0])
print("processes started by", started)
print("in the home folder", sorted(os.listdir(os.environ["HOME"])))
PYTHON
run() { env -u CI -u TF_BUILD -u JENKINS_URL HOME="$folder/home" "$folder/venv/bin/python" "$folder/seen.py"; }
with=$(run)
"$folder/venv/bin/pip" uninstall --quiet --yes openvino-telemetry
rm -rf "$folder/home"; mkdir "$folder/home"
without=$(run)
printf 'with openvino-telemetry:\n%s\nwithout it:\n%s\n' "$with" "$without"
expected="2026.4.1
processes started by ['openvino_telemetry.backend.backend_ga4']
in the home folder ['intel']"
expected_without="2026.4.1
processes started by []
in the home folder []"
if [ "$with" != "$expected" ] || [ "$without" != "$expected_without" ]; then
    echo "this has changed; it was:" "$expected" "$expected_without" >&2
    exit 1
fi
