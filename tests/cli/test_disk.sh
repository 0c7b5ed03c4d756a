#!/bin/sh
# Disks that are full or cannot be written to, things that are no files, and two processes that write
# the same output: one line names what is wrong, and what was there stays whole.
# where this user may, in a namespace of its own: what is mounted ends with the test
if [ -z "${APART:-}" ] && unshare -m true 2> /dev/null; then
    APART=1 exec unshare -m "$0" "$@"
fi
. "$(dirname "$0")/common.sh"
make_model
head -c 3000 "$root/include/decimamba.h" > text
printf '1 2 3 4 5' > ids
printf '9 8 7 6' > other_ids
settings='--text text --length 64 --passages 1 --layers 1'
nothing_left() { # folder
    [ -z "$(find "$1" -name '*.tmp')" ] || failed "left: $(find "$1" -name '*.tmp')"
}

# ---- a disk that takes nothing: every command that writes says so, and what is there stays ----
# a place that holds old/ (a model with its settings), session and logits
furnish() {
    cp -r model "$1/old"
    printf '{"version": 1}' > "$1/old/decimamba.json"
    "$program" generate "$golden" --ids ids --print-ids --max-tokens 1 --save-session "$1/session" > out
    echo old > "$1/logits"
}
refuses_all() { # place, complaint
    cp -r "$1" before
    run 1 convert model "$1/new"
    complains "$1/new"
    complains "cannot write: $2"
    run 1 init "$here/ascii/config.json" "$1/new"
    complains "$1/new"
    complains "cannot write: $2"
    run 1 generate "$golden" --ids other_ids --print-ids --max-tokens 1 --save-session "$1/session"
    complains "$1/session: cannot write: $2"
    run 1 calibrate "$1/old" $settings --base-length 7
    complains "$1/old/decimamba.json: cannot write: $2"
    run 1 logits "$golden" --ids ids --output "$1/logits"
    complains "$1/logits: cannot write: $2"
    run 1 train --config "$here/ascii/config.json" --text text --output "$1/new" --steps 1 \
        --length 16 --batch-tokens 16
    complains "$1/new"
    complains "$2"
    diff -r "$1" before > diff || failed "$1 is not what it was: $(cat diff)"
    rm -r before
}
mkdir small
if [ "${APART:-}" ] && mount -t tmpfs -o size=2m tmpfs small 2> err; then
    furnish small
    head -c 3000000 /dev/zero > small/filler 2> err
    refuses_all small 'No space left on device'
    rm small/filler
    mount -o remount,ro small
    refuses_all small 'Read-only file system'
    mount -o remount,rw small
    run 0 convert model small/new
    nothing_left small
    umount small
else
    echo 'not run: a full disk, and one that is read only: this user may not mount one'
fi
# no file may grow beyond 4 KiB, which works for everybody
mkdir limited
furnish limited
cp -r limited before
(
    ulimit -f 8
    run 1 convert model limited/new
    complains 'limited/new'
    complains 'File too large'
    run 1 generate "$golden" --ids other_ids --print-ids --max-tokens 1 --save-session limited/session
    complains 'limited/session: cannot write: File too large'
    exit $n_failed
) || n_failed=$((n_failed + 1))
diff -r limited before > diff || failed "limited is not what it was: $(cat diff)"
rm -r before

# ---- a folder that this user may not write to; root may, so it becomes nobody ----
mkdir closed
furnish closed
chmod -R a+rX "$work"
chmod -R a-w closed
as_nobody="setpriv --reuid 65534 --regid 65534 --clear-groups"
if [ "$(id -u)" -ne 0 ]; then
    refuses_all closed 'Permission denied'
elif $as_nobody "$program" info "$golden" > out 2> err; then
    real=$program
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$as_nobody" "$real" > as_nobody
    chmod a+rx as_nobody
    program=$work/as_nobody
    refuses_all closed 'Permission denied'
    program=$real
else
    echo "not run: a folder that cannot be written to: nobody may not run $program"
fi
chmod -R u+w closed

# ---- no files, or files that cannot be read ----
mkfifo pipe
for thing in folder pipe gone; do
    for file in config.json model.safetensors tokenizer.json decimamba.json; do
        rm -rf odd
        cp -r model odd
        rm -f odd/$file
        case $thing in
        folder) mkdir odd/$file ;;
        pipe) cp -R pipe odd/$file ;;
        gone) [ $file != decimamba.json ] || continue ;;
        esac
        run 1 generate odd x --max-tokens 1
        complains odd
    done
done
run 1 generate "$golden" --ids ids --print-ids --load-session pipe
complains 'pipe: not a regular file'
run 1 generate "$golden" --ids ids --print-ids --load-session model
complains 'model: not a regular file'
run 1 generate "$golden" --ids ids --print-ids --load-session gone
complains 'gone: No such file'

# ---- two at once: one wins whole, or one is refused ----
mkdir one other
"$program" convert model one/out > out
"$program" convert "$golden" other/out > out
"$program" generate "$golden" --ids ids --print-ids --max-tokens 1 --save-session one/session > out
"$program" generate "$golden" --ids other_ids --print-ids --max-tokens 1 --save-session other/session > out
"$program" logits "$golden" --ids ids --output one/logits
"$program" logits "$golden" --ids other_ids --output other/logits
for which in one other; do
    cp -r model $which/model
    "$program" calibrate $which/model $settings --base-length $(echo $which | wc -c) > out
done
mkdir both
cp -r model both/model
# at_once NAME COMPLAINT: what run_one and run_other wrote into both/NAME is one of them, whole; one
# that failed complained so
at_once() {
    last="$1, twice at once"
    for round in 1 2 3 4 5 6; do
        run_one > out1 2> err1 &
        first=$!
        run_other > out2 2> err2 &
        second=$!
        wait $first
        a=$?
        wait $second
        b=$?
        [ "$a" -eq 0 ] || [ "$b" -eq 0 ] || failed "both failed: $(cat err1 err2)"
        for err in err1 err2; do
            [ ! -s $err ] || grep -qF "$2" $err || failed "said: $(cat $err)"
        done
        diff -r "both/$1" "one/$1" > diff || diff -r "both/$1" "other/$1" > diff ||
            failed "both/$1 is neither: $(cat diff)"
        nothing_left both
        [ "$1" != out ] || { [ $((a + b)) -eq 1 ] || failed 'both wrote the folder'; rm -r both/out; }
    done
}
run_one() { "$program" convert model both/out; }
run_other() { "$program" convert "$golden" both/out; }
at_once out 'both/out: already exists and is not empty'
run_one() { "$program" generate "$golden" --ids ids --print-ids --max-tokens 1 --save-session both/session; }
run_other() { "$program" generate "$golden" --ids other_ids --print-ids --max-tokens 1 --save-session both/session; }
at_once session 'no complaint'
run_one() { "$program" logits "$golden" --ids ids --output both/logits; }
run_other() { "$program" logits "$golden" --ids other_ids --output both/logits; }
at_once logits 'no complaint'
run_one() { "$program" calibrate both/model $settings --base-length "$(echo one | wc -c)"; }
run_other() { "$program" calibrate both/model $settings --base-length "$(echo other | wc -c)"; }
at_once model 'no complaint'
finish
