#!/bin/sh
# What surrounds the program: the CPU quota of its control group.
. "$(dirname "$0")/common.sh"
model=$root/models/passkey

# --threads 0 under a quota, in a mount namespace that shows other control groups than there are
under() { # folder that stands for them, command...
    # shellcheck disable=SC2016
    unshare $new_user --mount sh -c 'mount --bind "$1" /sys/fs/cgroup && shift && exec "$@"' sh "$@"
}
takes() { # threads, folder, flags...
    n_thread=$1 folder=$2
    shift 2
    last="info $*, under $folder"
    under "$folder" "$program" info "$model" --json "$@" > out 2> err
    grep -q "\"n_thread\":$n_thread," out || failed "not $n_thread threads: $(cat out err)"
}
mkdir -p none/cpu quota/cpu
printf '100000 100000\n' > quota/cpu.max
printf '100000\n' > quota/cpu/cpu.cfs_quota_us
printf '100000\n' > quota/cpu/cpu.cfs_period_us
new_user=
[ "$(id -u)" = 0 ] || new_user=--map-root-user
if ! grep -q -e '^0::/' -e '[:,]cpu[,:]' /proc/self/cgroup; then
    echo 'not tried: a CPU quota: there are no control groups'
elif ! under none true 2> err; then
    echo "not tried: a CPU quota: $(head -n 1 err)"
else
    takes 1 quota
    takes 3 quota --threads 3
    takes "$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)" none
fi
finish
