#!/usr/bin/env bash
# Expected: an entry of JAX's persistent compilation cache that was cut off while it was written (a full disk, a killed
# process) is read once, fails, is compiled again and replaced; the next start reads the new one.
# Seen (jax and jaxlib 0.10.2): it is never replaced. Writing skips a key whose file exists, whatever is in it, so every
# later start warns "Error reading persistent compilation cache entry" and compiles again, until the file is deleted.
# Who meets it: whoever sets jax_compilation_cache_dir, by compiling at each start although there is a cache.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat >"$folder/program.py" <<'PYTHON'
import jax
import numpy as np
from jax import monitoring

hits = []
monitoring.register_event_listener(lambda name, **_: hits.append(name) if name.endswith("/cache_hits") else None)
assert jax.jit(lambda x: (x @ x).sum())(np.ones((4, 4), np.float32)) == 64
print(f"jax {jax.__version__}: {len(hits)} programs from the cache")
PYTHON
export JAX_PLATFORMS=cpu JAX_COMPILATION_CACHE_DIR="$folder/cache" JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0
start() { "$folder/venv/bin/python" "$folder/program.py" 2>&1; }
echo "first: $(start)"
whole=$(start)
echo "second: $whole"
[[ $whole != *": 0 programs"* ]] || { echo "the cache does not work here"; exit 1; }
truncate --size=100 "$JAX_COMPILATION_CACHE_DIR"/*-cache
for number in 1 2 3; do
    cut=$(start)
    echo "start $number after the entries were cut to 100 bytes: $cut"
    [[ $cut == *"Error reading persistent compilation cache entry"* && $cut == *": 0 programs"* ]] ||
        { echo "they are replaced: the behaviour changed"; exit 1; }
done
