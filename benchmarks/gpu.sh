#!/usr/bin/env bash
# The figures of this project that need a GPU, in parts of at most four minutes on an H100.
#
#   KERAS_BACKEND=jax bash benchmarks/gpu.sh cifar10_train.zip gpu_results speed modern cifar10 dcgan samples judge
#   TOY=1 KERAS_BACKEND=jax bash benchmarks/gpu.sh pictures.npz toy_results modern cifar10 dcgan resume samples    on a CPU
#
#   speed      pictures a second of this suite and of PyTorch, on the networks of three presets
#   modern     `modern` for some minutes (MINUTES, 3), then 5,000 pictures
#   small      the same with the small networks that it has on a CPU
#   dcgan      the DCGAN of the PyTorch examples, for the same minutes
#   cifar10    `cifar10` for its 200 epochs
#   resume     a run is killed and resumed: the same bytes?
#   cars       `folder`, and the small networks of `modern`, on cars_3000.npz and cars_250.npz beside the data
#   samples    50,000 pictures of the last generator of `cifar10`
#   judge      the quick distance of each run's pictures from the real ones: lower is better
#
# Each part runs alone: at the same time they slow each other down, because the program's own time counts. A part that is
# cut off leaves the generators that it has saved.
#
# The environment needs JAX and PyTorch with CUDA, and what requirements.txt lists, but no TensorFlow.
set -uo pipefail
cd "$(dirname "$0")/.."
data=$1 out=$2
shift 2
mkdir -p "$out"
small=(--network taught --filters 32 --generator-batch-normalization --loss hinge --batch-size 32
    --learning-rate 8e-4 --generator-learning-rate 1.6e-3)
rarely=(--plot-every 1000000 --checkpoint-minutes 1000000)
speed=(--presets cifar10 folder modern --turns 3 --seconds 2)
epochs=200 minutes=${MINUTES:-3} pictures=5000 many=50000 save=11 shrunk=()
if [ -n "${TOY:-}" ]; then
    speed=(--presets cifar10 --filters 4 --batch-size 4 --turns 1 --seconds 0.2)
    epochs=2 minutes=0.1 pictures=64 many=128 save=1
    shrunk=(--filters 4 --batch-size 16)
fi

say() { printf '\n=== %s, second %s\n' "$1" "$SECONDS"; }
# Name a run, and give the flags of train.py: trains, and draws from its last generator.
play() {
    local name=$1
    shift
    python3 train.py --data "$data" --out "$out/$name" --overwrite "$@" ${shrunk[@]+"${shrunk[@]}"} >"$out/$name.log" 2>&1 &&
        python3 samples.py "$(ls -t "$out/$name"/generator_e*.h5 | head -1)" --n "$pictures" \
            --out "$out/${name}_fakes.npz" >>"$out/$name.log" 2>&1
    echo "$name: exit code $?, second $SECONDS; $(grep -E 'pictures/s' "$out/$name.log" | tail -1)"
}

speed() { python3 benchmarks/speed.py "${speed[@]}" 2>&1 | tee "$out/speed.md"; }

modern() { play modern --preset modern --minutes "$minutes" --save-every 5 "${rarely[@]}"; }

small() { play small --preset modern "${small[@]}" --minutes "$minutes" --save-every 20 "${rarely[@]}"; }

cifar10() { play cifar10 --preset cifar10 --mixed-precision --epochs "$epochs" --save-every "$save" --plot-every 20; }

dcgan() {
    python3 - "$data" "$out/x_train.npz" <<'EOF'
import sys
import numpy as np
import defDATA
pictures = defDATA.load_pictures(sys.argv[1], 32, 32, 3)
np.savez(sys.argv[2], x_train=np.asarray(pictures.images[np.arange(len(pictures))]))
EOF
    python3 benchmarks/peers/torch_dcgan.py --data "$out/x_train.npz" --out "$out/dcgan" --minutes "$minutes" \
        --n "$pictures" >"$out/dcgan.log" 2>&1
    echo "dcgan: exit code $?, second $SECONDS; $(tail -1 "$out/dcgan.log")"
}

# The same bytes with and without a kill need the same kernels each time: XLA must not choose them by speed. In a shell of
# its own (parentheses), so that XLA's flags do not reach the next part.
resume() (
    local flags=(--preset cifar10 --filters 16 --epochs 2 --save-every 1 --plot-every 1000000 --data "$data") child
    export XLA_FLAGS="--xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0"
    [ -n "${TOY:-}" ] && unset XLA_FLAGS
    python3 train.py "${flags[@]}" --out "$out/whole" --overwrite >"$out/whole.log" 2>&1
    python3 train.py "${flags[@]}" --out "$out/killed" --overwrite --checkpoint-minutes 0.005 >"$out/killed.log" 2>&1 &
    child=$!
    until ls "$out"/killed/*/checkpoint_*.npz >/dev/null 2>&1 || ! kill -0 $child 2>/dev/null; do sleep 0.1; done
    kill -9 $child 2>/dev/null
    wait $child 2>/dev/null
    echo "resume: killed with $(ls "$out"/killed/*/checkpoint_*.npz | xargs -n1 basename | tr '\n' ' ')"
    python3 train.py "${flags[@]}" --out "$out/killed" --resume >>"$out/killed.log" 2>&1
    cmp "$out/whole/generator_e002.h5" "$out/killed/generator_e002.h5" && echo "resume: the same bytes, second $SECONDS"
)

cars() ( # in a shell of its own, too: the next part has the first data again
    local folder count
    folder=$(dirname "$data")
    for count in 3000 250; do
        data=$folder/cars_$count.npz
        play "folder_$count" --preset folder --image-size 64 --save-every 100 "${rarely[@]}" --minutes 0.7
        play "modern_$count" --preset modern "${small[@]}" --image-size 64 --save-every 20 "${rarely[@]}" --minutes 0.7
    done
)

samples() {
    local generator
    generator=$(ls -t "$out"/cifar10/generator_e*.h5 | head -1)
    time python3 samples.py "$generator" --n "$many" --out "$out/many.npz"
}

judge() {
    python3 - "$data" "$out"/*_fakes.npz "$out"/dcgan/fakes.npz <<'EOF'
import sys
import numpy as np
import defDATA
from support.scores.quick_distance import QuickDistance
pictures = defDATA.load_pictures(sys.argv[1], 32, 32, 3)
judge = QuickDistance(pictures.images)
for path in sys.argv[2:]:
    try:
        fakes = np.load(path)["arr_0"]
        if fakes.shape[1:] == (32, 32, 3):
            print(f"{judge(fakes):.4f}  {len(fakes):,} pictures  {path}")
    except (OSError, ValueError) as error:
        print(path, error)
EOF
}

for part in "$@"; do
    say "$part"
    "$part"
done
say "done"
